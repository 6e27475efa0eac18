// A network filter that reads the protocol's lines and does nothing with them: the least that the host charges a filter that must
// know where the next message begins. Payloads are skipped by arithmetic, without a look at them. Nothing is allocated.

import { proxy_get_buffer_bytes } from "@solo-io/proxy-runtime/assembly/imports";
import { DOWNSTREAM_DATA, STATUS_OK, UPSTREAM_DATA } from "../../assembly/proxy/host";

export * from "./silent-callbacks";

const CR: u8 = 0x0d;
const LF: u8 = 0x0a;
/** Bytes that are read at once: a line of the bench, or a part of a longer one. */
const GLANCE: u32 = 64;
/** Contexts whose streams are told apart. The bench has fewer connections at a time. */
const CONTEXTS: u32 = 64;

/**
 * The state of a stream, u32 each: bytes of its payload that are still to come; the line under way's last argument as a number,
 * NONE before the first blank; and its first byte, 0 before that.
 */
const STREAM: usize = 12;
const NUMBER: usize = 4;
const FIRST: usize = 8;
const NONE: u32 = u32.MAX_VALUE;

const streams = memory.data(2 * 64 * 12, 4);
const area = memory.data(4096);
const answer = memory.data(8, 4);

export function malloc(_size: usize): usize {
  return area;
}

export function proxy_on_context_create(context: u32, _parent: u32): void {
  for (let direction: usize = 0; direction < 2; direction++) {
    store<u32>(streamOf(context, direction), 0);
    beginLine(streamOf(context, direction));
  }
}

// @ts-ignore: decorator
@inline
function streamOf(context: u32, direction: usize): usize {
  return streams + (((<usize>(context % CONTEXTS)) << 1) + direction) * STREAM;
}

/** Reads the lines of `size` bytes in that buffer of the host. */
function readLines(stream: usize, buffer: i32, size: u32): void {
  let at: u32 = 0;
  while (true) {
    const skipped = min(load<u32>(stream), size - at);
    store<u32>(stream, load<u32>(stream) - skipped);
    at += skipped;
    if (at >= size) return;
    if (proxy_get_buffer_bytes(buffer, at, min(GLANCE, size - at), answer, answer + 4) != STATUS_OK) {
      unreachable();
    }
    at += readLine(stream, load<usize>(answer), load<u32>(answer, 4));
  }
}

function beginLine(stream: usize): void {
  store<u32>(stream, NONE, NUMBER);
  store<u32>(stream, 0, FIRST);
}

/** Takes what `length` bytes have of a line, and answers how many of them it has. */
function readLine(stream: usize, text: usize, length: u32): u32 {
  if (load<u32>(stream, FIRST) == 0) store<u32>(stream, load<u8>(text), FIRST);
  let number = load<u32>(stream, NUMBER);
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(text + i);
    if (byte == LF) {
      const first = load<u32>(stream, FIRST);
      // PUB, HPUB, MSG and HMSG; PING and PONG have no blank.
      if ((first == 0x50 || first == 0x48 || first == 0x4d) && number != NONE) store<u32>(stream, number + 2);
      beginLine(stream);
      return i + 1;
    }
    if (byte == 0x20) number = 0;
    else if (number != NONE && byte != CR) number = byte >= 0x30 && byte <= 0x39 ? number * 10 + (byte - 0x30) : 0;
  }
  store<u32>(stream, number, NUMBER);
  return length;
}

export function proxy_on_downstream_data(context: u32, size: u32, _end: u32): u32 {
  readLines(streamOf(context, 0), DOWNSTREAM_DATA, size);
  return 0;
}

export function proxy_on_upstream_data(context: u32, size: u32, _end: u32): u32 {
  readLines(streamOf(context, 1), UPSTREAM_DATA, size);
  return 0;
}
