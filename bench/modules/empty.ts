// A network filter that does nothing, to measure what Envoy with any Wasm filter costs: the callbacks of Proxy-Wasm ABI 0.2.1 that a
// module must have. "Yes" is 1: the VM may be used, the configuration is taken.

const CONTINUE: u32 = 0;

/** The host hands over nothing but the configuration, on the main thread, and that may lie here. */
const area = memory.data(4096);

export function malloc(_size: usize): usize {
  return area;
}

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_context_create(_context: u32, _parent: u32): void {}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_configure(_root: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_new_connection(_context: u32): u32 {
  return CONTINUE;
}

export function proxy_on_downstream_data(_context: u32, _size: u32, _end: u32): u32 {
  return CONTINUE;
}

export function proxy_on_upstream_data(_context: u32, _size: u32, _end: u32): u32 {
  return CONTINUE;
}

export function proxy_on_downstream_connection_close(_context: u32, _peer: u32): void {}

export function proxy_on_upstream_connection_close(_context: u32, _peer: u32): void {}

export function proxy_on_delete(_context: u32): void {}
