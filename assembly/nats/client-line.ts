import { NOT_A_SIZE, readNumber, readSize } from "./numbers";
import { Operation, Reading } from "./operation";
import { endOfArgument } from "./plain-line";
import { CR, firstOf, INFO, isBlank, LF, matchVerb, OK, PING, PONG } from "./words";

/** Verbs of clients alone, packed for `matchVerb`. */
const CONNECT: u64 = 0x5443454e4e4f43;
const PUB: u64 = 0x425550;
const HPUB: u64 = 0x42555048;
const SUB: u64 = 0x425553;
const UNSUB: u64 = 0x4255534e55;

/** An operation has at most four arguments; a fifth is as wrong as a hundredth. */
const MAX_ARGUMENTS: i32 = 4;
/** Bytes of one of the `places`. */
const PLACE: usize = 8;

/**
 * Bytes of a verb and of the blanks behind it. nats-server skips any number of these. Here they are held back until the line is
 * whole and looked at again with each byte that comes: 64 KiB of them took 119 µs of a worker for each byte that a client sent
 * by itself.
 */
export const PADDING_LIMIT: i32 = 8192;

/**
 * One control line of a client, read exactly as nats-server's parser does (`parser.go`, `client.go` processPub and
 * the like), except where its reading depends on how the bytes were cut into reads: a CR that no LF follows, a LF
 * right after a verb, `HMSG` and `-ERR` from a client. Those are UNKNOWN_OPERATION here (docs/reference/parity.md).
 *
 * The reader owns nothing: pointers lead into the bytes given to `read` and live as long as those.
 */
@unmanaged
@final
export class ClientLine {
  operation: Operation = Operation.NONE;
  /** The first byte behind the line's LF. */
  next: usize = 0;
  /** The argument bytes, from the first one to before CR LF: what `max_control_line` counts. */
  argument: usize = 0;
  argumentLength: i32 = 0;
  subject: usize = 0;
  subjectLength: i32 = 0;
  /** Of length 0 when there is none; nats-server treats both alike. */
  reply: usize = 0;
  replyLength: i32 = 0;
  queue: usize = 0;
  queueLength: i32 = 0;
  sid: usize = 0;
  sidLength: i32 = 0;
  /** Payload bytes that follow, header block included, without the closing CR LF. */
  size: i32 = 0;
  headerLength: i32 = 0;
  /** `UNSUB sid max`; NOT_A_SIZE when absent or no number, which both mean "now" (client.go processUnsub). */
  maxMessages: i32 = NOT_A_SIZE;
  /** Bytes stand between PING, PONG or +OK and the line's end, which nats-server skips. */
  hasTail: bool = false;

  /** Addresses where each argument begins and where it ends, u32 each. */
  private readonly places: usize = heap.alloc(<usize>MAX_ARGUMENTS * PLACE);
  private argumentCount: i32 = 0;

  /**
   * Reads the line that begins at `pointer`; `end` is where the received bytes end. `limit` is nats-server's
   * `max_control_line`, in argument bytes. An error is reported at the byte that makes it certain, as
   * nats-server does, not at the end of the line.
   *
   * Fifteen bytes behind `end` must be memory (SLACK, proxy/memory.ts).
   */
  read(pointer: usize, end: usize, limit: i32): Reading {
    if (pointer >= end) return Reading.INCOMPLETE;
    switch (load<u8>(pointer) & 0xdf) {
      case 0x50: // P
        return this.readP(pointer, end, limit);
      case 0x53: // S
        return this.readVerb(Operation.SUB, SUB, 3, pointer, end, limit, true);
      case 0x48: // H: HMSG is refused at its M, nats-server would read it as a publish to ""
        return this.readVerb(Operation.HPUB, HPUB, 4, pointer, end, limit, true);
      case 0x55: // U
        return this.readVerb(Operation.UNSUB, UNSUB, 5, pointer, end, limit, true);
      case 0x43: // C
        return this.readVerb(Operation.CONNECT, CONNECT, 7, pointer, end, limit, false);
      case 0x49: // I
        return this.readVerb(Operation.INFO, INFO, 4, pointer, end, limit, false);
    }
    if (load<u8>(pointer) == 0x2b) return this.readSkipped(Operation.OK, OK, 3, pointer, end, limit);
    return Reading.UNKNOWN_OPERATION;
  }

  private readP(pointer: usize, end: usize, limit: i32): Reading {
    if (pointer + 1 >= end) return Reading.INCOMPLETE;
    switch (load<u8>(pointer, 1) & 0xdf) {
      case 0x55: // U
        return this.readVerb(Operation.PUB, PUB, 3, pointer, end, limit, true);
      case 0x49: // I
        return this.readSkipped(Operation.PING, PING, 4, pointer, end, limit);
      case 0x4f: // O
        return this.readSkipped(Operation.PONG, PONG, 4, pointer, end, limit);
    }
    return Reading.UNKNOWN_OPERATION;
  }

  /**
   * PING, PONG and +OK, behind which all bytes up to the LF are skipped. nats-server takes any number of them, we as many as a
   * control line has.
   */
  private readSkipped(operation: Operation, verb: u64, length: i32, pointer: usize, end: usize, limit: i32): Reading {
    const match = matchVerb(pointer, end, verb, length);
    if (match != Reading.COMPLETE) return match;
    const tail = pointer + <usize>length;
    const p = firstOf(LF, LF, tail, end);
    if (<i32>(p - tail) > limit + 1) return Reading.LINE_TOO_LONG;
    if (p >= end) return Reading.INCOMPLETE;
    this.operation = operation;
    this.hasTail = !(p == tail || (p == tail + 1 && load<u8>(tail) == CR));
    this.next = p + 1;
    return Reading.COMPLETE;
  }

  private readVerb(
    operation: Operation,
    verb: u64,
    length: i32,
    pointer: usize,
    end: usize,
    limit: i32,
    needsBlank: bool,
  ): Reading {
    const match = matchVerb(pointer, end, verb, length);
    if (match != Reading.COMPLETE) return match;
    let p = pointer + <usize>length;
    if (p >= end) return Reading.INCOMPLETE;
    if (needsBlank && !isBlank(load<u8>(p))) return Reading.UNKNOWN_OPERATION;
    while (p < end && isBlank(load<u8>(p))) p++;
    if (<i32>(p - pointer) > PADDING_LIMIT) return Reading.LINE_TOO_LONG;
    if (p >= end) return Reading.INCOMPLETE;
    // nats-server takes a LF here for the first argument byte and reads on to the next LF.
    if (load<u8>(p) == LF) return Reading.UNKNOWN_OPERATION;
    this.operation = operation;
    this.argument = p;
    // The end is searched for before arguments are split: an unfinished line is read again with each byte that comes.
    const lineEnd = firstOf(CR, LF, p, end);
    const reading = this.endOfLine(p, lineEnd, end, limit);
    return reading != Reading.COMPLETE || operation == Operation.CONNECT || operation == Operation.INFO
      ? reading
      : this.readArguments(p, lineEnd);
  }

  /** Splits the argument bytes from `start` to `end` at blanks. Arguments beyond MAX_ARGUMENTS are counted, not kept. */
  private readArguments(start: usize, end: usize): Reading {
    let p = start;
    let count = 0;
    let begin: usize = 0;
    while (p < end) {
      const b = load<u8>(p);
      if (b > 0x20) {
        if (begin == 0) begin = p;
        p = min(endOfArgument(p, end), end);
        continue;
      }
      if (isBlank(b)) {
        if (begin != 0) {
          if (count < MAX_ARGUMENTS) this.putArgument(count, begin, p);
          count++;
          begin = 0;
        }
      } else if (begin == 0) begin = p; // VT, FF, NUL and the like belong to an argument
      p++;
    }
    if (begin != 0) {
      if (count < MAX_ARGUMENTS) this.putArgument(count, begin, p);
      count++;
    }
    this.argumentCount = count;
    return this.understand();
  }

  // @ts-ignore: decorator
  @inline
  private putArgument(index: i32, begin: usize, end: usize): void {
    store<usize>(this.places + <usize>index * PLACE, begin);
    store<usize>(this.places + <usize>index * PLACE, end, PLACE / 2);
  }

  /** `p` stands at the line's CR or LF, or at the end of what has arrived. */
  private endOfLine(start: usize, p: usize, end: usize, limit: i32): Reading {
    const length = <i32>(p - start);
    if (length > limit) return Reading.LINE_TOO_LONG;
    if (p >= end) return Reading.INCOMPLETE;
    if (load<u8>(p) == CR) {
      if (p + 1 >= end) return Reading.INCOMPLETE;
      // nats-server drops the last byte before the LF if it saw a CR anywhere in the same read, so its reading depends on the cuts.
      if (load<u8>(p, 1) != LF) return Reading.UNKNOWN_OPERATION;
      this.next = p + 2;
    } else this.next = p + 1;
    this.argumentLength = length;
    return Reading.COMPLETE;
  }

  /**
   * Takes the arguments for what the operation's number of them means (client.go processPub, processHeaderPub, processSub,
   * processUnsub).
   */
  private understand(): Reading {
    const count = this.argumentCount;
    switch (this.operation) {
      case Operation.PUB:
        if (count != 2 && count != 3) return Reading.BAD_ARGUMENTS;
        this.takeSubject();
        this.takeReply(count == 3);
        this.headerLength = 0;
        this.size = this.sizeAt(count - 1);
        return this.size == NOT_A_SIZE ? Reading.BAD_ARGUMENTS : Reading.COMPLETE;
      case Operation.HPUB:
        if (count != 3 && count != 4) return Reading.BAD_ARGUMENTS;
        this.takeSubject();
        this.takeReply(count == 4);
        this.headerLength = this.sizeAt(count - 2);
        this.size = this.sizeAt(count - 1);
        return this.headerLength == NOT_A_SIZE || this.size == NOT_A_SIZE || this.headerLength > this.size
          ? Reading.BAD_ARGUMENTS
          : Reading.COMPLETE;
      case Operation.SUB:
        if (count != 2 && count != 3) return Reading.BAD_ARGUMENTS;
        this.takeSubject();
        this.queue = count == 3 ? this.beginOf(1) : 0;
        this.queueLength = count == 3 ? this.lengthOf(1) : 0;
        this.takeSid(count - 1);
        return Reading.COMPLETE;
      case Operation.UNSUB:
        if (count != 1 && count != 2) return Reading.BAD_ARGUMENTS;
        this.takeSid(0);
        this.maxMessages = count == 2 ? readNumber(this.beginOf(1), this.lengthOf(1)) : NOT_A_SIZE;
        return Reading.COMPLETE;
    }
    return Reading.BAD_ARGUMENTS;
  }

  // @ts-ignore: decorator
  @inline
  private takeSubject(): void {
    this.subject = this.beginOf(0);
    this.subjectLength = this.lengthOf(0);
  }

  // @ts-ignore: decorator
  @inline
  private takeReply(present: bool): void {
    this.reply = present ? this.beginOf(1) : 0;
    this.replyLength = present ? this.lengthOf(1) : 0;
  }

  // @ts-ignore: decorator
  @inline
  private takeSid(index: i32): void {
    this.sid = this.beginOf(index);
    this.sidLength = this.lengthOf(index);
  }

  // @ts-ignore: decorator
  @inline
  private sizeAt(index: i32): i32 {
    return readSize(this.beginOf(index), this.lengthOf(index));
  }

  // @ts-ignore: decorator
  @inline
  private beginOf(index: i32): usize {
    return load<usize>(this.places + <usize>index * PLACE);
  }

  // @ts-ignore: decorator
  @inline
  private lengthOf(index: i32): i32 {
    const place = this.places + <usize>index * PLACE;
    return <i32>(load<usize>(place, PLACE / 2) - load<usize>(place));
  }
}
