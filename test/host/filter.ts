import { readFileSync } from "node:fs";
import { buildCountingFilter, filterWasm } from "../../tools/wasm.ts";

let compiled: WebAssembly.Module | undefined;

/** The built filter, compiled once per process. */
export function filterModule(): WebAssembly.Module {
  return (compiled ??= new WebAssembly.Module(readFileSync(filterWasm)));
}

/** The filter built so that it counts what it allocates (tools/count-allocations.mjs). What it does is the same. */
export async function countingModule(): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(readFileSync(await buildCountingFilter()));
}
