import { Ascii } from "../bytes/ascii";
import { VECTOR_BYTES } from "../bytes/vector";
import { STATUS_BEGIN, STATUS_INITIAL } from "./control-status";
import { HeaderUse, NAME_INITIAL, useOf } from "./header-uses";
import { VERSION_LENGTH } from "./header-version";
import { CR, CR_LF, firstOf, SPACE } from "./words";

/** `Nats-Msg` and `-Id:`, as they lie in memory. */
const NATS_MSG: u64 = 0x67734d2d7374614e;
const ID: u32 = 0x3a64492d;

/**
 * Have the `length` bytes of headers at `pointer` nothing in them that `actsOnSubjects` (headers.ts) would look for? They are of the
 * form that blocks have (`isMalformed`), or there are none. This passes over them once, where that takes two passes and reads each
 * name: a publish with headers of tracing and a `Nats-Msg-Id` takes a third less. It answers false for some that have nothing, too,
 * but never true for others, as a spec says that compares both. Nineteen bytes behind the block must be memory.
 */
export function areUsual(pointer: usize, length: i32): bool {
  if (load<u16>(pointer, VERSION_LENGTH) != CR_LF) return false;
  const end = pointer + <usize>length;
  const blank = i8x16.splat(<i8>SPACE);
  const n = i8x16.splat(<i8>NAME_INITIAL);
  const s = i8x16.splat(<i8>STATUS_INITIAL);
  const dash = i8x16.splat(<i8>Ascii.DASH);
  /** The name that was looked at last, at the beginning of a line. */
  let known: usize = 0;
  for (let p = pointer; p < end; p += VECTOR_BYTES) {
    const here = v128.load(p);
    const next = v128.load(p, 1);
    // A blank or a line's end before an initial, and what could be `Nats-`, which means something anywhere.
    const initials = v128.and(i8x16.le_u(here, blank), v128.or(i8x16.eq(next, n), i8x16.eq(next, s)));
    const prefixes = v128.and(i8x16.eq(here, n), i8x16.eq(v128.load(p, 4), dash));
    for (let found = i8x16.bitmask(v128.or(initials, prefixes)); found != 0; found &= found - 1) {
      const at = p + <usize>ctz(found);
      const name = at + 1;
      if (name >= end) return true;
      if (at == known) continue;
      if (load<u8>(at) == NAME_INITIAL) return false;
      if (load<u8>(name) == STATUS_INITIAL) {
        if (load<u32>(name) == STATUS_BEGIN) return false;
      } else if (load<u16>(at - 1) == CR_LF) {
        if (!isHarmless(name, end)) return false;
        known = name;
      }
    }
  }
  return true;
}

/** Is the name that begins a line one without a use, with its colon on the same line? */
// @ts-ignore: decorator
@inline
function isHarmless(name: usize, end: usize): bool {
  if (load<u64>(name) == NATS_MSG && load<u32>(name, 8) == ID) return true;
  const colon = firstOf(<u8>Ascii.COLON, CR, name, end);
  return load<u8>(colon) == Ascii.COLON && useOf(name, <i32>(colon - name)) == HeaderUse.NO_USE;
}
