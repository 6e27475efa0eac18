import { readFileSync, writeFileSync } from "node:fs";

/** What a process with V8 holds of the machine's memory, in bytes. */
export interface Resident {
  /** All of it, including the pages of the program that others may share. */
  all: number;
  /** What is only its own: heaps, stacks, and the memories of Wasm. */
  anonymous: number;
  /** The linear memories of Wasm: how large each is, and how much of that was ever written to. */
  memories: { size: number; resident: number }[];
}

/** V8 reserves this much behind a linear memory, and more, so that no 32-bit index leads anywhere else. */
const GUARD = 2 ** 32;

interface Mapping {
  size: number;
  rights: string;
  resident: number;
  anonymous: number;
}

function mappingsOf(smaps: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of smaps.split("\n")) {
    const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) /.exec(line) ?? [];
    if (from !== undefined && to !== undefined && rights !== undefined)
      mappings.push({ size: parseInt(to, 16) - parseInt(from, 16), rights, resident: 0, anonymous: 0 });
    const [, name, kib] = /^(Rss|Anonymous):\s+(\d+) kB$/.exec(line) ?? [];
    const last = mappings.at(-1);
    if (last && name !== undefined) last[name === "Rss" ? "resident" : "anonymous"] = Number(kib) * 1024;
  }
  return mappings;
}

/** What a process holds now (Linux). */
export function residentOf(pid: number): Resident {
  const mappings = mappingsOf(readFileSync(`/proc/${pid}/smaps`, "latin1"));
  const total = (key: "resident" | "anonymous"): number => mappings.reduce((sum, mapping) => sum + mapping[key], 0);
  const isMemory = ({ rights }: Mapping, i: number): boolean => {
    const next = mappings[i + 1];
    return rights === "rw-p" && next?.rights === "---p" && next.size > GUARD;
  };
  const memories = mappings.filter(isMemory).map(({ size, resident }) => ({ size, resident }));
  return { all: total("resident"), anonymous: total("anonymous"), memories };
}

/** The most that a process has held since it began, or since `forgetPeak` (Linux). */
export function peakOf(pid: number): number {
  const [, kib = ""] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return Number(kib) * 1024;
}

/** Has Linux count a process's peak anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
