import { readFileSync } from "node:fs";

/** Where `npm run build` puts the filter; its path and name are an interface. */
export const FILTER_PATH = new URL("../../build/istio-nats.wasm", import.meta.url);

let compiled: WebAssembly.Module | undefined;

/** The built filter, compiled once a process. */
export function filterModule(): WebAssembly.Module {
  return (compiled ??= new WebAssembly.Module(readFileSync(FILTER_PATH)));
}
