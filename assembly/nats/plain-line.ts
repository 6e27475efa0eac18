/**
 * Where the arguments end of lines as clients and nats-server write them nearly always: single blanks, or two behind the subject
 * of a publish, a short size (plain-size.ts), CR LF, all of it there. Whatever looks otherwise is left to `ClientLine` and
 * `ServerLine`, which read everything; nothing is accepted here that they would not accept.
 */
import { BOUNDS } from "../bytes/hot-page";
import { VECTOR_BYTES } from "../bytes/vector";
import { CAPITALS, CR_LF, SPACE } from "./words";

/** `a 0` and CR LF: no line has shorter arguments. */
export const SHORTEST_ARGUMENTS: usize = 5;
/** Bytes of a publish's verb and the blank behind it. */
export const PUBLISH_VERB: usize = 4;
/** `PUB ` as a little-endian number, and what makes its letters capitals and leaves the blank. */
const PUB_BLANK: u32 = 0x20425550;
const PUB_CAPITALS: u32 = (<u32>CAPITALS) | 0xff000000;
/** Bytes that `asciiArgumentEnds` looks at. */
const AT_ONCE: usize = 32;
/** Bytes that `asciiArgumentEnds` and `laterArgumentEnds` look at together. */
export const GLANCE: usize = 48;

/** Does `PUB ` stand at `p`? All four bytes must be memory. */
// @ts-ignore: decorator
@inline
export function beginsPublish(p: usize): bool {
  return (load<u32>(p) & PUB_CAPITALS) == PUB_BLANK;
}

/**
 * Where the argument at `p` ends: at the first byte that is a blank, a line end or another control character. Answers `end` or
 * an address behind it where no byte before `end` is one. Reads up to 15 bytes behind `end`, which must be memory.
 */
// @ts-ignore: decorator
@inline
export function endOfArgument(p: usize, end: usize): usize {
  const highest = i8x16.splat(0x20);
  while (p < end) {
    const found = i8x16.bitmask(i8x16.le_u(v128.load(p), highest));
    if (found != 0) return p + <usize>ctz(found);
    p += VECTOR_BYTES;
  }
  return p;
}

/**
 * In each byte the highest that ends an argument, and the lowest that ends none, which is loaded before a loop: a constant vector
 * is made anew wherever it is used, by three instructions in Envoy's V8 (1.40).
 */
const HIGHEST_OF_ENDS: usize = BOUNDS;
export const LOWEST_OF_ARGUMENTS: usize = BOUNDS + 16;
v128.store(HIGHEST_OF_ENDS, i8x16.splat(0x20));
v128.store(LOWEST_OF_ARGUMENTS, i8x16.splat(0x21));

/**
 * Which of the 64 bytes from `p` on end an argument, as bits: nearly always the whole of a line, its reply subject too, so that one
 * look finds all its arguments (`firstEnd`, `withoutFirst`). All 64 must be memory (SLACK, proxy/memory.ts); those behind the bytes
 * in view must be told apart by the caller.
 */
// @ts-ignore: decorator
@inline
export function argumentEnds(p: usize): u64 {
  const highest = v128.load(HIGHEST_OF_ENDS);
  const first = endsAt(p, highest) | (endsAt(p + VECTOR_BYTES, highest) << 16);
  const second = endsAt(p + 2 * VECTOR_BYTES, highest) | (endsAt(p + 3 * VECTOR_BYTES, highest) << 16);
  return (<u64>first) | ((<u64>second) << 32);
}

// @ts-ignore: decorator
@inline
function endsAt(p: usize, highest: v128): u32 {
  return i8x16.bitmask(i8x16.le_u(v128.load(p), highest));
}

/**
 * The same for 32 bytes, of which `low` and `high` are the halves, with one instruction less for each. Since the comparison is
 * signed, bytes above 0x7f, which a subject may have, seem to end an argument too: the caller must look at the byte that it
 * takes for an end. `lowest` are the bytes at LOWEST_OF_ARGUMENTS.
 */
// @ts-ignore: decorator
@inline
export function asciiArgumentEnds(low: v128, high: v128, lowest: v128): u32 {
  return i8x16.bitmask(i8x16.lt_s(low, lowest)) | (i8x16.bitmask(i8x16.lt_s(high, lowest)) << 16);
}

/** Which of the sixteen bytes behind these 32 end an argument, as bits; `p` is where the 32 begin. All 48 must be memory. */
// @ts-ignore: decorator
@inline
export function laterArgumentEnds(p: usize): u32 {
  return endsAt(p + AT_ONCE, v128.load(HIGHEST_OF_ENDS));
}

/**
 * Where the argument at `p` ends: at the first of `ends`, which are left of what `argumentEnds(origin)` has found, or where
 * none is left, as `endOfArgument` says.
 */
// @ts-ignore: decorator
@inline
export function firstEnd(ends: u64, origin: usize, p: usize, end: usize): usize {
  return ends != 0 ? origin + <usize>ctz(ends) : endOfArgument(p, end);
}

/** Does an argument that begins at `p` end with a blank at `argumentEnd`, in view? */
// @ts-ignore: decorator
@inline
export function isArgument(p: usize, argumentEnd: usize, end: usize): bool {
  return argumentEnd != p && argumentEnd < end && load<u8>(argumentEnd) == SPACE;
}

/** The ends behind the first one; 0 where there is no other. */
// @ts-ignore: decorator
@inline
export function withoutFirst<T>(ends: T): T {
  return ends & (ends - 1);
}

/**
 * Does a second blank stand at `p`, behind that of a subject? nats-py and nats-pure write a reply subject of no bytes where there is
 * none (nats-py 2.16, protocol/command.py `pub_cmd`). The byte must be memory.
 */
// @ts-ignore: decorator
@inline
export function isSecondBlank(p: usize): bool {
  return load<u8>(p) == SPACE;
}

/** Does CR LF stand at `p`, before `end`? */
// @ts-ignore: decorator
@inline
export function isLineEnd(p: usize, end: usize): bool {
  if (p + 2 > end) return false;
  return isCrLf(p);
}

/**
 * The same for two bytes that are known to be in view. A caller that knows asks for that in a statement of its own: of two
 * questions joined by && V8 makes a value, and then asks about the value.
 */
// @ts-ignore: decorator
@inline
export function isCrLf(p: usize): bool {
  return load<u16>(p) == CR_LF;
}
