import { BufferType, LogLevel, WasmResult } from "../../test/host/model/results.ts";
import { Connection } from "../../test/host/model/connection.ts";
import { importsFor } from "../../test/host/model/imports.ts";
import { istioJson } from "../../test/host/istio-json.ts";
import { SharedData } from "../../test/host/model/shared-data.ts";
import { Vm } from "../../test/host/model/vm.ts";
import { CONNECT, INFO, PEER } from "../../test/host/wire.ts";

type DataCallback = (context: number, size: number, endOfStream: number) => number;

/** FilterStatus::Continue of Envoy. */
const CONTINUE = 0;
const ROOT = 1;
const CONNECTION = 2;
/** Takes whatever an edit makes of one chunk: an error text is at most some hundred times longer than its frame. */
const SINK = new Uint8Array(64 << 20);

/**
 * One VM with one connection, for measuring. The host of test/host keeps, joins and copies every byte that comes out, which costs
 * more than the filter does. This driver answers reads from the current chunk, copies what the filter writes to a buffer that nobody
 * reads, and does nothing else. Everything off the fast path is left to the host of test/host.
 */
export class Driver {
  readonly #vm: Vm;
  readonly #onClient: DataCallback;
  readonly #onServer: DataCallback;
  readonly #allocate: (size: number) => number;
  readonly #memory: WebAssembly.Memory;
  /** Whether the filter has ended the connection. */
  #ended = false;
  #view: Uint8Array;
  #words: DataView;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(module: WebAssembly.Module, policy: object) {
    const properties = new Map([
      ["plugin_name", "istio-nats"],
      ["plugin_root_id", ""],
      ["plugin_vm_id", ""],
    ]);
    this.#vm = new Vm(new SharedData(), properties, LogLevel.critical);
    const imports = importsFor(module, this.#vm);
    const environment = (imports["env"] ??= {});
    const modelled = environment["proxy_get_buffer_bytes"] as (...args: number[]) => number;
    environment["proxy_get_buffer_bytes"] = (type: number, start: number, length: number, at: number, size: number) =>
      type === BufferType.PluginConfiguration
        ? modelled(type, start, length, at, size)
        : this.#read(start, length, at, size);
    environment["proxy_set_buffer_bytes"] = (
      _type: number,
      _start: number,
      _length: number,
      at: number,
      size: number,
    ) => this.#write(at, size);
    environment["proxy_close_stream"] = () => {
      this.#ended = true;
      return WasmResult.Ok;
    };
    const instance = new WebAssembly.Instance(module, imports);
    this.#vm.attach(instance);
    const exports = instance.exports as Record<string, unknown>;
    this.#memory = exports["memory"] as WebAssembly.Memory;
    this.#view = new Uint8Array(this.#memory.buffer);
    this.#words = new DataView(this.#memory.buffer);
    this.#onClient = exports["proxy_on_downstream_data"] as DataCallback;
    this.#onServer = exports["proxy_on_upstream_data"] as DataCallback;
    this.#allocate = (exports["malloc"] ?? exports["proxy_on_memory_allocate"]) as (size: number) => number;
    this.#configure(Buffer.from(istioJson(policy)));
    this.#connect();
  }

  #configure(policy: Buffer): void {
    this.#vm.call("_initialize", 0);
    this.#vm.roots.set(ROOT, { id: ROOT, tickPeriod: 0 });
    this.#vm.call("proxy_on_context_create", ROOT, 0);
    this.#vm.call("proxy_on_vm_start", ROOT, 0);
    this.#vm.configuration = policy;
    if (this.#vm.call("proxy_on_configure", ROOT, policy.length) === 0)
      throw new Error(`the filter refused the policy: ${JSON.stringify(this.#vm.logs)}`);
  }

  #connect(): void {
    const peer: [string, string][] = [["connection.uri_san_peer_certificate", PEER]];
    this.#vm.connections.set(CONNECTION, new Connection(this.#vm, CONNECTION, ROOT, peer));
    this.#vm.call("proxy_on_context_create", CONNECTION, ROOT);
    this.#vm.current = CONNECTION;
    this.server(Buffer.from(INFO));
    this.client(Buffer.from(CONNECT));
  }

  /** The client sends `chunk`. Throws if the filter lets nothing pass any more, which takes no time and is no measurement. */
  client(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#mustPass(this.#onClient(CONNECTION, chunk.length, 0));
  }

  /** nats-server sends `chunk`. Throws as `client` does. */
  server(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#mustPass(this.#onServer(CONNECTION, chunk.length, 0));
  }

  #read(start: number, length: number, at: number, size: number): number {
    const given = Math.max(Math.min(length, this.#chunk.length - start), 0);
    const pointer = given > 0 ? this.#allocate(given) : 0;
    this.#fresh();
    if (given > 0) this.#view.set(this.#chunk.subarray(start, start + given), pointer);
    this.#words.setUint32(at, pointer, true);
    this.#words.setUint32(size, given, true);
    return WasmResult.Ok;
  }

  #write(from: number, size: number): number {
    this.#fresh();
    if (size > 0) SINK.set(this.#view.subarray(from, from + size));
    return WasmResult.Ok;
  }

  #mustPass(status: number): void {
    if (status !== CONTINUE || this.#ended)
      throw new Error("the filter has ended the connection, or holds what it was sent");
  }

  /** The views detach when the memory grows. */
  #fresh(): void {
    if (this.#view.buffer === this.#memory.buffer) return;
    this.#view = new Uint8Array(this.#memory.buffer);
    this.#words = new DataView(this.#memory.buffer);
  }
}
