import { decimal } from "../bytes/digits";
import { fingerprintOf } from "./fingerprint";

/**
 * A policy as it is published to all VMs of a proxy: a head, the policies that it has lately taken the place of, then
 * the configuration's text. Numbers are little endian.
 */

/** `inatspol` */
const MAGIC: u64 = ((<u64>0x6c6f7073) << 32) | 0x74616e69;
/** The version of this form. A module that changes the form counts it up. */
const VERSION: u32 = 1;

const AT_VERSION: usize = 8;
const AT_COUNT: usize = 12;
const AT_SEQUENCE: usize = 16;
const AT_FINGERPRINT: usize = 24;
/** The length of the text, u32, with four zeros behind it. */
const AT_LENGTH: usize = 32;
const AT_ENDED: usize = 40;
/** Of one ended policy: its fingerprint, and when it ended in milliseconds since 1970. */
const ENDED_BYTES: usize = 16;
/**
 * Ended policies that a head tells of. A control plane makes fewer changes within LATE milliseconds; of more the oldest is
 * forgotten.
 */
const MAX_ENDED: i32 = 32;

/**
 * Milliseconds after which no worker is configured any more with a policy that has been replaced. Envoy posts a configuration
 * to its workers and waits for none, so that a busy worker comes to it later.
 */
const LATE: i64 = 10_000;

/** What stands in the head of a published policy. */
@final
export class Envelope {
  /** Why the bytes are no published policy that this module can read; "" when they are. */
  problem: string = "";
  /** Counts publications from 1 on; 0 when none was read, as with a problem. */
  sequence: u64 = 0;
  /** Of the text. */
  fingerprint: u64 = 0;
  text: usize = 0;
  textLength: i32 = 0;
  readonly endedFingerprints: u64[] = [];
  readonly endedAt: i64[] = [];

  /**
   * Has the text of this fingerprint been replaced less than LATE milliseconds before `now`, so that a worker may be configured
   * with it only because it is late?
   */
  hasJustEnded(fingerprint: u64, now: i64): bool {
    for (let i = 0; i < this.endedAt.length; i++) {
      if (this.endedFingerprints[i] == fingerprint && isLate(this, i, now)) return true;
    }
    return false;
  }
}

/** Reads the `size` bytes at `pointer`, whoever has written them. `text` points into them. */
export function readEnvelope(pointer: usize, size: i32): Envelope {
  const envelope = new Envelope();
  if (<usize>size < AT_ENDED || load<u64>(pointer) != MAGIC) {
    envelope.problem = "the bytes are not of istio-nats";
    return envelope;
  }
  const version = load<u32>(pointer, AT_VERSION);
  if (version != VERSION) {
    envelope.problem = `it has form ${decimal(version)}, and this module reads form ${decimal(VERSION)}`;
    return envelope;
  }
  const count = load<u32>(pointer, AT_COUNT);
  const length = load<u32>(pointer, AT_LENGTH);
  if (count > <u32>MAX_ENDED || <u64>AT_ENDED + <u64>count * ENDED_BYTES + <u64>length != <u64>size) {
    envelope.problem = "its length is not what it says";
    return envelope;
  }
  const text = pointer + AT_ENDED + <usize>count * ENDED_BYTES;
  const fingerprint = load<u64>(pointer, AT_FINGERPRINT);
  if (fingerprintOf(text, <i32>length) != fingerprint) {
    envelope.problem = "its text is damaged";
    return envelope;
  }
  envelope.sequence = load<u64>(pointer, AT_SEQUENCE);
  envelope.fingerprint = fingerprint;
  envelope.text = text;
  envelope.textLength = <i32>length;
  for (let i: u32 = 0; i < count; i++) {
    const at = pointer + AT_ENDED + <usize>i * ENDED_BYTES;
    envelope.endedFingerprints.push(load<u64>(at));
    envelope.endedAt.push(load<i64>(at, 8));
  }
  return envelope;
}

/** Bytes that a head has at most. */
export const MAX_HEAD_BYTES: usize = AT_ENDED + <usize>MAX_ENDED * ENDED_BYTES;

/**
 * Writes the head of a text that takes the place of `former` right before the text, where MAX_HEAD_BYTES must be free, so that
 * a mebibyte of rules is not copied for that. Answers where the head begins. A `former` of sequence 0 is none. `now` is in
 * milliseconds.
 */
export function writeHead(former: Envelope, fingerprint: u64, text: usize, length: i32, now: i64): usize {
  const count = countOfEnded(former, now);
  const head = text - AT_ENDED - <usize>count * ENDED_BYTES;
  store<u64>(head, MAGIC);
  store<u32>(head, VERSION, AT_VERSION);
  store<u32>(head, <u32>count, AT_COUNT);
  store<u64>(head, former.sequence + 1, AT_SEQUENCE);
  store<u64>(head, fingerprint, AT_FINGERPRINT);
  store<u64>(head, <u64>length, AT_LENGTH);
  let at = head + AT_ENDED;
  if (former.sequence > 0) at = writeEnded(at, former.fingerprint, now);
  for (let i = 0; i < former.endedAt.length && at < text; i++) {
    if (isLate(former, i, now)) at = writeEnded(at, former.endedFingerprints[i], former.endedAt[i]);
  }
  return head;
}

/** How many ended policies a head tells of: `former` itself, and those that it has taken the place of lately. */
function countOfEnded(former: Envelope, now: i64): i32 {
  let count = former.sequence > 0 ? 1 : 0;
  for (let i = 0; i < former.endedAt.length; i++) {
    if (isLate(former, i, now)) count++;
  }
  return min(count, MAX_ENDED);
}

/**
 * May a worker still be configured with the policy number `ended` of those that `former` tells of? Not where the host's clock
 * was set back by more than that: it would be late until the clock is there again.
 */
function isLate(former: Envelope, ended: i32, now: i64): bool {
  return abs(now - former.endedAt[ended]) < LATE;
}

function writeEnded(at: usize, fingerprint: u64, when: i64): usize {
  store<u64>(at, fingerprint);
  store<i64>(at, when, 8);
  return at + ENDED_BYTES;
}
