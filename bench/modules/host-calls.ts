// A network filter that makes as many host calls in one callback as it is told, to measure what each kind of call costs without
// crossing into Wasm each time. A chunk that begins with a digit is an order, "K NNNNNN": the kind of call and the number of calls,
// followed by anything up to ORDER bytes. The filter forwards it as a PING, so nats-server's PONG means that the calls are done.

import {
  proxy_define_metric,
  proxy_get_buffer_bytes,
  proxy_get_current_time_nanoseconds,
  proxy_get_property,
  proxy_increment_metric,
} from "@solo-io/proxy-runtime/assembly/imports";
import { DOWNSTREAM_DATA, proxy_set_buffer_bytes, STATUS_OK } from "../../assembly/proxy/host";

export * from "./silent-callbacks";

/** The number of bytes that bench/host-calls.ts sends. */
const ORDER: u32 = 16_384;
const HEAD: u32 = 8;
const SMALL: u32 = 16;
const COUNTER = 0;
/** What the host answers for a property that is absent. */
const NOT_FOUND: u32 = 1;
const CONTINUE: u32 = 0;
const WAIT: u32 = 1;

/** Whatever the host hands over lies here. */
const area = memory.data(16_384);
const answer = memory.data(16, 8);
const metric = memory.data(4);
const present = String.UTF8.encode("source\0address");
/** Absent on a connection without TLS. */
const absent = String.UTF8.encode("connection\0uri_san_peer_certificate");
const ping = String.UTF8.encode("PING\r\n");
const metricName = String.UTF8.encode("bench_host_calls");

export function malloc(_size: usize): usize {
  return area;
}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  proxy_define_metric(COUNTER, changetype<usize>(metricName), metricName.byteLength, metric);
  return 1;
}

/** A call that fails would have a different cost. */
// @ts-ignore: decorator
@inline
function ok(result: u32): void {
  if (result != STATUS_OK) unreachable();
}

function read(bytes: u32, count: i32): void {
  for (let i = 0; i < count; i++) ok(proxy_get_buffer_bytes(DOWNSTREAM_DATA, 0, bytes, answer, answer + 4));
}

function write(count: i32): void {
  for (let i = 0; i < count; i++) ok(proxy_set_buffer_bytes(DOWNSTREAM_DATA, 0, SMALL, area, SMALL));
}

function presentProperty(count: i32): void {
  const pointer = changetype<usize>(present);
  for (let i = 0; i < count; i++) ok(proxy_get_property(pointer, present.byteLength, answer, answer + 4));
}

function absentProperty(count: i32): void {
  const pointer = changetype<usize>(absent);
  for (let i = 0; i < count; i++) {
    const result = proxy_get_property(pointer, absent.byteLength, answer, answer + 4);
    if (result != NOT_FOUND) unreachable();
  }
}

function time(count: i32): void {
  for (let i = 0; i < count; i++) ok(proxy_get_current_time_nanoseconds(answer));
}

function increment(count: i32): void {
  const id = load<u32>(metric);
  for (let i = 0; i < count; i++) ok(proxy_increment_metric(id, 1));
}

function obey(kind: i32, count: i32): void {
  if (kind == 1) read(SMALL, count);
  else if (kind == 2) read(ORDER, count);
  else if (kind == 3) write(count);
  else if (kind == 4) presentProperty(count);
  else if (kind == 5) absentProperty(count);
  else if (kind == 6) time(count);
  else if (kind == 7) increment(count);
}

function digit(at: usize): i32 {
  return <i32>load<u8>(area + at) - 0x30;
}

export function proxy_on_downstream_data(_context: u32, size: u32, _end: u32): u32 {
  if (size == 0) return CONTINUE;
  ok(proxy_get_buffer_bytes(DOWNSTREAM_DATA, 0, min(size, HEAD), answer, answer + 4));
  const kind = digit(0);
  if (kind < 0 || kind > 9) return CONTINUE;
  if (size < ORDER) return WAIT;
  let count = 0;
  for (let at: usize = 2; at < HEAD; at++) count = 10 * count + digit(at);
  obey(kind, count);
  ok(proxy_set_buffer_bytes(DOWNSTREAM_DATA, 0, size, changetype<usize>(ping), ping.byteLength));
  return CONTINUE;
}

export function proxy_on_upstream_data(_context: u32, _size: u32, _end: u32): u32 {
  return CONTINUE;
}
