import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import type { Stand } from "../test/stand/stand.ts";
import { run } from "../tools/command.ts";
import { filterWasm } from "../tools/wasm.ts";

/** A module that was measured. */
export interface Build {
  bytes: number;
  /** The first digits of its SHA-256. */
  sha256: string;
}

/** Where and when a run took place, and with which versions. */
export interface Machine {
  date: string;
  /** The processor, how many cores it has here, the memory and the system, in words. */
  machine: string;
  envoy: string;
  natsServer: string;
  go: string;
  node: string;
  module: Build;
}

export function buildAt(file: string): Build {
  const bytes = readFileSync(file);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex").slice(0, 12) };
}

/** Call it when the run begins: a module that is built meanwhile is not the one that Envoy has loaded. */
export async function machineFacts(stand: Stand): Promise<Machine> {
  const server = await stand.nats.monitor<{ version: string; go: string }>("/varz");
  const { output } = await run("go", ["env", "GOVERSION"]);
  const cpu = cpus()[0]?.model.trim() ?? "a processor";
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpu}, ${cpus().length} cores, ${memory} GiB, ${type()} ${release()}`,
    envoy: await stand.envoy.version(),
    natsServer: `${server.version} (${server.go})`,
    go: output.trim(),
    node: process.versions.node,
    module: buildAt(filterWasm),
  };
}

/** What else ran during a run, as shares of the time of all cores. */
export interface Disturbance {
  /** CPU time of processes that do not belong to the bench. */
  others: number;
  /** Time that the hypervisor gave to other virtual machines. */
  stolen: number;
}

/** Ticks of all cores, from the first line of /proc/stat. */
export function coreTimes(stat: string): { total: number; busy: number; stolen: number } {
  const [, user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0] = stat
    .split("\n", 1)
    .join()
    .split(/\s+/)
    .map(Number);
  const busy = user + nice + system + irq + softirq;
  return { total: busy + idle + wait + stolen, busy, stolen };
}

/** Ticks of a process, and of its children that it has waited for. None of one that has ended: then its parent has them. */
function ticksOf(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  const text = readFileSync(file, "utf8");
  // The command stands in parentheses and may contain blanks. utime, stime, cutime and cstime are fields 14 to 17, counted from 1.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

/** Starts to watch the machine. The returned function reports what has happened since. `pids` are this process and its children. */
export function watchMachine(pids: readonly number[]): () => Disturbance {
  const times = (): ReturnType<typeof coreTimes> & { own: number } => ({
    ...coreTimes(readFileSync("/proc/stat", "utf8")),
    own: pids.map(ticksOf).reduce((a, b) => a + b, 0),
  });
  const before = times();
  return () => {
    const after = times();
    const total = after.total - before.total;
    const others = after.busy - before.busy - (after.own - before.own);
    return { others: Math.max(0, others) / total, stolen: (after.stolen - before.stolen) / total };
  };
}
