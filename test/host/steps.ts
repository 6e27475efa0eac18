import { readFileSync } from "node:fs";
import { buildStepCountingFilter } from "../../tools/wasm.ts";
import type { Host } from "./host.ts";

/** The filter built so that it counts its steps (tools/count-steps.mjs). What it does is the same. */
export async function stepCountingModule(): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(readFileSync(await buildStepCountingFilter()));
}

/**
 * How much the filter in this host, which is of a module that counts, works for this: functions entered, rounds of loops and bytes
 * copied. A bound on it holds on every machine, where one on time fails with what else the machine does.
 */
export function stepsOf(host: Host, work: () => void): number {
  const before = host.global("steps");
  work();
  return (host.global("steps") - before) >>> 0;
}
