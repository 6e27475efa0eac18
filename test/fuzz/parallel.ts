import { availableParallelism } from "node:os";
import { must } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import type { ClientRun } from "./client-fuzz.ts";

const WORKER = inRoot("test", "fuzz", "client-worker.ts");

async function runApart(seed: number, inputs: number): Promise<ClientRun> {
  const args = ["--import", "tsx", WORKER, String(seed), String(inputs)];
  return JSON.parse(await must(`The process of seed ${seed} gave no answer.`, process.execPath, args)) as ClientRun;
}

/** Runs `inputs` inputs over all cores, each in a process with a seed of its own that is derived from `seed`. */
export async function fuzzClients(seed: number, inputs: number): Promise<ClientRun[]> {
  const cores = availableParallelism();
  return Promise.all(
    Array.from({ length: cores }, (_, core) => runApart((seed + core) >>> 0, Math.ceil(inputs / cores))),
  );
}
