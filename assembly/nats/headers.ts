/**
 * Finds the headers of an HPUB with which nats-server acts on another subject than the one published to (header-uses.ts).
 *
 * nats-server has two readers, and the parser passes header blocks on unread:
 * - `sliceHeader`/`getHeaderKeyIndex` (client.go), used by JetStream and MQTT: the name, exact in case, behind CR LF
 *   and in front of ':' anywhere in the block; blanks (SP only) are skipped; the value ends at CR LF or with the block.
 *   The block need not begin with `NATS/1.0`, nor end with an empty line. 2.15 takes the first such line; 2.10 and
 *   2.12 look at the first occurrence of the name alone, so a subset of these.
 * - `genHeaderMapIfTraceHeadersPresent` (msgtrace.go), used for tracing: the block begins `NATS/1.0\r\n`, the value
 *   loses SP and TAB at both ends and must be closed by CR LF. 2.15 takes the first value that is not empty, 2.12 the
 *   first value. A line without ':' makes it miss the next line; we do not follow it there, which is stricter. Nor do we
 *   want the CR LF behind the version: JetStream takes a status away from what it stores (`removeHeaderStatusIfPresent`),
 *   and the next server to which that goes, another of the cluster or a leaf node, traces it and asks no permission.
 * Which of several equal lines counts differs by version, and changes when the server itself adds or removes a header
 * (`setHeader`, `removeHeaderIfPresent`: service imports, scheduler). So every line that any of them could take is
 * answered, in order: the first is what 2.15 acts on and names in its text, a further one makes us only stricter.
 */
import { Ascii } from "../bytes/ascii";
import { sameBytes } from "../bytes/compare";
import { VECTOR_BYTES } from "../bytes/vector";
import { hidesControlStatus, isControlLine, STATUS_INITIAL } from "./control-status";
import { HeaderUse, LONGEST_NAME, NAME_INITIAL, useOf } from "./header-uses";
import { hasVersion } from "./header-version";
import { isNoTimeZone, keepsBusy } from "./schedule";
import { areUsual } from "./usual-headers";
import { CR, CR_LF, firstOf, isBlank, LF, SPACE } from "./words";

/** `Nats`, and an empty line behind another one, as they lie in memory. */
const NATS: u32 = 0x7374614e;
const EMPTY_LINE: u32 = 0x0a0d0a0d;

/** 'a', 'l', 'l' and 's', 'u', 'b' as one number, after the bit that tells the case of an ASCII letter is set. */
const ALL: u32 = 0x6c6c61;
const SUB: u32 = 0x627573;
const LOWER_CASE: u32 = 0x202020;

/** The halves of `Accept-Encoding:`, with which nats-server compresses a trace and says so in a header (`initMsgTrace`). */
const ACCEPT_E: u64 = 0x452d747065636341;
const NCODING: u64 = 0x3a676e69646f636e;

/** The first eight bytes of `Nats-Batch-Id:`, and the last six. */
const NATS_BAT: u64 = 0x7461422d7374614e;
const CH_ID: u64 = 0x3a64492d6863;
const SIX_BYTES: u64 = 0xffffffffffff;

/**
 * Bytes of the longest `Nats-Incr` that may pass. To a counter of 16,000 digits each further message took the stream 1.4 to 1.9 ms and
 * 16 KB, however little it added (2.15.2, tried).
 */
const LONGEST_INCREMENT: i32 = 128;

/** At which of the sixteen places from `pointer` on a blank or a line's end, and an N or S behind it, begin, as bits. */
// @ts-ignore: decorator
@inline
function namesAt(pointer: usize): i32 {
  const blanks = i8x16.le_u(v128.load(pointer), i8x16.splat(<i8>SPACE));
  const initials = v128.load(pointer, 1);
  const names = v128.or(
    i8x16.eq(initials, i8x16.splat(<i8>NAME_INITIAL)),
    i8x16.eq(initials, i8x16.splat(<i8>STATUS_INITIAL)),
  );
  return i8x16.bitmask(v128.and(blanks, names));
}

/**
 * The first N in [from, end) with CR LF before it, or the S of a line that is the status 100 of heartbeats; `end` without any. No
 * byte before `from` counts but those between `start`, the block's begin, and the status. Fifteen bytes behind `end` must be memory.
 */
function findName(from: usize, start: usize, end: usize): usize {
  for (let p = from; p + 1 < end; p += VECTOR_BYTES) {
    for (let found = namesAt(p); found != 0; found &= found - 1) {
      const name = p + <usize>ctz(found) + 1;
      if (name >= end) return end;
      if (
        load<u8>(name) == STATUS_INITIAL
          ? isControlLine(name, start, end)
          : name - 2 >= from && load<u16>(name - 2) == CR_LF
      )
        return name;
    }
  }
  return end;
}

/** The first `Nats-` that begins in [from, end), or an address from `end` on. Nineteen bytes behind `end` must be memory. */
// @ts-ignore: decorator
@inline
function findNats(from: usize, end: usize): usize {
  const initial = i8x16.splat(<i8>NAME_INITIAL);
  const dash = i8x16.splat(<i8>Ascii.DASH);
  for (let p = from; p < end; p += VECTOR_BYTES) {
    const places = v128.and(i8x16.eq(v128.load(p), initial), i8x16.eq(v128.load(p, 4), dash));
    for (let found = i8x16.bitmask(places); found != 0; found &= found - 1) {
      const at = p + <usize>ctz(found);
      if (load<u32>(at) == NATS) return at;
    }
  }
  return end;
}

/**
 * Walks one header block. `begin` names the block, each `next` answers the use of a line that nats-server could act
 * on or that is the status 100, with `value` and `valueLength` (never 0, but of no meaning for that status; of ROLLUP_ALL and
 * ROLLUP_SUBJECT as written) pointing into the block.
 */
@unmanaged
@final
class HeaderFields {
  value: usize = 0;
  valueLength: i32 = 0;
  private start: usize = 0;
  /** The first byte not yet looked at. */
  private position: usize = 0;
  private end: usize = 0;
  private traced: bool = false;

  /**
   * Begins a walk over the `length` bytes at `pointer`, the header block as long as HPUB says. They stay in place until the
   * walk is over. Fifteen bytes behind them must be memory.
   */
  begin(pointer: usize, length: i32): void {
    this.start = pointer;
    this.position = pointer;
    this.end = pointer + <usize>length;
    this.value = 0;
    this.valueLength = 0;
    this.traced = hasVersion(pointer, length);
  }

  /** The use of the next line that has one, or NO_USE after the last. Linear in the block over all calls. */
  next(): HeaderUse {
    const end = this.end;
    while (this.position < end) {
      const name = findName(this.position, this.start, end);
      this.position = name;
      if (name == end) return HeaderUse.NO_USE;
      const use = this.readField(name);
      if (use != HeaderUse.NO_USE) return use;
    }
    return HeaderUse.NO_USE;
  }

  /** The use of the line whose name begins at `name`, with its value noted, or NO_USE. */
  private readField(name: usize): HeaderUse {
    if (load<u8>(name) == STATUS_INITIAL) return HeaderUse.OF_THE_SERVER;
    const end = this.end;
    // If the name is one of ours, the colon is right behind it at the latest.
    const lastColon = min(end, name + LONGEST_NAME + 1);
    const colon = firstOf(<u8>Ascii.COLON, <u8>Ascii.COLON, name, lastColon);
    if (colon == lastColon) return HeaderUse.NO_USE;
    const use = useOf(name, <i32>(colon - name));
    if (use == HeaderUse.NO_USE) return HeaderUse.NO_USE;

    let from = colon + 1;
    let to = this.valueEnd(from);
    if (use == HeaderUse.TRACE_DEST) {
      if (!this.traced || to == end) return HeaderUse.NO_USE;
      while (from < to && isBlank(load<u8>(from))) from++;
      while (to > from && isBlank(load<u8>(to - 1))) to--;
    } else {
      while (from < to && load<u8>(from) == SPACE) from++;
    }
    if (from == to) return HeaderUse.NO_USE;
    this.value = from;
    this.valueLength = <i32>(to - from);
    if (use == HeaderUse.SCHEDULE) return keepsBusy(from, to) ? HeaderUse.OF_THE_SERVER : HeaderUse.ROLLUP_SUBJECT;
    if (use == HeaderUse.TIME_ZONE) return isNoTimeZone(from, to) ? HeaderUse.OF_THE_SERVER : HeaderUse.NO_USE;
    if (use == HeaderUse.INCREMENT) {
      return this.valueLength > LONGEST_INCREMENT ? HeaderUse.OF_THE_SERVER : HeaderUse.ROLLUP_SUBJECT;
    }
    if (use == HeaderUse.LAST_ID) return HeaderUse.ROLLUP_ALL;
    if (use == HeaderUse.ALL_UNLESS_SUB) return this.valueIs(SUB) ? HeaderUse.ROLLUP_SUBJECT : HeaderUse.ROLLUP_ALL;
    return use == HeaderUse.ROLLUP_ALL && !this.valueIs(ALL) ? HeaderUse.ROLLUP_SUBJECT : use;
  }

  /**
   * Has the block a value that hides lines from nats-server? Its reader (client.go `getHeaderKeyIndex`) gives up at a name that
   * stands twice in a row, with at most one byte between. It does not check lines of that name behind it, which act when JetStream
   * has removed the one that hid them. Nor does it find such lines again that it adds itself (docs/adr/0005). A name behind a lone LF
   * begins no line for that reader, but does for the function that removes lines (`removeHeaderIfPrefixPresent`), which removes the
   * line behind it too. A line without ':' hides the one behind it from tracing, until that function has removed it.
   */
  get hidesLines(): bool {
    const end = this.end;
    // One from here on is the block's last, with no byte behind it.
    const lastNats = end - 5;
    let last: usize = 0;
    for (let at = findNats(this.start, lastNats); at < lastNats; at = findNats(at + 1, lastNats)) {
      if (load<u16>(at - 2) == CR_LF) {
        if (load<u8>(firstOf(<u8>Ascii.COLON, CR, at, end)) == CR) return true;
      } else {
        if (load<u8>(at - 1) == LF) return true;
        if (last != 0 && isRepeated(last, at, end)) return true;
      }
      last = at;
    }
    return false;
  }

  /** Is there a line `Accept-Encoding`? */
  get asksForEncoding(): bool {
    return this.hasLine(ACCEPT_E, NCODING, -1);
  }

  /** Is there a line `Nats-Batch-Id`, as each message of an atomic batch has? */
  get isOfAtomicBatch(): bool {
    return this.hasLine(NATS_BAT, CH_ID, SIX_BYTES);
  }

  /** Does a line begin with `first` and what `mask` leaves of `rest`? A lone LF may begin one, too, since JetStream removes lines behind it. */
  private hasLine(first: u64, rest: u64, mask: u64): bool {
    for (let p = this.start; p + 16 < this.end; p++) {
      if (load<u8>(p) == LF && load<u64>(p, 1) == first && (load<u64>(p, 9) & mask) == rest) return true;
    }
    return false;
  }

  /**
   * The CR of the CR LF that closes a value that begins at `from`, behind its colon, or the block's end. A lone CR or LF belongs to
   * the value.
   */
  private valueEnd(from: usize): usize {
    const end = this.end;
    let at = from;
    while (true) {
      const feed = firstOf(LF, LF, at, end);
      if (feed == end) return end;
      if (load<u8>(feed - 1) == CR) return feed - 1;
      at = feed + 1;
    }
  }

  /** Go's strings.ToLower maps nothing but the capital letters to these. */
  private valueIs(word: u32): bool {
    if (this.valueLength != 3) return false;
    const letters = (<u32>load<u16>(this.value)) | ((<u32>load<u8>(this.value, 2)) << 16);
    return (letters | LOWER_CASE) == word;
  }
}

/** Does what is between `last` and `at`, but for a byte at its end, stand at `at` once more, before `end`? */
function isRepeated(last: usize, at: usize, end: usize): bool {
  const length = at - last - 1;
  return at + length <= end && sameBytes(last, at, <i32>length);
}

/**
 * Has a subject the name of a header twice on end? JetStream writes the subject of a schedule into a header of what that stores, and
 * that of a counter into one of the sum, and then does not find headers of that name that stand behind it (`hidesLines`). Nineteen bytes
 * behind the subject must be memory.
 */
export function repeatsName(subject: usize, length: i32): bool {
  const end = subject + <usize>length;
  let last: usize = 0;
  for (let at = findNats(subject, end); at + 5 <= end; at = findNats(at + 1, end)) {
    if (last != 0 && isRepeated(last, at, end)) return true;
    last = at;
  }
  return false;
}

/** One block is read at a time, so one walk serves the whole VM. */
export const headerFields = new HeaderFields();

/** Bytes of the version and an empty line, the least that a client library writes. */
export const SHORTEST_BLOCK: i32 = 12;

/**
 * Does a header block, of which all `length` bytes are there, not begin with the version, or not end with an empty line, as all do that
 * client libraries write? JetStream writes headers of its own over a block's last two bytes, whatever these are (client.go `genHeader`),
 * so that the first of them can belong to a line of the block. It removes a status up to the first CR, and a line up to its CR LF. And
 * it finds nothing behind a header's name at the very beginning (`getHeaderKeyIndex`). So what was checked is not what mirrors, sources,
 * replicas and schedules get, and it stops them (docs/adr/0005). Of a block of one byte nats-server itself dies, where a stream
 * republishes or a consumer wants headers alone (stream.go, consumer.go `convertToHeadersOnly`). No block at all is none of these.
 */
export function isMalformed(pointer: usize, length: i32): bool {
  if (length == 0) return false;
  if (length < SHORTEST_BLOCK || !hasVersion(pointer, length)) return true;
  return load<u32>(pointer + <usize>length - 4) != EMPTY_LINE;
}

/**
 * Has a header block, of which all `length` bytes are there, a line that nats-server could act on or that hides others from it, the
 * status 100, or another form than blocks have (`isMalformed`)? Nineteen bytes behind the block must be memory.
 */
export function actsOnSubjects(pointer: usize, length: i32): bool {
  if (isMalformed(pointer, length)) return true;
  return !areUsual(pointer, length) && hasUse(pointer, length);
}

/** The same of a block that is well formed, without the short way of usual ones. `headerFields` walks over it. Exported for specs. */
export function hasUse(pointer: usize, length: i32): bool {
  if (hidesControlStatus(pointer, length)) return true;
  headerFields.begin(pointer, length);
  return headerFields.next() != HeaderUse.NO_USE || headerFields.hidesLines;
}
