/**
 * A small Proxy-Wasm host for the compiled filter. It is fast enough for a million inputs, and it counts every call.
 *
 * It is a model, written from Envoy's source (named in `model/`). It has one filter before tcp_proxy, no TLS, no watermarks, no
 * delayed flush and no connection pool: tcp_proxy accepts whatever it is given, at once. test/e2e tests what depends on those in a
 * real Envoy. If the two disagree, Envoy is right.
 */
import { istioJson } from "./istio-json.ts";
import { Connection, bytesOf } from "./model/connection.ts";
import { importsFor } from "./model/imports.ts";
import { LogLevel, type LogLevelName } from "./model/results.ts";
import { SharedData } from "./model/shared-data.ts";
import { Vm, type LogLine, type PropertyValue, type Root } from "./model/vm.ts";

export { SharedData, type Connection, type LogLine, type PropertyValue };

export interface HostOptions {
  /** Properties of the proxy, by dotted path: `xds.node.metadata.NAMESPACE`, `plugin_root_id`. */
  properties?: Record<string, PropertyValue>;
  /** Shared with other hosts to model several VMs of one proxy. */
  shared?: SharedData;
  /** Lines below this level are dropped. Istio's default is `warn`. */
  logLevel?: LogLevelName;
  /** The clock at the start, in nanoseconds. */
  now?: bigint;
  /** Nanoseconds that pass whenever the module reads the clock. 0 by default, so that the module's work takes no time. */
  clockStep?: bigint;
}

export interface ConnectOptions {
  /** By dotted path: `connection.uri_san_peer_certificate`. A number is an int64. */
  properties?: Record<string, PropertyValue>;
  /** The root context to connect to. The newest accepted one by default. */
  root?: number;
}

export interface Configured {
  accepted: boolean;
  /** What was logged while the module read the configuration. */
  logs: LogLine[];
  /** The root context's id. */
  root: number;
}

/** One VM with one module. Construct it from a compiled module if many hosts are needed. */
export class Host {
  private readonly vm: Vm;
  private nextContext = 1;
  private started = false;
  private newestRoot = 0;
  private timersLeft = 0;

  constructor(wasm: Uint8Array | WebAssembly.Module, options: HostOptions = {}) {
    const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>);
    const properties = new Map<string, PropertyValue>(
      Object.entries({ plugin_name: "istio-nats", plugin_root_id: "", plugin_vm_id: "", ...options.properties }),
    );
    this.vm = new Vm(options.shared ?? new SharedData(), properties, LogLevel[options.logLevel ?? "warn"]);
    if (options.now !== undefined) this.vm.now = options.now;
    if (options.clockStep !== undefined) this.vm.clockStep = options.clockStep;
    const instance = new WebAssembly.Instance(module, importsFor(module, this.vm));
    this.vm.attach(instance);
    if (!this.vm.exportsFunction("proxy_abi_version_0_2_1")) throw new Error("the module does not speak ABI 0.2.1");
    this.vm.call("_initialize", 0);
  }

  /**
   * Creates a root context in this VM with `configuration`, as Envoy does at first and at each change of the plugin's
   * configuration. `plugin` names another plugin of the VM.
   */
  configure(configuration: Uint8Array | string | object, plugin?: string): Configured {
    const bytes =
      typeof configuration === "string" || configuration instanceof Uint8Array
        ? bytesOf(configuration)
        : bytesOf(istioJson(configuration));
    const firstLine = this.vm.logs.length;
    const id = this.nextContext++;
    const root: Root = { id, ...(plugin !== undefined && { plugin }), tickPeriod: 0 };
    this.vm.roots.set(id, root);
    this.vm.call("proxy_on_context_create", id, 0);
    let accepted = true;
    if (!this.started) {
      this.started = true;
      accepted = this.vm.call("proxy_on_vm_start", id, 0) !== 0;
    }
    this.vm.configuration = bytes;
    accepted &&= this.vm.call("proxy_on_configure", id, bytes.length) !== 0;
    this.vm.configuration = null;
    if (accepted) this.newestRoot = id;
    return { accepted, logs: this.vm.logs.slice(firstLine), root: id };
  }

  /** Connects a client. */
  connect(options: ConnectOptions = {}): Connection {
    const root = options.root ?? this.newestRoot;
    if (!this.vm.roots.has(root)) throw new Error("no root context: configure the host first");
    const id = this.nextContext++;
    const connection = new Connection(this.vm, id, root, Object.entries(options.properties ?? {}));
    this.vm.connections.set(id, connection);
    this.vm.call("proxy_on_context_create", id, root);
    if ((this.vm.call("proxy_on_new_connection", id) ?? 0) !== 0) {
      throw new Error("proxy_on_new_connection stopped the iteration, which this host does not model");
    }
    return connection;
  }

  /** Announces the same connection once more, which Envoy never does. */
  announceAgain({ id, root }: Connection): void {
    this.vm.call("proxy_on_context_create", id, root);
  }

  /** Runs one tick of every root context that asked for ticks. */
  tick(): void {
    for (const root of this.vm.roots.values()) {
      if (root.tickPeriod > 0) this.vm.call("proxy_on_tick", root.id);
    }
  }

  /** Runs a tick of a root context that has not asked for ticks, which Envoy never does. */
  tickUnasked({ root }: Configured): void {
    this.vm.call("proxy_on_tick", root);
  }

  /** Drops a root context, as the proxy does when the plugin was changed or removed and its connections are gone. */
  deleteRoot(id: number): void {
    this.vm.call("proxy_on_done", id);
    this.vm.call("proxy_on_delete", id);
    const root = this.vm.roots.get(id);
    if (root !== undefined && root.tickPeriod > 0) this.timersLeft++;
    this.vm.roots.delete(id);
  }

  /** Nanoseconds that pass from now on whenever the module reads the clock. */
  set clockStep(nanoseconds: bigint) {
    this.vm.clockStep = nanoseconds;
  }

  /** Advances the clock. */
  advance(milliseconds: number): void {
    this.vm.now += BigInt(Math.round(milliseconds * 1e6));
  }

  /** The module's clock, in nanoseconds since 1970. */
  set now(nanoseconds: bigint) {
    this.vm.now = nanoseconds;
  }

  get now(): bigint {
    return this.vm.now;
  }

  /** Counters and gauges by their raw names, including labels. */
  get metrics(): ReadonlyMap<string, number> {
    return this.vm.metrics.values;
  }

  get histograms(): ReadonlyMap<string, readonly number[]> {
    return this.vm.metrics.histograms;
  }

  /** All lines at or above `logLevel`. A long test may empty the list. */
  get logs(): LogLine[] {
    return this.vm.logs;
  }

  /** Calls of each import so far. */
  get counts(): Readonly<Record<string, number>> {
    return this.vm.counts;
  }

  resetCounts(): void {
    for (const name of Object.keys(this.vm.counts)) this.vm.counts[name] = 0;
  }

  /** Lets these imports fail from now on, and no others. Envoy's never do where the filter calls them. */
  refuse(...imports: string[]): void {
    this.vm.refused.clear();
    for (const name of imports) this.vm.refused.add(name);
  }

  /** Lets one call of this import fail, the one behind the next `before` of them. */
  refuseOnce(name: string, before: number): void {
    this.vm.refusedCalls.set(name, (this.counts[name] ?? 0) + before + 1);
  }

  /** From now on so many bytes of a stream are handed over less than there are of what was asked for, which Envoy never does. */
  withhold(bytes: number): void {
    this.vm.withheldBytes = bytes;
  }

  /** Bytes of streams that the module has read so far. */
  get bufferBytesRead(): number {
    return this.vm.bufferBytesRead;
  }

  /** How many root contexts are gone for whose ticks Envoy wakes up as long as the VM lives (`Wasm::tickHandler`). */
  get ticksLeft(): number {
    return this.timersLeft;
  }

  /** Tick period of the newest root context in milliseconds; 0 for none. */
  get tickPeriod(): number {
    return this.vm.roots.get(this.newestRoot)?.tickPeriod ?? 0;
  }

  /** Shortest tick period of all root contexts in milliseconds; 0 if none ticks. */
  get shortestTickPeriod(): number {
    const periods = [...this.vm.roots.values()].map(({ tickPeriod }) => tickPeriod).filter((period) => period > 0);
    return periods.length === 0 ? 0 : Math.min(...periods);
  }

  /** Size of the memory in pages of 64 KiB. Wasm memory never shrinks. */
  get memoryPages(): number {
    return this.vm.pages;
  }

  /** Pages that something has been written to, as far as that shows. */
  get writtenPages(): number {
    return this.vm.writtenPages;
  }

  /** A number that the module counts about itself. Only a special build exports any. */
  global(name: string): number {
    return this.vm.global(name);
  }

  /** Whether a trap happened. From then on every call throws. */
  get failed(): boolean {
    return this.vm.failure !== undefined;
  }
}
