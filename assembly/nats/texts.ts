import { copyShort } from "../bytes/copy";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { QUOTED_GROWTH, writeQuoted } from "./quote";

/** nats-server's own texts, byte for byte (client.go, parser.go, errors.go of v2.15.2). */
export const PING_LINE: FixedText = fixedText("PING\r\n");
export const OK_LINE: FixedText = fixedText("+OK\r\n");
export const AUTHORIZATION_VIOLATION: FixedText = fixedText("-ERR 'Authorization Violation'\r\n");
export const CONTROL_LINE_EXCEEDED: FixedText = fixedText("-ERR 'maximum control line exceeded'\r\n");
export const PAYLOAD_VIOLATION: FixedText = fixedText("-ERR 'Maximum Payload Violation'\r\n");
export const SUBSCRIPTIONS_EXCEEDED: FixedText = fixedText("-ERR 'maximum subscriptions exceeded'\r\n");
export const INVALID_PUBLISH_SUBJECT: FixedText = fixedText("-ERR 'Invalid Publish Subject'\r\n");

/**
 * Lines that every nats-server refuses in the wanted way, sent in place of a client's own bytes, so that nothing that
 * we could not read is read by the server. `?` begins and continues no operation: `-ERR 'Unknown Protocol
 * Operation'`. The others make it close without a word.
 */
export const ILLEGAL_LINE: FixedText = fixedText("?\r\n");
export const ILLEGAL_CONNECT: FixedText = fixedText("C?\r\n");
export const PUB_WITHOUT_SIZE: FixedText = fixedText("PUB x\r\n");
export const CONNECT_WITHOUT_JSON: FixedText = fixedText("CONNECT {\r\n");

export const LINE_END: FixedText = fixedText("\r\n");

export const PONG_LINE: FixedText = fixedText("PONG\r\n");
export const UNSUB_START: FixedText = fixedText("UNSUB ");

const VIOLATION_PUBLISH: FixedText = fixedText("-ERR 'Permissions Violation for Publish to \"");
const VIOLATION_REPLY: FixedText = fixedText("-ERR 'Permissions Violation for Publish with Reply of \"");
const VIOLATION_SUBSCRIPTION: FixedText = fixedText("-ERR 'Permissions Violation for Subscription to \"");
const USING_QUEUE: FixedText = fixedText('" using queue "');
const END: FixedText = fixedText("\"'\r\n");

/** Bytes of a violation's text at most, beside its quoted names. */
const FRAME: i32 = 96;

/** Bytes that `writeViolation` writes at most. */
export function violationRoom(nameLength: i32, queueLength: i32): i32 {
  return FRAME + (nameLength + queueLength) * QUOTED_GROWTH;
}

/** What a violation's text is about. */
export const enum Violation {
  PUBLISH = 0,
  REPLY = 1,
  SUBSCRIPTION = 2,
}

/**
 * Writes nats-server's line about a refusal, for which `out` has `violationRoom` bytes, and answers its length. A queue of
 * length 0 is none.
 */
export function writeViolation(
  kind: Violation,
  name: usize,
  nameLength: i32,
  queue: usize,
  queueLength: i32,
  out: usize,
): i32 {
  const start = out;
  const intro =
    kind == Violation.PUBLISH ? VIOLATION_PUBLISH : kind == Violation.REPLY ? VIOLATION_REPLY : VIOLATION_SUBSCRIPTION;
  out += put(intro, out);
  out += <usize>writeQuoted(name, nameLength, out);
  if (queueLength > 0) {
    out += put(USING_QUEUE, out);
    out += <usize>writeQuoted(queue, queueLength, out);
  }
  out += put(END, out);
  return <i32>(out - start);
}

const SID: FixedText = fixedText(' (sid "');
const SID_END: FixedText = fixedText("\")'\r\n");

/** Bytes that `writeRevocation` writes at most. */
export function revocationRoom(subjectLength: i32, queueLength: i32, sidLength: i32): i32 {
  return violationRoom(subjectLength, queueLength) + sidLength * QUOTED_GROWTH;
}

/**
 * Writes the line about a subscription that new permissions have ended (client.go `processSubsOnConfigReload`), for which `out`
 * has `revocationRoom` bytes, and answers its length.
 */
export function writeRevocation(
  subject: usize,
  subjectLength: i32,
  queue: usize,
  queueLength: i32,
  sid: usize,
  sidLength: i32,
  out: usize,
): i32 {
  const length = writeViolation(Violation.SUBSCRIPTION, subject, subjectLength, queue, queueLength, out);
  // The sid goes behind the last quote, over the end of the line.
  let at = out + <usize>(length - END.length + 1);
  at += put(SID, at);
  at += <usize>writeQuoted(sid, sidLength, at);
  at += put(SID_END, at);
  return <i32>(at - out);
}

function put(text: FixedText, out: usize): usize {
  copyShort(out, text.pointer, text.length);
  return <usize>text.length;
}
