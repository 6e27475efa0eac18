import { NOT_A_SIZE, readSize } from "../../assembly/nats/numbers";
import {
  endsLikeLastSize,
  isFewDigits,
  lastSize,
  lastSizeLength,
  NO_PLAIN_SIZE,
  readPlainSize,
  SIZE_READ,
} from "../../assembly/nats/plain-size";
import { pointerTo } from "./bytes-support";

/** As if it had been read before in this file. */
const before: usize = memory.data(SIZE_READ);

/** As if after another argument of any length. */
function size(text: string, argument: string = "a"): i32 {
  const p = pointerTo(`PUB ${argument} ${text}`) + <usize>argument.length + 5;
  return readPlainSize(p, p + <usize>text.length, before);
}

describe("a plainly written size", () => {
  it("is what the reader of all sizes makes of it, or is left to that", () => {
    const texts = [
      "0",
      "7",
      "16",
      "007",
      "1048576",
      "99999999",
      "100000000",
      "999999999",
      "",
      "-1",
      "+1",
      "1a",
      "a1",
      "1_0",
      "1000:",
      "1000/",
      ":0000",
    ];
    for (let i = 0; i < texts.length; i++) {
      const read = size(texts[i]);
      if (read == NO_PLAIN_SIZE) continue;
      const p = pointerTo(texts[i]);
      assert(read == readSize(p, texts[i].length), texts[i]);
    }
  });

  it("is read again, whatever was in its place in the line before", () => {
    const texts = [
      "0",
      "1",
      "16",
      "160",
      "1600",
      "0016",
      "61",
      "1",
      "10000",
      "10",
      "0",
      "00",
      "4x",
      "x4",
      "4",
      "0x",
      "x",
    ];
    for (let i = 0; i < texts.length; i++) {
      for (let j = 0; j < texts.length; j++) {
        size(texts[i]);
        for (let again = 0; again < 2; again++) {
          const expected = readSize(pointerTo(texts[j]), texts[j].length);
          assert(size(texts[j]) == expected, `${texts[j]} behind ${texts[i]}`);
          // Digits of another argument do not belong to the size.
          assert(size(texts[j], "123") == expected, `${texts[j]} behind 123`);
        }
      }
    }
  });

  it("is kept with its length, which a longer one with the same last bytes does not have", () => {
    size("16");
    const p = pointerTo("PUB a 16");
    expect(endsLikeLastSize(p + 8, before)).toBe(true);
    expect(endsLikeLastSize(p + 7, before)).toBe(false);
    expect(lastSize(before)).toBe(16);
    expect(lastSizeLength(before)).toBe(3);
    size("1024");
    expect(endsLikeLastSize(pointerTo("PUB a 11024") + 11, before)).toBe(true);
    expect(lastSize(before)).toBe(1024);
    expect(lastSizeLength(before)).toBe(5);
    // Too long to be kept.
    expect(size("10240")).toBe(10240);
    expect(lastSize(before)).toBe(1024);
  });

  it("has few digits if they are one to four", () => {
    for (let digits = -64; digits < 64; digits++) expect(isFewDigits(digits)).toBe(digits >= 1 && digits <= 4);
  });

  it("has one to eight digits", () => {
    expect(size("0")).toBe(0);
    expect(size("99999999")).toBe(99999999);
    expect(size("100000000")).toBe(NO_PLAIN_SIZE);
    expect(size("")).toBe(NO_PLAIN_SIZE);
    expect(size("1a")).toBe(NO_PLAIN_SIZE);
    expect(NO_PLAIN_SIZE == NOT_A_SIZE).toBe(true);
  });
});
