import {
  firstWord,
  fourthWord,
  hashWords,
  isFourWords,
  LONGEST,
  secondWord,
  SHORTEST,
  thirdWord,
} from "../../assembly/bytes/four-words";

const area: usize = heap.alloc(<usize>LONGEST * 3);
for (let i: usize = 0; i < <usize>LONGEST * 3; i++) store<u8>(area + i, <u8>(i + 1));
const name: usize = area + <usize>LONGEST;

let words: StaticArray<u64> = [0, 0, 0, 0];

function wordsOf(length: i32): StaticArray<u64> {
  return [firstWord(name), secondWord(name, length), thirdWord(name, length), fourthWord(name, length)];
}

function sameWords(length: i32): bool {
  const now = wordsOf(length);
  for (let i = 0; i < 4; i++) if (now[i] != words[i]) return false;
  return true;
}

function hashOf(length: i32, salt: u64): u32 {
  const now = wordsOf(length);
  return hashWords(now[0], now[1], now[2], now[3], salt);
}

describe("four words of a name", () => {
  it("are made of names of 8 to 32 bytes", () => {
    for (let length = -1; length < 64; length++) expect(isFourWords(length)).toBe(length >= 8 && length <= 32);
    expect(isFourWords(i32.MAX_VALUE)).toBe(false);
  });

  it("change with each byte of it, and with no byte beside it", () => {
    for (let length = SHORTEST; length <= LONGEST; length++) {
      words = wordsOf(length);
      const hash = hashOf(length, 7);
      for (let at = -LONGEST; at < LONGEST * 2; at++) {
        const place = name + <usize>at;
        const right = load<u8>(place);
        store<u8>(place, right ^ 1);
        const inside = at >= 0 && at < length;
        assert(sameWords(length) != inside, `words of length ${length}, byte ${at}`);
        assert((hashOf(length, 7) == hash) != inside, `hash of length ${length}, byte ${at}`);
        store<u8>(place, right);
      }
    }
  });
});

describe("the hash of four words", () => {
  it("depends on the salt in all its bits", () => {
    const seen = new Set<u32>();
    for (let bit: u64 = 0; bit < 64; bit++) seen.add(hashOf(10, (<u64>1) << bit));
    expect(seen.size).toBe(64);
  });

  it("spreads names that differ in a number over its lower and its upper bits, at every length", () => {
    for (let length = SHORTEST; length <= LONGEST; length++) {
      const low = new Set<u32>();
      const high = new Set<u32>();
      for (let i = 0; i < 4096; i++) {
        store<u8>(name + <usize>length - 1, <u8>(0x30 + (i & 15)));
        store<u8>(name + <usize>length - 2, <u8>(0x30 + ((i >> 4) & 15)));
        store<u8>(name + <usize>length - 5, <u8>(0x30 + (i >> 8)));
        const hash = hashOf(length, 7);
        low.add(hash & 0xfff);
        high.add(hash >> 20);
      }
      // Of 4,096 at random 63 % differ, give or take 1 %.
      assert(low.size > 2480, `${low.size} lower bits at length ${length}`);
      assert(high.size > 2480, `${high.size} upper bits at length ${length}`);
    }
  });
});
