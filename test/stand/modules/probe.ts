// The smallest network filter that shows what a host does: it logs its configuration and each connection as JSON.

import { proxy_get_buffer_bytes, proxy_log } from "@solo-io/proxy-runtime/assembly/imports";

const LEVEL_WARN = 3;
const BUFFER_PLUGIN_CONFIGURATION = 7;
const REFUSED_CONFIGURATION = '"no"';

function log(text: string): void {
  const bytes = String.UTF8.encode(text);
  proxy_log(LEVEL_WARN, changetype<usize>(bytes), bytes.byteLength);
}

export function malloc(size: usize): usize {
  return heap.alloc(size);
}

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_context_create(_contextId: u32, _rootId: u32): void {}

export function proxy_on_vm_start(_rootId: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_configure(_rootId: u32, size: u32): u32 {
  const answer = memory.data(8);
  proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, answer, answer + 4);
  const value = String.UTF8.decodeUnsafe(load<usize>(answer), size);
  log('{"event":"configuration","value":' + value + "}");
  return value == REFUSED_CONFIGURATION ? 0 : 1;
}

export function proxy_on_new_connection(_contextId: u32): u32 {
  log('{"event":"connection"}');
  return 0;
}
