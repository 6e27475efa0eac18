import { WasmResult } from "./results.ts";

export const EMPTY = new Uint8Array(0);

/** `Envoy::Buffer` with the edits that Envoy's Wasm `Buffer::copyFrom` makes (source/extensions/common/wasm/context.cc). */
export class NetworkBuffer {
  bytes: Uint8Array = EMPTY;

  get length(): number {
    return this.bytes.length;
  }

  append(data: Uint8Array): void {
    if (data.length === 0) return;
    this.bytes = this.bytes.length === 0 ? data : joined(this.bytes, data);
  }

  /** Empties the buffer and returns its content. */
  take(): Uint8Array {
    const all = this.bytes;
    this.bytes = EMPTY;
    return all;
  }

  /** `data` must be a copy, because it stays here after the call. */
  edit(start: number, length: number, data: Uint8Array): number {
    if (start === 0) {
      const rest = this.bytes.subarray(Math.min(length, this.bytes.length));
      this.bytes = rest.length === 0 ? data : data.length === 0 ? rest : joined(data, rest);
      return WasmResult.Ok;
    }
    if (start < this.bytes.length) return WasmResult.BadArgument;
    this.append(data);
    return WasmResult.Ok;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

export function joinedAll(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  return parts.length === 0 ? EMPTY : new Uint8Array(Buffer.concat(parts));
}
