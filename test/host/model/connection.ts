import { EMPTY, NetworkBuffer, joinedAll } from "./buffer.ts";
import { CloseType } from "./results.ts";
import type { PropertyValue, Vm } from "./vm.ts";

/** proxy-wasm `FilterStatus`: everything but 0 stops the iteration. */
const CONTINUE = 0;

export interface DataOptions {
  /** FIN comes with these bytes. Envoy gives an eos of its own as zero bytes. */
  eos?: boolean;
}

const encoder = new TextEncoder();

/** Strings are UTF-8; for arbitrary bytes pass them as bytes. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/**
 * One downstream connection, its filter the only one before tcp_proxy. Source: Envoy's Wasm `Context::onData`,
 * `onWrite`, `onEvent`, `onCloseTCP` and its `FilterManagerImpl`.
 */
export class Connection {
  /** What `get_property` finds; may be changed while the connection lives, as when a handshake ends. */
  readonly properties: Map<string, PropertyValue>;
  /** What `set_property` stored, by path. */
  readonly filterState = new Map<string, Uint8Array>();
  /** The filter closed it, or `close` was called. No byte passes any more. */
  closed = false;
  /** It was `proxy_close_stream` that closed it. */
  closedByFilter = false;
  /** tcp_proxy saw the client's FIN. */
  clientEnded = false;

  /** What Envoy's `network_*_data_buffer_` point to: null outside of a callback, unless that ended in StopIteration. */
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

  /** The client sent `data`. Answers what nats-server reads because of it, and what was released since the last answer. */
  fromClient(data: Uint8Array | string, options: DataOptions = {}): Uint8Array {
    if (!this.isOpen()) return EMPTY;
    this.downstream.append(bytesOf(data));
    this.visibleDownstream = this.downstream;
    const eos = options.eos === true;
    const status = this.vm.call("proxy_on_downstream_data", this.id, this.downstream.length, eos ? 1 : 0) ?? CONTINUE;
    // The deferred actions of the callback ran inside `call`, so a close comes before the bytes would be forwarded.
    if (this.isOpen() && status === CONTINUE) {
      this.visibleDownstream = null;
      this.forwardDownstream();
      this.clientEnded ||= eos;
    }
    return this.takeToServer();
  }

  /** nats-server sent `data`. Answers what the client reads because of it. */
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

  /** What went to nats-server since the last answer: only `continue_stream` outside of `fromClient` makes any. */
  takeToServer(): Uint8Array {
    const all = joinedAll(this.toServer);
    this.toServer = [];
    return all;
  }

  /** What went to the client since the last answer. */
  takeToClient(): Uint8Array {
    const all = joinedAll(this.toClient);
    this.toClient = [];
    return all;
  }

  /** Bytes of the client that StopIteration holds back. */
  get heldDownstream(): number {
    return this.downstream.length;
  }

  /** The connection ends: the client resets it, or nats-server closes it. A client's FIN is `fromClient("", {eos: true})`. */
  close(by: "client" | "server" = "client"): void {
    if (this.closed) return;
    this.closed = true;
    this.vm.call("proxy_on_downstream_connection_close", this.id, by === "client" ? CloseType.Remote : CloseType.Local);
    this.vm.call("proxy_on_done", this.id);
    this.vm.call("proxy_on_log", this.id);
    this.vm.call("proxy_on_delete", this.id);
    this.vm.forget(this);
  }

  /** The action that `proxy_close_stream` deferred. Held and current bytes are lost, what went before is flushed. */
  closeByFilter(): void {
    if (this.closed) return;
    this.closedByFilter = true;
    this.close("server");
  }

  /** The action that `proxy_continue_stream(Downstream)` deferred: the next filter reads, ours is not asked again. */
  continueReading(): void {
    if (!this.closed) this.forwardDownstream();
  }

  /** A call, since any callback may close the connection behind the compiler's back. */
  private isOpen(): boolean {
    return !this.closed;
  }

  private forwardDownstream(): void {
    if (this.downstream.length > 0) this.toServer.push(this.downstream.take());
  }
}
