import { HASH_KEYS, hashBytes, quickHash, seedHashes } from "../../assembly/bytes/hash";
import { expectOtherForEachByte, expectSameOfEqual, keep, LONGEST, pointerTo } from "./bytes-support";

function hashAlike(a: usize, b: usize, length: i32): bool {
  return hashBytes(a, length) == hashBytes(b, length);
}

describe("the hash of bytes", () => {
  it("depends only on the bytes, not on where they lie or on what is around them", () => {
    expectSameOfEqual(hashAlike);
  });

  it("depends on every byte", () => {
    expectOtherForEachByte(1, hashAlike);
  });

  it("is not the same for names that differ in the top bits of neighbouring blocks, whatever the seed", () => {
    const BLOCKS = 12;
    const name = keep(new StaticArray<u8>(BLOCKS * 8 + 8));
    const seen = new Set<u32>();
    for (let number = 0; number < 1 << (BLOCKS / 2); number++) {
      for (let pair = 0; pair < BLOCKS / 2; pair++) {
        const top: u8 = ((number >> pair) & 1) == 1 ? 0x80 : 0;
        store<u8>(name + <usize>(pair * 16 + 7), top);
        store<u8>(name + <usize>(pair * 16 + 15), top);
        store<u8>(name + <usize>(pair * 16 + 11), top);
      }
      seen.add(hashBytes(name, BLOCKS * 8 + 8));
    }
    expect(seen.size).toBe(1 << (BLOCKS / 2));
  });

  it("distinguishes runs of zeros of different lengths", () => {
    const zeros = keep(new StaticArray<u8>(LONGEST));
    const seen = new Set<u32>();
    for (let length = 0; length <= LONGEST; length++) seen.add(hashBytes(zeros, length));
    expect(seen.size).toBe(LONGEST + 1);
  });

  it("spreads consecutive sids over the slots of a table", () => {
    const SLOTS = 1024;
    const used = new Set<u32>();
    for (let i = 0; i < SLOTS; i++) {
      const sid = i.toString();
      used.add(hashBytes(pointerTo(sid), sid.length) & (SLOTS - 1));
    }
    // Thrown at random, 1,024 balls hit (1 - 1/e) of 1,024 slots: 647, with a standard deviation of 10.
    expect(used.size).toBeGreaterThan(597);
    expect(used.size).toBeLessThan(697);
  });
});

describe("the hash of long names that differ in their last bytes", () => {
  it("spreads them over the slots of a table", () => {
    const SLOTS = 1024;
    const used = new Set<u32>();
    for (let i = 0; i < SLOTS; i++) {
      const inbox = "_INBOX.abcdefghijklmnopqrstuv.000" + i.toString(36).padStart(4, "0");
      used.add(hashBytes(pointerTo(inbox), inbox.length) & (SLOTS - 1));
    }
    expect(used.size).toBeGreaterThan(597);
    expect(used.size).toBeLessThan(697);
  });
});

function quickHashAlike(a: usize, b: usize, length: i32): bool {
  return quickHash(a, length) == quickHash(b, length);
}

describe("the quick hash", () => {
  it("depends only on the bytes, not on where they lie or on what is around them", () => {
    expectSameOfEqual(quickHashAlike);
  });

  it("depends on every byte", () => {
    expectOtherForEachByte(1, quickHashAlike);
  });
});

/** The secret bytes for hashes in other files, as four numbers. */
function keysNow(): u64[] {
  return [load<u64>(HASH_KEYS), load<u64>(HASH_KEYS, 8), load<u64>(HASH_KEYS, 16), load<u64>(HASH_KEYS, 24)];
}

describe("the seed of the hashes", () => {
  it("changes the hash and the keys, and only once in the life of a VM", () => {
    const text = pointerTo("some.subject");
    const whole = hashBytes(text, 12);
    const short = hashBytes(text, 3);
    const keys = keysNow();
    seedHashes(0x123456789abcdef0);
    const seeded = hashBytes(text, 12);
    expect(seeded).not.toBe(whole);
    expect(hashBytes(text, 3)).not.toBe(short);
    const seededKeys = keysNow();
    for (let i = 0; i < 4; i++) expect(seededKeys[i]).not.toBe(keys[i]);
    seedHashes(42);
    expect(hashBytes(text, 12)).toBe(seeded);
    for (let i = 0; i < 4; i++) expect(keysNow()[i]).toBe(seededKeys[i]);
  });
});
