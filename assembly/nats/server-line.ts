import { hashBytes } from "../bytes/hash";
import { NOT_A_SIZE, readSize } from "./numbers";
import { Operation, Reading } from "./operation";
import { isCrLf } from "./plain-line";
import { CR, firstOf, INFO, isBlank, LF, matchVerb, OK, PING, PONG, SPACE, TAB } from "./words";

/** Verbs of nats-server alone, packed for `matchVerb`. `-` without its fifth bit is 0x0d. */
const MSG: u64 = 0x47534d;
const HMSG: u64 = 0x47534d48;
const ERR: u64 = 0x5252450d;

/**
 * Bytes of the longest line of a broker that is read. It has room for an INFO with hundreds of `connect_urls`, and for a MSG with
 * the longest subject, that of a topic of MQTT of 65,535 dots, each of which becomes two bytes (mqtt.go
 * `mqttToNATSSubjectConversion`), with a subscriber's longest sid, of 64 KiB (`limits.controlLine`), and with as much for the
 * reply subject, and what imports and mappings write before the subject. A longer line is not NATS.
 */
export const SERVER_LINE_LIMIT: i32 = 4 * 65_536;

/** Bytes of the PONG that nats-server writes (client.go `pongProto`). */
export const PONG_LENGTH: i32 = 6;

/** Does PONG CR LF stand at `pointer`? All its PONG_LENGTH bytes must be memory. */
// @ts-ignore: decorator
@inline
export function isPongLine(pointer: usize): bool {
  return load<u32>(pointer) == <u32>PONG && isCrLf(pointer + 4);
}

/**
 * One control line of a broker. MSG is `MSG <subject> <sid> [reply] <size>`; subjects and sids may hold any byte
 * but blanks and line ends, and the size is always the last argument.
 *
 * The fields that have no comment mean what they mean in `ClientLine`. Pointers lead into the bytes given to `read` and live as
 * long as those; `reply` is of no meaning where `replyLength` is 0.
 */
@unmanaged
@final
export class ServerLine {
  operation: Operation = Operation.NONE;
  next: usize = 0;
  argument: usize = 0;
  argumentLength: i32 = 0;
  subject: usize = 0;
  subjectLength: i32 = 0;
  sid: usize = 0;
  sidLength: i32 = 0;
  /** `hashBytes` of the sid. */
  sidHash: u32 = 0;
  reply: usize = 0;
  replyLength: i32 = 0;
  size: i32 = 0;
  headerLength: i32 = 0;
  /** A subject or reply holds a CR, LF or TAB: a client would read a line or an argument where there is none. */
  hasLineBreak: bool = false;

  /**
   * Reads the line that begins at `pointer`; `end` is where the received bytes end. Answers COMPLETE with the fields set,
   * INCOMPLETE, or what is wrong. Fifteen bytes behind `end` must be memory (SLACK, proxy/memory.ts).
   */
  read(pointer: usize, end: usize): Reading {
    if (pointer >= end) return Reading.INCOMPLETE;
    switch (load<u8>(pointer)) {
      case 0x4d: // M
        return this.readMessage(Operation.MSG, MSG, 3, pointer, end);
      case 0x48: // H
        return this.readMessage(Operation.HMSG, HMSG, 4, pointer, end);
      case 0x2b: // +
        return this.readLine(Operation.OK, OK, 3, pointer, end);
      case 0x2d: // -
        return this.readLine(Operation.ERR, ERR, 4, pointer, end);
      case 0x49: // I
        return this.readLine(Operation.INFO, INFO, 4, pointer, end);
      case 0x50: // P
        return pointer + 1 < end && load<u8>(pointer, 1) == 0x4f
          ? this.readLine(Operation.PONG, PONG, 4, pointer, end)
          : this.readLine(Operation.PING, PING, 4, pointer, end);
    }
    return Reading.UNKNOWN_OPERATION;
  }

  private readLine(operation: Operation, verb: u64, length: i32, pointer: usize, end: usize): Reading {
    const match = matchVerb(pointer, end, verb, length);
    if (match != Reading.COMPLETE) return match;
    let start = pointer + <usize>length;
    while (start < end && isBlank(load<u8>(start))) start++;
    let p = firstOf(LF, LF, start, end);
    if (<i32>(p - pointer) > SERVER_LINE_LIMIT) return Reading.LINE_TOO_LONG;
    if (p >= end) return Reading.INCOMPLETE;
    this.operation = operation;
    this.next = p + 1;
    // At least the verb stands before.
    if (load<u8>(p - 1) == CR) p--;
    this.argument = start;
    this.argumentLength = <i32>(p - start);
    return Reading.COMPLETE;
  }

  private readMessage(operation: Operation, verb: u64, length: i32, pointer: usize, end: usize): Reading {
    const match = matchVerb(pointer, end, verb, length);
    if (match != Reading.COMPLETE) return match;
    let p = pointer + <usize>length;
    if (p >= end) return Reading.INCOMPLETE;
    if (load<u8>(p) != SPACE) return Reading.UNKNOWN_OPERATION;
    // nats-server writes exactly one SP between arguments (client.go msgHeader), so a second one is not its line.
    const subject = p + 1;
    const afterSubject = argumentEnd(subject, end);
    if (afterSubject >= end) return this.unfinished(pointer, afterSubject);
    if (load<u8>(afterSubject) != SPACE || afterSubject == subject) {
      return this.readBroken(operation, pointer, subject, end);
    }
    const sid = afterSubject + 1;
    p = argumentEnd(sid, end);
    if (p >= end) return this.unfinished(pointer, p);
    if (load<u8>(p) != SPACE || p == sid) return Reading.UNKNOWN_OPERATION;
    const afterSid = p;
    // Up to three more: [reply] [header length] size.
    const first = afterSid + 1;
    const afterFirst = argumentEnd(first, end);
    p = afterFirst;
    let second: usize = 0;
    let afterSecond: usize = 0;
    let third: usize = 0;
    if (p < end && load<u8>(p) == SPACE) {
      second = afterFirst + 1;
      afterSecond = argumentEnd(second, end);
      p = afterSecond;
      if (p < end && load<u8>(p) == SPACE) {
        third = afterSecond + 1;
        p = argumentEnd(third, end);
      }
    }
    if (p >= end) return this.unfinished(pointer, p);
    if (load<u8>(p) != CR) return this.readBroken(operation, pointer, subject, end);
    if (p + 1 >= end) return this.unfinished(pointer, p);
    if (load<u8>(p, 1) != LF) return this.readBroken(operation, pointer, subject, end);
    this.hasLineBreak = false;
    if (<i32>(p - pointer) > SERVER_LINE_LIMIT) return Reading.LINE_TOO_LONG;
    this.next = p + 2;
    if (!this.takeSizes(operation == Operation.HMSG, first, afterFirst, second, afterSecond, third, p)) {
      return Reading.BAD_ARGUMENTS;
    }
    this.operation = operation;
    this.subject = subject;
    this.subjectLength = <i32>(afterSubject - subject);
    this.sid = sid;
    this.sidLength = <i32>(afterSid - sid);
    this.sidHash = hashBytes(sid, this.sidLength);
    return Reading.COMPLETE;
  }

  /**
   * Takes the arguments behind the sid, up to three, for what their number means: `[reply] size`, and `[reply] header-length size`
   * where the message is `withHeader`. `second` and `third` are 0 where there is no such one; the last ends at `end`. Answers false
   * for what nats-server does not write.
   */
  // @ts-ignore: decorator
  @inline
  private takeSizes(
    withHeader: bool,
    first: usize,
    afterFirst: usize,
    second: usize,
    afterSecond: usize,
    third: usize,
    end: usize,
  ): bool {
    const last = third != 0 ? third : second != 0 ? second : first;
    const size = readSize(last, <i32>(end - last));
    if (size == NOT_A_SIZE) return false;
    this.size = size;
    this.replyLength = 0;
    this.headerLength = 0;
    if (!withHeader) {
      if (third != 0) return false;
      if (second != 0) this.takeReply(first, afterFirst);
      return true;
    }
    if (second == 0) return false;
    const header = third != 0 ? second : first;
    const headerLength = readSize(header, <i32>((third != 0 ? afterSecond : afterFirst) - header));
    if (headerLength == NOT_A_SIZE || headerLength > size) return false;
    this.headerLength = headerLength;
    if (third != 0) this.takeReply(first, afterFirst);
    return true;
  }

  /**
   * A MSG with a CR, LF or TAB where none belongs. A publisher that no filter restrains can make nats-server send one
   * (`PUB \nfoo 1`), and such a subject never holds CR LF: so the line ends at the first CR LF, and the last arguments are
   * the sizes. In nats-server 2.10 and 2.11 a topic of MQTT has any of these (mqtt.go `mqttToNATSSubjectConversion`). By CR LF in
   * one, which has no blank before it, the line is none.
   */
  private readBroken(operation: Operation, pointer: usize, subject: usize, end: usize): Reading {
    let p = subject;
    while (p + 1 < end && !(load<u8>(p) == CR && load<u8>(p, 1) == LF)) p++;
    if (p + 1 >= end || <i32>(p - pointer) > SERVER_LINE_LIMIT) return this.unfinished(pointer, p);
    let size = p;
    while (size > subject && load<u8>(size - 1) != SPACE) size--;
    this.size = readSize(size, <i32>(p - size));
    if (size == subject || this.size == NOT_A_SIZE) return Reading.UNKNOWN_OPERATION;
    this.operation = operation;
    this.hasLineBreak = true;
    this.subject = subject;
    this.subjectLength = <i32>(size - 1 - subject);
    this.sidLength = 0;
    this.replyLength = 0;
    this.headerLength = 0;
    this.next = p + 2;
    return Reading.COMPLETE;
  }

  // @ts-ignore: decorator
  @inline
  private takeReply(begin: usize, end: usize): void {
    this.reply = begin;
    this.replyLength = <i32>(end - begin);
  }

  // @ts-ignore: decorator
  @inline
  private unfinished(pointer: usize, p: usize): Reading {
    return <i32>(p - pointer) > SERVER_LINE_LIMIT ? Reading.LINE_TOO_LONG : Reading.INCOMPLETE;
  }
}

// @ts-ignore: decorator
@inline
function endsArgument(b: u8): bool {
  return b == SPACE || b == TAB || b == CR || b == LF;
}

/** Where the argument at `p` ends, or `end`. It may hold control characters, at which `endOfArgument` (plain-line.ts) ends a client's. */
// @ts-ignore: decorator
@inline
function argumentEnd(p: usize, end: usize): usize {
  while (p < end) {
    const b = load<u8>(p);
    if (b <= SPACE && endsArgument(b)) break;
    p++;
  }
  return p;
}
