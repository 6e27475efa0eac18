import { WasmResult } from "./results.ts";

/**
 * The proxy's shared data of one vm_id (proxy-wasm-cpp-host src/shared_data.cc). Pass one to several hosts to model the VMs of
 * several workers or of several plugins, because Istio leaves the vm_id empty.
 */
export class SharedData {
  private readonly entries = new Map<string, { value: Uint8Array; cas: number }>();
  private lastCas = 0;

  /** Keys are bytes, stored as latin-1. */
  get(key: string): { value: Uint8Array; cas: number } | undefined {
    return this.entries.get(key);
  }

  get keys(): Iterable<string> {
    return this.entries.keys();
  }

  /** A `cas` of 0 always writes. Any other must equal that of the present value. */
  set(key: string, value: Uint8Array, cas = 0): number {
    const present = this.entries.get(key);
    if (present && cas !== 0 && cas !== present.cas) return WasmResult.CasMismatch;
    this.entries.set(key, { value, cas: ++this.lastCas });
    return WasmResult.Ok;
  }
}
