import { Ascii } from "../bytes/ascii";
import { VERSION_LENGTH } from "./header-version";
import { CR, CR_LF, firstOf, LF, SPACE } from "./words";

/**
 * The status 100, with which nats-server marks its heartbeats and requests for flow control to a push consumer. Client libraries
 * look for it in every message without a payload that comes to such a consumer, and not only in the first line: nats.go takes a
 * header `Status: 100` for it (js.go `isJSControlMessage`, 1.55), and so does nats-py (client.py `_is_control_message`, 2.16). Both
 * leave the message out, which an ordered consumer takes for a gap and asks for again without end, and both publish to what
 * `Nats-Consumer-Stalled` names. To a consumer with `headers_only` every message comes without its payload, so those with one are
 * looked at too.
 *
 * They part the lines otherwise than nats-server: nats.go at each LF, nats-py with any blanks around a name, and older versions of
 * nats-py at each CR too. So all of that is taken for one here. Where there is a status already, what they read moves: JetStream
 * takes it away up to the first CR, wherever that is, and nats-py passes over the first ten bytes, whatever they are.
 *
 * jnats publishes to what `Nats-Consumer-Stalled` names in a message of any status that comes to a consumer with flow control
 * (PushMessageManager.java `manageStatus`, 2.26). It strips names, and compares no dash behind `Nats` (Token.java). So where the
 * first line is not the version alone, the end of that name is taken for the status 100 wherever it stands.
 */

/** What the status begins with. */
export const STATUS_INITIAL: u8 = 0x53;
/** `Stat`, `us` and `100`, as they lie in memory; the last with a fourth byte to be masked out. */
export const STATUS_BEGIN: u32 = 0x74617453;
const US: u16 = 0x7375;
const CONTROL: u32 = 0x303031;
const THREE_BYTES: u32 = 0xffffff;
/** `-Stalled`. */
const STALLED: u64 = 0x64656c6c6174532d;

/**
 * Could a library read the status 100 in the `length` bytes of headers at `pointer` because their first line is not the version
 * alone? A header then counts wherever it begins. They are of the form that blocks have (headers.ts `isMalformed`), or there are none.
 * Ten bytes behind the block must be memory.
 */
export function hidesControlStatus(pointer: usize, length: i32): bool {
  const end = pointer + <usize>length;
  const status = pointer + <usize>VERSION_LENGTH;
  if (load<u16>(status) == CR_LF) return false;
  if (isInlineControl(status, end) || isInlineControl(firstOf(CR, CR, pointer, end), end)) return true;
  for (let p = pointer; p < end; p++) {
    if (isControlField(p, end) || (p + 8 <= end && load<u64>(p) == STALLED)) return true;
  }
  return false;
}

/** Does 100 follow blanks on the same line? Libraries take those of Unicode away, too. */
function isInlineControl(at: usize, end: usize): bool {
  while (at < end && (load<u8>(at) >= 0x80 || (load<u8>(at) <= SPACE && load<u8>(at) != LF))) at++;
  return isHundred(at, end);
}

/**
 * Does a line of this status stand at `name`, behind nothing but blanks, in the block [start, end)? Eight bytes behind it must be
 * memory, and `name` be behind the first byte.
 */
export function isControlLine(name: usize, start: usize, end: usize): bool {
  if (!isControlField(name, end)) return false;
  let before = name - 1;
  while (before > start && load<u8>(before) <= SPACE && load<u8>(before) != CR && load<u8>(before) != LF) before--;
  return load<u8>(before) == CR || load<u8>(before) == LF;
}

function isControlField(name: usize, end: usize): bool {
  if (load<u32>(name) != STATUS_BEGIN || load<u16>(name, 4) != US) return false;
  const colon = behindBlanks(name + 6, end);
  if (load<u8>(colon) != Ascii.COLON) return false;
  const value = behindBlanks(colon + 1, end);
  return isHundred(value, end) && (value + 3 == end || load<u8>(value, 3) <= SPACE);
}

/** Does 100 stand at `at`, before `end`? */
function isHundred(at: usize, end: usize): bool {
  return at + 3 <= end && (load<u32>(at) & THREE_BYTES) == CONTROL;
}

function behindBlanks(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) <= SPACE) at++;
  return at;
}
