import {
  differsBoth,
  differsLow,
  HALF,
  hashPadded,
  highHalf,
  isPaddable,
  LONGEST,
  lowHalf,
  readable,
} from "../../assembly/bytes/padded";

const area: usize = heap.alloc(<usize>LONGEST * 3);
for (let i: usize = 0; i < <usize>LONGEST * 3; i++) store<u8>(area + i, <u8>(i + 1));
const name: usize = area + <usize>LONGEST;
const kept: usize = memory.data(32, 16);

function keep(length: i32): void {
  v128.store(kept, lowHalf(name, length));
  v128.store(kept, highHalf(name, length), 16);
}

function isAsKept(length: i32): bool {
  return differsBoth(kept, lowHalf(name, length), highHalf(name, length)) == 0;
}

function hashOf(length: i32, salt: u64): u32 {
  return hashPadded(lowHalf(name, length), highHalf(name, length), salt);
}

describe("the two halves of a name", () => {
  it("are made of names of up to 32 bytes", () => {
    for (let length = -1; length < 64; length++) expect(isPaddable(length)).toBe(length >= 0 && length <= 32);
    expect(isPaddable(i32.MAX_VALUE)).toBe(false);
  });

  it("are its bytes followed by zeros", () => {
    for (let length = 0; length <= LONGEST; length++) {
      keep(length);
      for (let i = 0; i < LONGEST; i++) {
        const expected: u8 = i < length ? load<u8>(name + <usize>i) : 0;
        assert(load<u8>(kept + <usize>i) == expected, `byte ${i} of length ${length}`);
      }
    }
  });

  it("change with each byte of it, and with no byte beside it", () => {
    for (let length = 0; length <= LONGEST; length++) {
      keep(length);
      const hash = hashOf(length, 7);
      for (let at = -LONGEST; at < LONGEST * 2; at++) {
        const place = name + <usize>at;
        const right = load<u8>(place);
        store<u8>(place, right ^ 1);
        const inside = at >= 0 && at < length;
        assert(isAsKept(length) != inside, `halves of length ${length}, byte ${at}`);
        const insideLow = inside && at < HALF;
        assert(
          (differsLow(kept, lowHalf(name, length)) != 0) == insideLow,
          `first half of length ${length}, byte ${at}`,
        );
        assert((hashOf(length, 7) == hash) != inside, `hash of length ${length}, byte ${at}`);
        store<u8>(place, right);
      }
    }
  });
});

describe("a name at the end of memory", () => {
  it("is copied to where 32 bytes can be read, and any other stays where it is", () => {
    // Pages that the allocator does not know.
    for (let grown = 0; grown < 2; grown++) {
      expect(memory.grow(1)).toBeGreaterThan(0);
      const end = (<usize>memory.size()) << 16;
      for (let length = 0; length <= LONGEST; length++) {
        for (let behind = 0; behind < 40; behind++) {
          const pointer = end - <usize>(length + behind);
          for (let i = 0; i < length; i++) store<u8>(pointer + <usize>i, <u8>(0x41 + i));
          const found = readable(pointer, length);
          assert((found == pointer) == length + behind >= LONGEST, `length ${length}, ${behind} bytes behind`);
          v128.store(kept, lowHalf(found, length));
          v128.store(kept, highHalf(found, length), 16);
          for (let i = 0; i < length; i++)
            assert(load<u8>(kept + <usize>i) == <u8>(0x41 + i), `byte ${i} of ${length}`);
        }
      }
    }
    expect(readable(name, 10)).toBe(name);
  });
});

describe("the hash of two halves", () => {
  it("depends on the salt in all its bits", () => {
    const seen = new Set<u32>();
    for (let bit: u64 = 0; bit < 64; bit++) seen.add(hashOf(10, (<u64>1) << bit));
    expect(seen.size).toBe(64);
  });

  it("spreads names that differ in a number over its lower and its upper bits, at every length", () => {
    for (let length = 5; length <= LONGEST; length++) {
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
