import { Buffer } from "../../assembly/bytes/buffer";
import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { lengthOf, pointerTo, textAt } from "./bytes-support";

const LIMIT: usize = 1 << 20;

function append(buffer: Buffer, text: string): bool {
  return buffer.append(pointerTo(text), lengthOf(text));
}

function assign(buffer: Buffer, text: string): bool {
  return buffer.assign(pointerTo(text), lengthOf(text));
}

function content(buffer: Buffer): string {
  return textAt(buffer.pointer, buffer.length);
}

describe("a buffer without a budget", () => {
  it("refuses what needs memory and stays empty", () => {
    expect(limitBytes()).toBe(0);
    const buffer = new Buffer();
    expect(append(buffer, "a")).toBe(false);
    expect(assign(buffer, "a")).toBe(false);
    expect(buffer.reserve(1)).toBe(false);
    expect(buffer.length).toBe(0);
    expect(buffer.capacity).toBe(0);
    expect(buffer.pointer).toBe(0);
    buffer.release();
  });

  it("accepts what needs no memory", () => {
    const buffer = new Buffer();
    expect(append(buffer, "")).toBe(true);
    expect(assign(buffer, "")).toBe(true);
    expect(buffer.reserve(0)).toBe(true);
    buffer.clear();
    buffer.release();
  });
});

describe("a buffer", () => {
  beforeAll(() => {
    raiseLimit(LIMIT);
  });

  it("keeps what is appended, in order, whenever it grows", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    let expected = "";
    for (let i = 0; i < 200; i++) {
      const part = i.toString() + ",";
      expect(append(buffer, part)).toBe(true);
      expected += part;
    }
    expect(content(buffer)).toBe(expected);
    buffer.release();
    expect(usedBytes()).toBe(before);
  });

  it("begins with 64 bytes and doubles", () => {
    const buffer = new Buffer();
    append(buffer, "a");
    expect(buffer.capacity).toBe(64);
    append(buffer, "b".repeat(63));
    expect(buffer.capacity).toBe(64);
    append(buffer, "c");
    expect(buffer.capacity).toBe(128);
    append(buffer, "d".repeat(500));
    expect(buffer.capacity).toBe(1024);
    expect(buffer.length).toBe(565);
    buffer.release();
  });

  it("has room for all that it was asked for, even if doubling leaves it one byte short", () => {
    const buffer = new Buffer();
    append(buffer, "a");
    expect(buffer.reserve(128)).toBe(true);
    expect(buffer.capacity).toBe(256);
    buffer.release();
  });

  it("reserves room without changing its content", () => {
    const buffer = new Buffer();
    append(buffer, "abc");
    expect(buffer.reserve(1000)).toBe(true);
    expect(buffer.capacity).toBeGreaterThanOrEqual(1003);
    expect(content(buffer)).toBe("abc");
    const place = buffer.pointer;
    append(buffer, "x".repeat(1000));
    expect(buffer.pointer).toBe(place);
    buffer.release();
  });

  it("refuses to grow beyond 2^30 bytes without asking the budget", () => {
    const buffer = new Buffer();
    append(buffer, "abc");
    const before = usedBytes();
    expect(buffer.reserve(i32.MAX_VALUE)).toBe(false);
    expect(buffer.reserve(i32.MAX_VALUE / 2 - 2)).toBe(false);
    expect(usedBytes()).toBe(before);
    expect(content(buffer)).toBe("abc");
    buffer.release();
  });

  it("loses nothing if the budget does not let it grow", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    append(buffer, "abc");
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    expect(most).not.toBe(0);
    expect(append(buffer, "x".repeat(64))).toBe(false);
    expect(buffer.reserve(64)).toBe(false);
    expect(content(buffer)).toBe("abc");
    expect(buffer.capacity).toBe(64);
    // What fits into the present memory is still accepted.
    expect(append(buffer, "def")).toBe(true);
    expect(content(buffer)).toBe("abcdef");
    giveBack(most, rest);
    buffer.release();
    expect(usedBytes()).toBe(before);
  });

  it("can be assigned shorter and longer contents", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    expect(assign(buffer, "first")).toBe(true);
    expect(assign(buffer, "2")).toBe(true);
    expect(content(buffer)).toBe("2");
    const long = "long".repeat(100);
    expect(assign(buffer, long)).toBe(true);
    expect(content(buffer)).toBe(long);
    buffer.release();
    expect(usedBytes()).toBe(before);
  });

  it("does not keep what a long content needed, and needs no room for two", () => {
    const buffer = new Buffer();
    const half = <i32>(limitBytes() / 2);
    expect(assign(buffer, "x".repeat(half))).toBe(true);
    expect(assign(buffer, "y".repeat(half / 2 + 1))).toBe(true);
    expect(buffer.capacity).toBe(half);
    expect(assign(buffer, "z".repeat(half / 2 - 1))).toBe(true);
    expect(buffer.capacity).toBe(half / 2);
    // More than is left beside that.
    expect(assign(buffer, "xy".repeat(half / 2))).toBe(true);
    expect(buffer.capacity).toBe(half);
    expect(assign(buffer, "short")).toBe(true);
    expect(buffer.capacity).toBe(64);
    expect(content(buffer)).toBe("short");
    expect(assign(buffer, "x".repeat(16_384))).toBe(true);
    expect(assign(buffer, "short")).toBe(true);
    expect(buffer.capacity).toBe(16_384);
    expect(assign(buffer, "x".repeat(16_385))).toBe(true);
    expect(assign(buffer, "short")).toBe(true);
    expect(buffer.capacity).toBe(64);
    buffer.release();
  });

  it("is empty if the budget has no room for what it is assigned", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    append(buffer, "former");
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    expect(assign(buffer, "x".repeat(65))).toBe(false);
    expect(buffer.length).toBe(0);
    giveBack(most, rest);
    buffer.release();
    expect(usedBytes()).toBe(before);
  });

  it("can be assigned its own tail, overlapping", () => {
    const buffer = new Buffer();
    append(buffer, "0123456789");
    expect(buffer.assign(buffer.pointer + 3, 7)).toBe(true);
    expect(content(buffer)).toBe("3456789");
    buffer.release();
  });

  it("keeps a small memory when it is cleared, and gives back a large one", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    append(buffer, "x".repeat(256));
    buffer.clear();
    expect(buffer.length).toBe(0);
    expect(buffer.capacity).toBe(256);
    append(buffer, "x".repeat(257));
    buffer.clear();
    expect(buffer.capacity).toBe(0);
    expect(usedBytes()).toBe(before);
    append(buffer, "again");
    expect(content(buffer)).toBe("again");
    buffer.release();
    expect(usedBytes()).toBe(before);
  });

  it("can be released twice and used again", () => {
    const before = usedBytes();
    const buffer = new Buffer();
    append(buffer, "abc");
    buffer.release();
    buffer.release();
    expect(usedBytes()).toBe(before);
    append(buffer, "def");
    expect(content(buffer)).toBe("def");
    buffer.release();
    expect(usedBytes()).toBe(before);
  });
});
