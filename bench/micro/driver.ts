import { performance } from "node:perf_hooks";
import { Connection } from "../../test/host/model/connection.ts";
import { importsFor, type Imports } from "../../test/host/model/imports.ts";
import { BufferType, LogLevel, WasmResult } from "../../test/host/model/results.ts";
import { SharedData } from "../../test/host/model/shared-data.ts";
import { Vm } from "../../test/host/model/vm.ts";
import { CONNECT, INFO, PEER } from "../../test/host/wire.ts";

type DataCallback = (context: number, size: number, endOfStream: number) => number;

/** FilterStatus::Continue of Envoy. */
const CONTINUE = 0;

/** One call of the module to the host, with what its cost depends on. */
interface Call {
  reads: boolean;
  start: number;
  length: number;
  /** Address of the bytes in the module's memory. */
  pointer: number;
}

const ROOT = 1;
const CONNECTION = 2;
/** Room for whatever an edit makes of one chunk: an error text is at most some hundred times longer than its frame. */
const SINK = new Uint8Array(64 << 20);

/**
 * One VM with one connection at a time, for measuring. The host of test/host keeps, joins and copies every byte that comes out, which costs
 * more than the filter does. This driver answers reads from the current chunk, copies what the filter writes to a buffer that
 * nobody reads, and does nothing else. Everything off the hot path is left to the host of test/host.
 */
export class Driver {
  private readonly vm: Vm;
  private readonly onClient: DataCallback;
  private readonly onServer: DataCallback;
  private readonly nothing: (context: number, peer: number) => void;
  private readonly allocate: (size: number) => number;
  private readonly memory: WebAssembly.Memory;
  private connection: Connection;
  /** Whether the filter has ended the connection. */
  private ended = false;
  private view: Uint8Array;
  private words: DataView;
  private chunk: Uint8Array = new Uint8Array(0);
  /** Null unless calls are being recorded. */
  private recorded: Call[] | null = null;
  /** How long the configuration took, in milliseconds. */
  readonly configured: number;
  /** How long the first connection took until nats-server has its CONNECT, in milliseconds. */
  readonly connected: number;

  /** `others` makes imports that the filter does not need and that the host of test/host therefore lacks. */
  constructor(module: WebAssembly.Module, configuration: string, others: (vm: Vm) => Imports = () => ({})) {
    const properties = new Map([
      ["plugin_name", "istio-nats"],
      ["plugin_root_id", ""],
      ["plugin_vm_id", ""],
    ]);
    this.vm = new Vm(new SharedData(), properties, LogLevel.critical);
    const imports = importsFor(module, this.vm, others(this.vm));
    const environment = (imports["env"] ??= {});
    const modelled = environment["proxy_get_buffer_bytes"] as (...args: number[]) => number;
    environment["proxy_get_buffer_bytes"] = (type: number, start: number, length: number, at: number, size: number) =>
      type === BufferType.PluginConfiguration
        ? modelled(type, start, length, at, size)
        : this.read(start, length, at, size);
    environment["proxy_set_buffer_bytes"] = (
      _type: number,
      start: number,
      length: number,
      from: number,
      size: number,
    ) => this.write(start, length, from, size);
    environment["proxy_close_stream"] = () => {
      this.ended = true;
      return WasmResult.Ok;
    };
    const instance = new WebAssembly.Instance(module, imports);
    this.vm.attach(instance);
    const exports = instance.exports as Record<string, unknown>;
    this.memory = exports["memory"] as WebAssembly.Memory;
    this.view = new Uint8Array(this.memory.buffer);
    this.words = new DataView(this.memory.buffer);
    this.onClient = exports["proxy_on_downstream_data"] as DataCallback;
    this.onServer = exports["proxy_on_upstream_data"] as DataCallback;
    this.nothing = exports["proxy_on_downstream_connection_close"] as (context: number, peer: number) => void;
    this.allocate = (exports["malloc"] ?? exports["proxy_on_memory_allocate"]) as (size: number) => number;

    const bytes = Buffer.from(configuration);
    this.vm.call("_initialize", 0);
    this.vm.roots.set(ROOT, { id: ROOT, tickPeriod: 0 });
    this.vm.call("proxy_on_context_create", ROOT, 0);
    this.vm.call("proxy_on_vm_start", ROOT, 0);
    this.vm.configuration = bytes;
    const from = performance.now();
    if (this.vm.call("proxy_on_configure", ROOT, bytes.length) === 0) {
      throw new Error(`the filter refused the policy: ${JSON.stringify(this.vm.logs)}`);
    }
    this.configured = performance.now() - from;
    const accepted = performance.now();
    this.connection = this.connect();
    this.connected = performance.now() - accepted;
  }

  /** Ends the connection and makes another one. */
  reconnect(): void {
    this.connection.close();
    this.ended = false;
    this.connection = this.connect();
  }

  private connect(): Connection {
    const peer: [string, string][] = [["connection.uri_san_peer_certificate", PEER]];
    const connection = new Connection(this.vm, CONNECTION, ROOT, peer);
    this.vm.connections.set(CONNECTION, connection);
    this.vm.call("proxy_on_context_create", CONNECTION, ROOT);
    this.vm.current = CONNECTION;
    this.server(Buffer.from(INFO));
    this.client(Buffer.from(CONNECT));
    return connection;
  }

  /** The client sends `chunk`. Throws if the filter lets nothing pass any more, which takes no time and is no measurement. */
  client(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.mustPass(this.onClient(CONNECTION, chunk.length, 0));
  }

  /** nats-server sends `chunk`. Throws as `client` does. */
  server(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.mustPass(this.onServer(CONNECTION, chunk.length, 0));
  }

  /** Runs the tick, which a worker does twice a second. */
  tick(): void {
    this.vm.call("proxy_on_tick", ROOT);
    this.vm.current = CONNECTION;
  }

  /** A callback that does nothing, to measure what crossing into Wasm alone costs. */
  empty(): void {
    this.nothing(CONNECTION, 0);
  }

  /** Memory of the VM, in pages of 64 KiB. */
  get pages(): number {
    return this.memory.buffer.byteLength / 65_536;
  }

  /** Counters by raw name, as of the last tick. */
  get metrics(): ReadonlyMap<string, number> {
    return this.vm.metrics.values;
  }

  /** A number that the module counts about itself. */
  global(name: string): number {
    return this.vm.global(name);
  }

  /** The host calls that `act` makes. */
  record(act: () => void): Call[] {
    this.recorded = [];
    act();
    const calls = this.recorded;
    this.recorded = null;
    return calls;
  }

  /** Makes these calls again without the filter, to measure the host's share. */
  replay(calls: readonly Call[], chunk: Uint8Array): void {
    this.chunk = chunk;
    for (const { reads, start, length, pointer } of calls) {
      // The module did not announce its read here; a real host would ask its heap for the actual size.
      if (reads) this.allocate(8);
      if (reads) this.give(start, length, pointer);
      else this.write(0, 0, pointer, length);
    }
  }

  private read(start: number, length: number, at: number, size: number): number {
    const given = Math.max(Math.min(length, this.chunk.length - start), 0);
    const pointer = given > 0 ? this.allocate(given) : 0;
    this.recorded?.push({ reads: true, start, length: given, pointer });
    this.give(start, given, pointer);
    this.fresh();
    this.words.setUint32(at, pointer, true);
    this.words.setUint32(size, given, true);
    return WasmResult.Ok;
  }

  private give(start: number, length: number, pointer: number): void {
    if (length === 0) return;
    this.fresh();
    const whole = start === 0 && length === this.chunk.length;
    this.view.set(whole ? this.chunk : this.chunk.subarray(start, start + length), pointer);
  }

  private write(_start: number, _length: number, from: number, size: number): number {
    this.fresh();
    this.recorded?.push({ reads: false, start: 0, length: size, pointer: from });
    if (size > 0) SINK.set(this.view.subarray(from, from + size));
    return WasmResult.Ok;
  }

  private mustPass(status: number): void {
    if (status !== CONTINUE || this.ended)
      throw new Error("the filter has ended the connection, or holds what it was sent");
  }

  /** The views detach when the memory grows. */
  private fresh(): void {
    if (this.view.buffer === this.memory.buffer) return;
    this.view = new Uint8Array(this.memory.buffer);
    this.words = new DataView(this.memory.buffer);
  }
}
