import { NOT_A_SIZE, readNumber, readSize, takeLargestSize } from "../../assembly/nats/numbers";
import { lengthOf, pointerTo } from "./bytes-support";

function size(text: string): i32 {
  return readSize(pointerTo(text), lengthOf(text));
}

// The answers of parseSize in nats-server v2.15.2 (util.go) for the same texts.
describe("a size", () => {
  it("is one to nine digits, leading zeros included", () => {
    expect(size("0")).toBe(0);
    expect(size("9")).toBe(9);
    expect(size("0002")).toBe(2);
    expect(size("000000001")).toBe(1);
    expect(size("1048576")).toBe(1048576);
    expect(size("999999999")).toBe(999999999);
  });

  it("does not have ten digits or none", () => {
    expect(size("")).toBe(NOT_A_SIZE);
    expect(size("1000000000")).toBe(NOT_A_SIZE);
    expect(size("0000000001")).toBe(NOT_A_SIZE);
    expect(size("99999999999999999999")).toBe(NOT_A_SIZE);
  });

  it("has only digits", () => {
    const wrong: StaticArray<string> = ["-1", "+1", "1.0", "0x1", "a", "1a", "a1", "/", ":", " 1", "1 ", "1\0", "\xb2"];
    for (let i = 0; i < wrong.length; i++) assert(size(wrong[i]) == NOT_A_SIZE, wrong[i]);
  });
});

describe("the largest size", () => {
  it("is that of the payloads read since the last query, and 0 right after it", () => {
    takeLargestSize();
    expect(size("70000")).toBe(70_000);
    expect(size("5")).toBe(5);
    expect(size("x")).toBe(NOT_A_SIZE);
    expect(takeLargestSize()).toBe(70_000);
    expect(takeLargestSize()).toBe(0);
  });

  it("is not that of a number that is not a payload's", () => {
    takeLargestSize();
    expect(readNumber(pointerTo("999999"), 6)).toBe(999_999);
    expect(takeLargestSize()).toBe(0);
  });
});
