// A network filter that does nothing, to measure what Envoy with any Wasm filter costs. It counts its callbacks and their bytes,
// which is one addition each in linear memory, and reports the counts when a connection is closed.

import { proxy_define_metric, proxy_increment_metric } from "@solo-io/proxy-runtime/assembly/imports";

export * from "./silent-callbacks";

const COUNTER = 0;

const names = [
  "bench_downstream_callbacks",
  "bench_downstream_bytes",
  "bench_upstream_callbacks",
  "bench_upstream_bytes",
];
const ids = memory.data(16);
const counts = memory.data(32, 8);

/** The host hands over nothing but the configuration, on the main thread, and that may lie here. */
const area = memory.data(4096);

export function malloc(_size: usize): usize {
  return area;
}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  for (let i = 0; i < names.length; i++) {
    const name = String.UTF8.encode(names[i]);
    proxy_define_metric(COUNTER, changetype<usize>(name), name.byteLength, ids + 4 * i);
  }
  return 1;
}

// @ts-ignore: decorator
@inline
function add(index: usize, by: u64): void {
  store<u64>(counts + 8 * index, load<u64>(counts + 8 * index) + by);
}

export function proxy_on_downstream_data(_context: u32, size: u32, _end: u32): u32 {
  add(0, 1);
  add(1, size);
  return 0;
}

export function proxy_on_upstream_data(_context: u32, size: u32, _end: u32): u32 {
  add(2, 1);
  add(3, size);
  return 0;
}

export function proxy_on_delete(_context: u32): void {
  for (let i: usize = 0; i < 4; i++) {
    proxy_increment_metric(load<u32>(ids + 4 * i), load<u64>(counts + 8 * i));
    store<u64>(counts + 8 * i, 0);
  }
}
