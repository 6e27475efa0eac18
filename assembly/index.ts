/**
 * What the proxy calls (Proxy-Wasm ABI 0.2.1, network filters), and nothing else. Every function answers; none throws,
 * for a trap ends every connection of the worker.
 */
import { seedHashes } from "./bytes/hash";
import { CONNECTIONS } from "./bytes/hot-page";
import { NumberTable } from "./bytes/number-table";
import { beginCallback } from "./connection/callback-time";
import { Connection } from "./connection/connection";
import { closeConnection, createRoot, ensureRoom, RootContext, rootOf } from "./connection/root-context";
import { takeFromServer } from "./connection/to-client";
import { hasDrained, resume, takeFromClient } from "./connection/to-server";
import { nowNanoseconds, tickEvery } from "./proxy/clock";
import { allocateForHost } from "./proxy/memory";
import { actOn, continueDownstream, FilterStatus } from "./proxy/stream";

/**
 * Stats and closings wait for the tick at most. It is short enough for a change to be seen within Prometheus' usual interval.
 */
const TICK_MILLISECONDS: u32 = 500;

/**
 * The same while a policy is being read, or while connections are left to be closed or brought under one: 64 closings in each
 * tick make 6,400 a second.
 */
const HURRIED_TICK_MILLISECONDS: u32 = 10;

/** Addresses of `Connection`s by the host's numbers of their contexts. */
const connections: NumberTable = NumberTable.at(CONNECTIONS);

// @ts-ignore: decorator
@inline
function connectionOf(context: u32): Connection | null {
  return changetype<Connection | null>(connections.get(context));
}

/** Sets how often a root context ticks. It must be the one that the host is turned to. */
function setPace(root: RootContext, hurries: bool): void {
  tickEvery(hurries ? HURRIED_TICK_MILLISECONDS : TICK_MILLISECONDS);
  root.isHurried = hurries;
}

/** Its name tells the host which ABI this is. */
export function proxy_abi_version_0_2_1(): void {}

/** Gives the host memory for what it hands over. Never 0. */
export function malloc(size: usize): usize {
  return allocateForHost(size);
}

/** The same under the name that ABI 0.2.1 has for it. The host looks for both. */
export function proxy_on_memory_allocate(size: usize): usize {
  return allocateForHost(size);
}

/** Seeds the hashes. Answers 1: the VM may be used. All that a configuration says comes with `proxy_on_configure`. */
export function proxy_on_vm_start(_rootContext: u32, _size: u32): u32 {
  seedHashes(nowNanoseconds());
  return 1;
}

/** A parent of 0 makes a root context, which is one configuration; another one makes a connection of that root. */
export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent == 0) return createRoot(context);
  const root = rootOf(parent);
  if (root == null || connections.get(context) != 0) return;
  connections.enter(context, changetype<usize>(root.open(context)));
}

/**
 * Answers 1 where it takes the configuration, else 0: Envoy then keeps the former one, or closes every connection if there is
 * none.
 */
export function proxy_on_configure(rootContext: u32, size: u32): u32 {
  beginCallback();
  const root = rootOf(rootContext);
  if (root == null || !root.configure(<i32>size)) return 0;
  setPace(root, root.isLoading);
  return 1;
}

/** All that happens without bytes (`RootContext.tick`). A tick may ask for the next one sooner. */
export function proxy_on_tick(rootContext: u32): void {
  beginCallback();
  const root = rootOf(rootContext);
  if (root == null) return;
  const hurries = root.tick();
  // The tick may have turned the host to connections, and only a root's period can be set.
  if (hurries != root.isHurried && actOn(rootContext)) setPace(root, hurries);
}

/** Nothing is known yet: the TLS handshake has not begun. */
export function proxy_on_new_connection(_context: u32): u32 {
  return FilterStatus.CONTINUE;
}

/** Bytes from the client. STOP leaves those that were not judged in the proxy, which reads on up to its buffer limit only. */
export function proxy_on_downstream_data(context: u32, size: u32, endOfStream: u32): u32 {
  beginCallback();
  // Bytes of a connection that we do not know must not pass.
  const connection = connectionOf(context);
  if (connection == null) return FilterStatus.STOP;
  ensureRoom(context);
  return takeFromClient(connection, <i32>size, endOfStream != 0) ? FilterStatus.CONTINUE : FilterStatus.STOP;
}

/** Bytes from nats-server. What must not pass has been taken out of the buffer, so what is left goes on. */
export function proxy_on_upstream_data(context: u32, size: u32, _endOfStream: u32): u32 {
  beginCallback();
  const connection = connectionOf(context);
  if (connection == null) return FilterStatus.STOP;
  ensureRoom(context);
  const passes = takeFromServer(connection, <i32>size);
  if (connection.held > 0 && hasDrained(connection) && resume(connection)) continueDownstream();
  return passes ? FilterStatus.CONTINUE : FilterStatus.STOP;
}

/** Nothing: `proxy_on_delete` comes after it in every case. */
export function proxy_on_downstream_connection_close(_context: u32, _peerType: u32): void {}

/** Nothing, for the same reason. */
export function proxy_on_upstream_connection_close(_context: u32, _peerType: u32): void {}

/**
 * Answers 1: the context may be deleted at once, since nothing here goes on without it. Envoy would wake up for the ticks of a root
 * context that is gone as long as the VM lives (`Wasm::tickHandler`).
 */
export function proxy_on_done(context: u32): u32 {
  if (rootOf(context) != null) tickEvery(0);
  return 1;
}

/** Nothing: the summary for the access log is filter state, which is set before Envoy writes that (connection/summary.ts). */
export function proxy_on_log(_context: u32): void {}

/** The only callback that always comes, also after a RST: here a connection's memory is given back. */
export function proxy_on_delete(context: u32): void {
  beginCallback();
  const connection = connectionOf(context);
  if (connection != null) {
    connections.takeOut(context);
    closeConnection(connection);
    return;
  }
  const root = rootOf(context);
  if (root != null) root.destroy();
}
