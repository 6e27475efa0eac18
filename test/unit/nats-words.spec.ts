import { Reading } from "../../assembly/nats/operation";
import { firstOf, isBlank, matchVerb } from "../../assembly/nats/words";
import { lengthOf, pointerTo } from "./bytes-support";

/** A verb in capitals, in the form that `matchVerb` takes. */
function packed(verb: string): u64 {
  let word: u64 = 0;
  for (let i = verb.length - 1; i >= 0; i--) word = (word << 8) | (<u64>verb.charCodeAt(i));
  return word;
}

function match(text: string, verb: string): string {
  const pointer = pointerTo(text);
  const found = matchVerb(pointer, pointer + <usize>lengthOf(text), packed(verb), verb.length);
  return found == Reading.COMPLETE ? "whole" : found == Reading.INCOMPLETE ? "partial" : "none";
}

describe("a verb", () => {
  it("is complete if all its letters come at the beginning, whatever follows", () => {
    expect(match("PUB", "PUB")).toBe("whole");
    expect(match("PUBX", "PUB")).toBe("whole");
    expect(match("PUB foo 1\r\n", "PUB")).toBe("whole");
    expect(match("CONNECT", "CONNECT")).toBe("whole");
    expect(match("CONNECT{}", "CONNECT")).toBe("whole");
    expect(match("ABCDEFGH", "ABCDEFGH")).toBe("whole");
  });

  it("is partial at every shorter length", () => {
    const verb = "CONNECT";
    for (let length = 0; length < verb.length; length++) expect(match(verb.substring(0, length), verb)).toBe("partial");
  });

  it("may be written in any case", () => {
    expect(match("pub", "PUB")).toBe("whole");
    expect(match("pUb foo 1\r\n", "PUB")).toBe("whole");
    expect(match("cOnNeCt {}", "CONNECT")).toBe("whole");
    expect(match("co", "CONNECT")).toBe("partial");
  });

  it("is not recognised as soon as one letter differs, in short and in long texts", () => {
    const verb = "CONNECT";
    for (let at = 0; at < verb.length; at++) {
      const wrong = verb.substring(0, at) + "X";
      expect(match(wrong, verb)).toBe("none");
      expect(match(wrong + verb.substring(at + 1) + " {}", verb)).toBe("none");
    }
    expect(match("ABCDEFGX", "ABCDEFGH")).toBe("none");
  });

  it("does not accept a punctuation, control or 8-bit byte for a letter", () => {
    for (let b = 0; b < 256; b++) {
      if (b == 0x50 || b == 0x70) continue;
      const short = pointerTo("PUB");
      store<u8>(short, <u8>b);
      expect(matchVerb(short, short + 3, packed("PUB"), 3)).toBe(Reading.UNKNOWN_OPERATION);
      const long = pointerTo("PUB foo 1");
      store<u8>(long, <u8>b);
      expect(matchVerb(long, long + 9, packed("PUB"), 3)).toBe(Reading.UNKNOWN_OPERATION);
    }
  });
});

describe("the first of two bytes", () => {
  it("is found at any position, and not found after the end", () => {
    const length = 40;
    for (let at = 0; at < length; at++) {
      const text = pointerTo(".".repeat(length + 3) + "\n" + ".".repeat(15));
      const end = text + <usize>length;
      expect(firstOf(0x0a, 0x3a, text, end)).toBe(end);
      store<u8>(text + <usize>at, 0x3a);
      expect(firstOf(0x0a, 0x3a, text, end)).toBe(text + <usize>at);
      expect(firstOf(0x3a, 0x0a, text, end)).toBe(text + <usize>at);
    }
  });
});

describe("a blank", () => {
  it("is SP or TAB and nothing else", () => {
    for (let b = 0; b < 256; b++) expect(isBlank(<u8>b)).toBe(b == 0x20 || b == 0x09);
  });
});
