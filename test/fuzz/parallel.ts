import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { ClientRun } from "./client-fuzz.ts";

const WORKER = fileURLToPath(new URL("./client-worker.ts", import.meta.url));

async function runApart(seed: number, inputs: number): Promise<ClientRun> {
  const child = fork(WORKER, [String(seed), String(inputs)], { execArgv: ["--import", "tsx"] });
  let answer: ClientRun | undefined;
  child.on("message", (message) => {
    answer = message as ClientRun;
  });
  const [status] = (await once(child, "exit")) as [number | null];
  if (answer === undefined) throw new Error(`the process of seed ${seed} ended with ${status} and no answer`);
  return answer;
}

/** Runs `inputs` inputs over all cores, each in a process with a seed of its own that is derived from `seed`. */
export async function fuzzClients(seed: number, inputs: number): Promise<ClientRun[]> {
  const cores = availableParallelism();
  return Promise.all(
    Array.from({ length: cores }, (_, core) => runApart((seed + core) >>> 0, Math.ceil(inputs / cores))),
  );
}
