// The filter itself, changed so that it traps. It behaves as usual until a client sends the marker.

import { proxy_on_downstream_data as takeFromClient } from "../../../assembly/index";
import { proxy_get_buffer_bytes } from "@solo-io/proxy-runtime/assembly/imports";

export {
  malloc,
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_done,
  proxy_on_downstream_connection_close,
  proxy_on_log,
  proxy_on_memory_allocate,
  proxy_on_new_connection,
  proxy_on_tick,
  proxy_on_upstream_connection_close,
  proxy_on_upstream_data,
  proxy_on_vm_start,
} from "../../../assembly/index";

const BUFFER_DOWNSTREAM_DATA = 2;
const OK = 0;

/** The first bytes of a chunk that ends the VM: `TRAP`. */
const MARKER: u32 = 0x50415254;
const MARKER_SIZE: u32 = 4;

export function proxy_on_downstream_data(context: u32, size: u32, endOfStream: u32): u32 {
  const answer = memory.data(8);
  if (
    size >= MARKER_SIZE &&
    proxy_get_buffer_bytes(BUFFER_DOWNSTREAM_DATA, 0, MARKER_SIZE, answer, answer + 4) == OK &&
    load<u32>(load<usize>(answer)) == MARKER
  ) {
    unreachable();
  }
  return takeFromClient(context, size, endOfStream);
}
