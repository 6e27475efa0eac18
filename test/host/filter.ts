import { readFileSync } from "node:fs";
import { filterWasm } from "../../tools/wasm.ts";

let compiled: WebAssembly.Module | undefined;

/** The built filter, compiled once per process. */
export function filterModule(): WebAssembly.Module {
  return (compiled ??= new WebAssembly.Module(readFileSync(filterWasm)));
}
