import { existsSync, readFileSync, statSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { run } from "../tools/command.ts";
import { filterWasm } from "../tools/wasm.ts";
import type { Stand } from "../test/stand/stand.ts";

/** Where the measurement ran, and with which versions. */
export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  /** Of these, the ones that the bench and what it starts may run on, which `taskset` or a container may bound. */
  usable: number;
  /** Bytes. */
  memory: number;
  system: string;
  envoy: string;
  natsServer: string;
  go: string;
  node: string;
  /** Bytes of build/istio-nats.wasm. */
  moduleSize: number;
}

export async function machineFacts(stand: Stand): Promise<Machine> {
  const server = await stand.nats.monitor<{ version: string; go: string }>("/varz");
  const { output } = await run("go", ["env", "GOVERSION"]);
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    usable: availableParallelism(),
    memory: totalmem(),
    system: `${type()} ${release()}`,
    envoy: await stand.envoy.version(),
    natsServer: `${server.version} (${server.go})`,
    go: output.trim(),
    node: process.versions.node,
    moduleSize: statSync(filterWasm).size,
  };
}

/** What else ran during the whole run, as shares of the time of the cores that the bench may use. */
export interface Disturbance {
  /** CPU time of processes that do not belong to the bench. */
  others: number;
  /** Time that the hypervisor gave to other virtual machines. */
  stolen: number;
  loadAverage: number;
}

/** Beyond this share of these cores, other processes show in the rates. */
const DISTURBED = 0.05;

export function isDisturbed({ others, stolen }: Disturbance): boolean {
  return others + stolen > DISTURBED;
}

/** Ticks of the cores that count. */
interface CoreTimes {
  total: number;
  busy: number;
  stolen: number;
}

interface Times extends CoreTimes {
  own: number;
}

/** The cores in a list of the kernel: 0, 1, 2 and 8 of `0-2,8`. */
function coresIn(list: string): Set<string> {
  const ranges = list.split(",").map((range) => range.split("-").map(Number));
  return new Set(
    ranges.flatMap(([first = NaN, last = first]) =>
      Array.from({ length: last - first + 1 }, (_, i) => `cpu${first + i}`),
    ),
  );
}

/**
 * The times of the cores that this process may run on. `stat` and `status` are the kernel's files of the machine and of the process.
 * Where they do not fit together, as in some containers, it is all cores.
 */
export function coreTimes(stat: string, status: string): CoreTimes {
  const lines = stat.split("\n").map((line) => line.trim().split(/\s+/));
  const allowed = coresIn(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "");
  const ours = lines.filter(([core = ""]) => allowed.has(core));
  const sum = { total: 0, busy: 0, stolen: 0 };
  for (const [, ...fields] of ours.length > 0 ? ours : lines.slice(0, 1)) {
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0] = fields.map(Number);
    const busy = user + nice + system + irq + softirq;
    sum.total += busy + idle + wait + stolen;
    sum.busy += busy;
    sum.stolen += stolen;
  }
  return sum;
}

/** utime and stime of a process, in ticks, including those of children it has waited for, of which one that has ended is. */
function ticksOf(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  const text = readFileSync(file, "utf8");
  // The command stands in parentheses and may contain blanks.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

function times(pids: readonly number[]): Times {
  const cores = coreTimes(readFileSync("/proc/stat", "utf8"), readFileSync("/proc/self/status", "utf8"));
  return { ...cores, own: pids.map(ticksOf).reduce((a, b) => a + b, 0) };
}

/**
 * Starts to watch the machine. The returned function reports what has happened since. `pids` are this process and its children, of
 * which some may end and others begin meanwhile.
 */
export function watchMachine(pids: () => readonly number[]): () => Disturbance {
  const before = times(pids());
  return () => {
    const after = times(pids());
    const total = after.total - before.total;
    const others = after.busy - before.busy - (after.own - before.own);
    return {
      others: Math.max(0, others) / total,
      stolen: (after.stolen - before.stolen) / total,
      loadAverage: loadavg()[0] ?? NaN,
    };
  };
}
