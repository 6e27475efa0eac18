/**
 * The host calls of Proxy-Wasm ABI 0.2.1 that this filter uses. Declarations come from @solo-io/proxy-runtime where it has
 * them right. Its enums bring more than numbers (docs/adr/0002).
 */
export {
  proxy_close_stream,
  proxy_continue_stream,
  proxy_define_metric,
  proxy_get_buffer_bytes,
  proxy_get_current_time_nanoseconds,
  proxy_get_property,
  proxy_increment_metric,
  proxy_log,
  proxy_record_metric,
  proxy_set_effective_context,
  proxy_set_property,
  proxy_set_tick_period_milliseconds,
} from "@solo-io/proxy-runtime/assembly/imports";

// The SDK 0.1.8 lacks this one.
// @ts-ignore: decorator
@external("env", "proxy_set_buffer_bytes")
export declare function proxy_set_buffer_bytes(buffer: i32, start: u32, length: u32, data: usize, size: usize): u32;

// These two it declares with other arguments than the host has.
// @ts-ignore: decorator
@external("env", "proxy_get_shared_data")
export declare function proxy_get_shared_data(
  key: usize,
  keySize: usize,
  pointerOut: usize,
  sizeOut: usize,
  writeOut: usize,
): u32;
// @ts-ignore: decorator
@external("env", "proxy_set_shared_data")
export declare function proxy_set_shared_data(key: usize, keySize: usize, value: usize, size: usize, write: u32): u32;

/** What a host call answers that has done what it was asked. */
export const STATUS_OK: u32 = 0;
/** The buffers that the host lets be read; of them only data can be written. */
export const DOWNSTREAM_DATA: i32 = 2;
export const UPSTREAM_DATA: i32 = 3;
export const PLUGIN_CONFIGURATION: i32 = 7;
