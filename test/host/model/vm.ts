import type { Connection } from "./connection.ts";
import { Metrics } from "./metrics.ts";
import type { LogLevelName } from "./results.ts";
import type { SharedData } from "./shared-data.ts";

/** Serialises as Envoy's `serializeValue` does: strings and bytes unchanged, integers as int64, booleans as one byte. */
export type PropertyValue = string | Uint8Array | number | bigint | boolean;

export interface LogLine {
  level: LogLevelName;
  message: string;
  /** The context that logged. */
  context: number;
}

/** A root context: one plugin configuration in this VM. */
export interface Root {
  readonly id: number;
  /** The plugin's name. The VM's `plugin_name` by default. */
  readonly plugin?: string;
  /** Tick period in milliseconds; 0 until the module asks for ticks. */
  tickPeriod: number;
}

/** Bytes of a page of memory, and such a page that nobody has written to. */
const PAGE = 65536;
const UNWRITTEN = Buffer.alloc(PAGE);

type Callback = (...args: number[]) => number | undefined;

/** One Wasm VM: memory, contexts, and what the module can reach through its imports. */
export class Vm {
  readonly metrics = new Metrics();
  readonly logs: LogLine[] = [];
  /** Calls per import since construction or `counts` was cleared by the test. */
  readonly counts: Record<string, number> = {};
  /** Imports that do nothing and answer an error, as those of a proxy with a fault would. */
  readonly refused = new Set<string>();
  /** The one call of an import, counted from 1, that does nothing and answers an error. */
  readonly refusedCalls = new Map<string, number>();
  /** So many bytes of a stream are handed over less than the module asks for. */
  withheldBytes = 0;
  /** Bytes that `proxy_get_buffer_bytes` has handed over. */
  bufferBytesRead = 0;
  readonly roots = new Map<number, Root>();
  readonly connections = new Map<number, Connection>();
  /** Nanoseconds since 1970. */
  now = 1_700_000_000_000_000_000n;
  /** Nanoseconds that pass from one clock read of the module to the next. */
  clockStep = 0n;
  /** The context that a callback runs for. `proxy_set_effective_context` replaces it until the callback returns. */
  current = 0;
  effective = 0;
  /** The configuration. It is readable only while `proxy_on_configure` runs. */
  configuration: Uint8Array | null = null;
  /** What broke the VM. Every later call throws it again, because Envoy never enters a failed VM again. */
  failure: unknown;

  private exports!: WebAssembly.Exports;
  private memory!: WebAssembly.Memory;
  private view = new DataView(new ArrayBuffer(0));
  private view8 = new Uint8Array(0);
  private allocate!: (size: number) => number;
  private deferred: (() => void)[] = [];
  private depth = 0;

  constructor(
    readonly shared: SharedData,
    readonly properties: Map<string, PropertyValue>,
    readonly minimumLevel: number,
  ) {}

  attach(instance: WebAssembly.Instance): void {
    this.exports = instance.exports;
    const memory = instance.exports["memory"];
    if (!(memory instanceof WebAssembly.Memory)) throw new Error("the module does not export its memory");
    this.memory = memory;
    // proxy-wasm-cpp-host prefers malloc (src/wasm.cc, getFunctions).
    const allocate = instance.exports["malloc"] ?? instance.exports["proxy_on_memory_allocate"];
    if (typeof allocate !== "function")
      throw new Error("the module exports neither malloc nor proxy_on_memory_allocate");
    this.allocate = allocate as (size: number) => number;
  }

  /** A global of a build that counts something about itself (tools/count-allocations.mjs). */
  global(name: string): number {
    const global = this.exports[name];
    if (!(global instanceof WebAssembly.Global)) throw new Error(`the module exports no global ${name}`);
    return global.value as number;
  }

  exportsFunction(name: string): boolean {
    return typeof this.exports[name] === "function";
  }

  /**
   * Runs a callback for the context `id`, and then what it deferred, as ~DeferAfterCallActions does. Returns undefined if the
   * module does not export the callback or it returns nothing. A trap makes the VM fail and is rethrown, so that no test can miss
   * it.
   */
  call(name: string, id: number, ...rest: number[]): number | undefined {
    if (this.failure !== undefined) throw new Error(`${name}: the VM failed before`, { cause: this.failure });
    const callback = this.exports[name] as Callback | undefined;
    if (callback === undefined) return undefined;
    const { current, effective } = this;
    this.current = id;
    this.effective = 0;
    this.depth++;
    let answer: number | undefined;
    try {
      answer = callback(id, ...rest);
    } catch (error) {
      this.failure = error;
      throw error;
    } finally {
      this.depth--;
      this.current = current;
      this.effective = effective;
    }
    if (this.depth === 0) this.runDeferred();
    return answer;
  }

  defer(action: () => void): void {
    this.deferred.push(action);
  }

  private runDeferred(): void {
    while (this.deferred.length > 0) this.deferred.shift()!();
  }

  /** The id of the context that imports act for. */
  context(): number {
    return this.effective === 0 ? this.current : this.effective;
  }

  /** The root context of the callback, or that of its connection. */
  root(): Root | undefined {
    return this.roots.get(this.connection()?.root ?? this.context());
  }

  connection(): Connection | undefined {
    return this.connections.get(this.context());
  }

  forget(connection: Connection): void {
    this.connections.delete(connection.id);
  }

  get pages(): number {
    return this.memory.buffer.byteLength / PAGE;
  }

  /** The pages that contain anything but zeros, which the machine had to provide memory for. */
  get writtenPages(): number {
    let written = 0;
    for (let page = 0; page < this.pages; page++) {
      const bytes = Buffer.from(this.memory.buffer, page * PAGE, PAGE);
      if (!bytes.equals(UNWRITTEN)) written++;
    }
    return written;
  }

  /** A new view after every growth, which detaches the old one. */
  bytes(): Uint8Array {
    if (this.view8.buffer !== this.memory.buffer) {
      this.view8 = new Uint8Array(this.memory.buffer);
      this.view = new DataView(this.memory.buffer);
    }
    return this.view8;
  }

  /** A copy of module memory, or undefined where Envoy answers InvalidMemoryAccess. */
  read(pointer: number, size: number): Uint8Array | undefined {
    const [from, to] = [pointer >>> 0, (pointer >>> 0) + (size >>> 0)];
    const memory = this.bytes();
    return to > memory.length ? undefined : memory.slice(from, to);
  }

  setU32(pointer: number, value: number): void {
    this.bytes();
    this.view.setUint32(pointer >>> 0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.bytes();
    this.view.setBigUint64(pointer >>> 0, value, true);
  }

  /** Envoy's `copyToPointerSize`: the module allocates, unless there is nothing to copy. */
  give(data: Uint8Array, pointerOut: number, sizeOut: number): boolean {
    let pointer = 0;
    if (data.length > 0) {
      pointer = this.allocate(data.length) >>> 0;
      const memory = this.bytes();
      if (pointer === 0 || pointer + data.length > memory.length) return false;
      memory.set(data, pointer);
    }
    this.setU32(pointerOut, pointer);
    this.setU32(sizeOut, data.length);
    return true;
  }
}
