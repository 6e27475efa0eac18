import { Envelope, MAX_HEAD_BYTES, readEnvelope, writeHead } from "../../assembly/policy/envelope";
import { fingerprintOf } from "../../assembly/policy/fingerprint";
import { ROOM_BEFORE } from "../../assembly/proxy/configuration";

const TEXT: string = '{"mode":"ENFORCE"}';
const area: usize = heap.alloc(MAX_HEAD_BYTES + <usize>TEXT.length);
const text: usize = area + MAX_HEAD_BYTES;
String.UTF8.encodeUnsafe(changetype<usize>(TEXT), TEXT.length, text);

/** Publishes the text in place of `former`, and reads it again. What is answered passes for a text of that fingerprint. */
function published(former: Envelope, fingerprint: u64, now: i64): Envelope {
  const head = writeHead(former, fingerprintOf(text, TEXT.length), text, TEXT.length, now);
  expect(head >= area).toBe(true);
  const envelope = readEnvelope(head, <i32>(text - head) + TEXT.length);
  envelope.fingerprint = fingerprint;
  return envelope;
}

describe("the fingerprint of a policy's text", () => {
  it("is FNV-1a of 64 bits", () => {
    // The published value for "a".
    const a = String.UTF8.encode("a");
    expect(fingerprintOf(changetype<usize>(a), 1)).toBe(((<u64>0xaf63dc4c) << 32) | 0x8601ec8c);
  });

  it("distinguishes one text from another", () => {
    const fingerprint = fingerprintOf(text, TEXT.length);
    expect(fingerprintOf(text, TEXT.length)).toBe(fingerprint);
    expect(fingerprintOf(text, TEXT.length - 1)).not.toBe(fingerprint);
  });
});

describe("the head of a published policy", () => {
  it("is read as it was written, with the text after it in place", () => {
    const envelope = published(new Envelope(), fingerprintOf(text, TEXT.length), 1000);
    expect(envelope.problem).toBe("");
    expect(envelope.sequence).toBe(1);
    expect(envelope.text).toBe(text);
    expect(envelope.textLength).toBe(TEXT.length);
    expect(envelope.endedAt.length).toBe(0);
  });

  it("lists the policies that have ended lately, the last one first, and no more than fit", () => {
    let envelope = new Envelope();
    for (let i = 1; i <= 100; i++) {
      envelope = published(envelope, <u64>i, i * 100);
      expect(envelope.sequence).toBe(<u64>i);
    }
    expect(envelope.endedAt.length).toBe(32);
    expect(String.UTF8.decodeUnsafe(text, TEXT.length)).toBe(TEXT);
    for (let i = 0; i < 32; i++) {
      expect(envelope.endedFingerprints[i]).toBe(<u64>(99 - i));
      expect(envelope.endedAt[i]).toBe(<i64>(10_000 - 100 * i));
    }
    // Ten seconds after the others have ended.
    envelope = published(envelope, 101, 20_000);
    expect(envelope.endedAt.length).toBe(1);
    expect(envelope.endedFingerprints[0]).toBe(100);
  });

  it("says that a policy has just ended for ten seconds, whichever way the host's clock is set", () => {
    const former = published(new Envelope(), 7, 100_000);
    const envelope = published(former, 8, 100_000);
    expect(envelope.hasJustEnded(former.fingerprint, 109_999)).toBe(true);
    expect(envelope.hasJustEnded(former.fingerprint, 110_000)).toBe(false);
    expect(envelope.hasJustEnded(former.fingerprint, 90_001)).toBe(true);
    expect(envelope.hasJustEnded(former.fingerprint, 90_000)).toBe(false);
    expect(published(envelope, 9, 90_000).endedAt.length).toBe(1);
  });

  it("that tells of more ended policies than any head does is not read, whatever its length", () => {
    const head = writeHead(new Envelope(), fingerprintOf(text, TEXT.length), text, TEXT.length, 1000);
    const beginning = <usize>(text - head);
    const ended = <usize>16 * 33;
    const forged = heap.alloc(beginning + ended + <usize>TEXT.length);
    memory.copy(forged, head, beginning);
    memory.fill(forged + beginning, 0, ended);
    memory.copy(forged + beginning + ended, text, <usize>TEXT.length);
    store<u32>(forged, 33, 12);
    expect(readEnvelope(forged, <i32>(beginning + ended) + TEXT.length).problem).toBe("its length is not what it says");
    heap.free(forged);
  });

  it("is of sequence 0 where its text is not that of its fingerprint", () => {
    const head = writeHead(new Envelope(), 7, text, TEXT.length, 1000);
    const envelope = readEnvelope(head, <i32>(text - head) + TEXT.length);
    expect(envelope.problem).toBe("its text is damaged");
    expect(envelope.sequence).toBe(0);
  });

  it("fits the room that a configuration has before it", () => {
    expect(MAX_HEAD_BYTES <= ROOM_BEFORE).toBe(true);
  });
});
