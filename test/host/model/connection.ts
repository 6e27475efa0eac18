import { EMPTY, NetworkBuffer, joinedAll } from "./buffer.ts";
import { CloseType } from "./results.ts";
import type { PropertyValue, Vm } from "./vm.ts";

/** proxy-wasm `FilterStatus`. Everything except 0 stops the iteration. */
const CONTINUE = 0;

export interface DataOptions {
  /** FIN comes with these bytes. Envoy presents an end of stream of its own as zero bytes. */
  eos?: boolean;
}

const encoder = new TextEncoder();

/** Strings are UTF-8. Pass arbitrary bytes as bytes. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/**
 * One downstream connection. Its filter is the only one before tcp_proxy. Source: Envoy's Wasm `Context::onData`, `onWrite`,
 * `onEvent`, `onCloseTCP` and its `FilterManagerImpl`.
 */
export class Connection {
  /** What `get_property` finds. It may change while the connection lives, for example when a handshake ends. */
  readonly properties: Map<string, PropertyValue>;
  /** What `set_property` stored, by path. */
  readonly filterState = new Map<string, Uint8Array>();
  /** Set when the filter closed it or `close` was called. From then on no byte passes. */
  closed = false;
  /** Set when `proxy_close_stream` closed it. */
  closedByFilter = false;
  /**
   * Whether the client reads. One that does not is never closed by the filter: Envoy flushes first what waits for it
   * (`ConnectionCloseType::FlushWrite`), and tcp_proxy's connections have no delayed close timeout.
   */
  reads = true;
  /** Set when tcp_proxy saw the client's FIN. */
  clientEnded = false;

  /** What Envoy's `network_*_data_buffer_` point to: null outside of a callback, unless the callback ended in StopIteration. */
  visibleDownstream: NetworkBuffer | null = null;
  visibleUpstream: NetworkBuffer | null = null;

  private readonly downstream = new NetworkBuffer();
  private readonly upstream = new NetworkBuffer();
  private toServer: Uint8Array[] = [];
  private toClient: Uint8Array[] = [];

  constructor(
    private readonly vm: Vm,
    readonly id: number,
    /** The root context whose configuration it follows. */
    readonly root: number,
    properties: Iterable<[string, PropertyValue]>,
  ) {
    this.properties = new Map(properties);
  }

  /** The client sends `data`. Returns what nats-server reads because of it, and what was released since the last call. */
  fromClient(data: Uint8Array | string, options: DataOptions = {}): Uint8Array {
    if (!this.isOpen()) return EMPTY;
    this.downstream.append(bytesOf(data));
    this.visibleDownstream = this.downstream;
    const eos = options.eos === true;
    const status = this.vm.call("proxy_on_downstream_data", this.id, this.downstream.length, eos ? 1 : 0) ?? CONTINUE;
    // The callback's deferred actions ran inside `call`, so a close comes before the bytes would be forwarded.
    if (this.isOpen() && status === CONTINUE) {
      this.visibleDownstream = null;
      this.forwardDownstream();
      this.clientEnded ||= eos;
    }
    return this.takeToServer();
  }

  /** nats-server sends `data`. Returns what the client reads because of it. */
  fromServer(data: Uint8Array | string, options: DataOptions = {}): Uint8Array {
    if (!this.isOpen()) return EMPTY;
    this.upstream.append(bytesOf(data));
    this.visibleUpstream = this.upstream;
    const eos = options.eos === true;
    const status = this.vm.call("proxy_on_upstream_data", this.id, this.upstream.length, eos ? 1 : 0) ?? CONTINUE;
    if (this.isOpen() && status === CONTINUE) {
      this.visibleUpstream = null;
      this.toClient.push(this.upstream.take());
    }
    if (eos && this.isOpen()) this.vm.call("proxy_on_upstream_connection_close", this.id, CloseType.Unknown);
    return this.takeToClient();
  }

  /** What went to nats-server since the last call. Outside of `fromClient` only `continue_stream` sends anything. */
  takeToServer(): Uint8Array {
    const all = joinedAll(this.toServer);
    this.toServer = [];
    return all;
  }

  /** What went to the client since the last call. */
  takeToClient(): Uint8Array {
    const all = joinedAll(this.toClient);
    this.toClient = [];
    return all;
  }

  /** Bytes of the client that StopIteration holds back. */
  get heldDownstream(): number {
    return this.downstream.length;
  }

  /** Ends the connection: the client resets it, or nats-server closes it. A client's FIN is `fromClient("", {eos: true})`. */
  close(by: "client" | "server" = "client"): void {
    if (this.closed) return;
    this.closed = true;
    this.vm.call("proxy_on_downstream_connection_close", this.id, by === "client" ? CloseType.Remote : CloseType.Local);
    this.vm.call("proxy_on_done", this.id);
    this.vm.call("proxy_on_log", this.id);
    this.vm.call("proxy_on_delete", this.id);
    this.vm.forget(this);
  }

  /** The action that `proxy_close_stream` deferred. Held and current bytes are lost, earlier ones are flushed. */
  closeByFilter(): void {
    if (this.closed) return;
    this.closedByFilter = true;
    if (this.reads) this.close("server");
  }

  /** The action that `proxy_continue_stream(Downstream)` deferred: the next filter reads, and ours is not called again. */
  continueReading(): void {
    if (!this.closed) this.forwardDownstream();
  }

  /** A method, because any callback may close the connection without the compiler knowing. */
  private isOpen(): boolean {
    return !this.closed;
  }

  private forwardDownstream(): void {
    if (this.downstream.length > 0) this.toServer.push(this.downstream.take());
  }
}
