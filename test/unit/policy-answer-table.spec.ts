import { AnswerTable, isFree, SLOT_KEY } from "../../assembly/policy/answer-table";

const SHIFT: usize = 5;

/** Well mixed, and different for every number. */
function hashOf(number: i32): u32 {
  let h = <u32>number * 0x9e3779b1;
  h = (h ^ (h >> 15)) * 0x85ebca77;
  return h ^ (h >> 13);
}

/** Writes a number into its slot when it is seen for the second time. */
function remember(table: AnswerTable, number: i32): void {
  const slot = table.slotFor(hashOf(number));
  if (slot != 0) store<u64>(slot, <u64>number + 1, SLOT_KEY);
}

function knows(table: AnswerTable, number: i32): bool {
  const slot = table.candidate(hashOf(number));
  return slot != 0 && load<u64>(slot, SLOT_KEY) == <u64>number + 1;
}

function known(table: AnswerTable, count: i32): i32 {
  let found = 0;
  for (let i = 0; i < count; i++) if (knows(table, i)) found++;
  return found;
}

/** Asks for this many numbers again and again, and writes down those that are not known. */
function askAgain(table: AnswerTable, count: i32): void {
  for (let round = 0; round < 20; round++) {
    for (let number = 0; number < count; number++) if (!knows(table, number)) remember(table, number);
  }
}

/** The slots that the table has now. */
function slotsOf(table: AnswerTable): i32 {
  let first = usize.MAX_VALUE;
  let last: usize = 0;
  for (let number = 0; number < 100_000; number++) {
    const home = table.home(hashOf(number), SHIFT);
    first = min(first, home);
    last = max(last, home);
  }
  return <i32>((last - first) >> SHIFT) + 1;
}

describe("the table of answers", () => {
  it("has a slot for a hash when it is seen for the second time, and finds it again", () => {
    const table = new AnswerTable(64, 64, SHIFT);
    expect(table.candidate(hashOf(7)) == 0).toBe(true);
    expect(table.slotFor(hashOf(7)) == 0).toBe(true);
    expect(table.candidate(hashOf(7)) == 0).toBe(true);
    const slot = table.slotFor(hashOf(7));
    expect(slot == 0).toBe(false);
    expect(table.candidate(hashOf(7)) == slot).toBe(true);
  });

  it("has a hash in its home slot while that is free, which nearly all are while few slots are in use", () => {
    const table = new AnswerTable(4096, 4096, SHIFT);
    let atHome = 0;
    for (let number = 0; number < 500; number++) {
      for (let i = 0; i < 2; i++) remember(table, number);
      expect(knows(table, number)).toBe(true);
      if (table.home(hashOf(number), SHIFT) == table.candidate(hashOf(number))) atHome++;
    }
    // One in sixteen finds another there.
    expect(atHome).toBeGreaterThan(450);
    expect(atHome).toBeLessThan(500);
  });

  it("has the same slot for the same hash, so that one look suffices", () => {
    const table = new AnswerTable(64, 64, SHIFT);
    for (let i = 0; i < 2; i++) remember(table, 7);
    const slot = table.candidate(hashOf(7));
    expect(table.slotFor(hashOf(7)) == 0).toBe(true);
    expect(table.slotFor(hashOf(7)) == slot).toBe(true);
  });

  it("has a hash in its home slot while that is free, even if another of its set has the same tag", () => {
    const table = new AnswerTable(64, 64, SHIFT);
    const hashes: StaticArray<u32> = [0x00070003, 0x00070005];
    for (let i = 0; i < hashes.length; i++) {
      table.slotFor(hashes[i]);
      const slot = table.slotFor(hashes[i]);
      expect(slot == table.home(hashes[i], SHIFT)).toBe(true);
      expect(isFree(slot)).toBe(true);
      store<u64>(slot, 1, SLOT_KEY);
      expect(isFree(slot)).toBe(false);
    }
  });

  it("has a slot at once for a hash whose home is free and taken", () => {
    const table = new AnswerTable(8, 8, SHIFT);
    for (let number = 0; number < 8; number++) {
      const home = table.home(<u32>number, SHIFT);
      expect(isFree(home)).toBe(true);
      expect(table.take(home, (<u32>number) | ((<u32>number) << 17)) == home).toBe(true);
      store<u64>(home, <u64>number + 1, SLOT_KEY);
    }
    for (let number = 0; number < 8; number++) {
      const slot = table.candidate((<u32>number) | ((<u32>number) << 17));
      expect(load<u64>(slot, SLOT_KEY)).toBe(<u64>number + 1);
    }
  });

  it("has a free slot at once for a hash, its home if that is free, but never another's", () => {
    const table = new AnswerTable(8, 64, SHIFT);
    const hashes = new StaticArray<u32>(9);
    // All have the home 3, and each a tag of its own.
    for (let i = 0; i < hashes.length; i++) hashes[i] = 3 | ((<u32>i + 1) << 17);
    for (let i = 0; i < 8; i++) {
      const slot = table.freeSlotFor(hashes[i]);
      expect(isFree(slot)).toBe(true);
      if (i == 0) expect(slot == table.home(hashes[i], SHIFT)).toBe(true);
      expect(table.candidate(hashes[i]) == slot).toBe(true);
      expect(table.freeSlotFor(hashes[i]) == 0).toBe(true);
      store<u64>(slot, <u64>i + 1, SLOT_KEY);
    }
    expect(table.freeSlotFor(hashes[8]) == 0).toBe(true);
    for (let i = 0; i < 8; i++) expect(load<u64>(table.candidate(hashes[i]), SLOT_KEY)).toBe(<u64>i + 1);
    expect(slotsOf(table)).toBe(8);
  });

  it("sees as many for the second time as it has slots, also where it could not have grown so large before", () => {
    const table = new AnswerTable(64, 64, SHIFT);
    table.makeAtLeast(4096);
    askAgain(table, 2000);
    expect(known(table, 2000)).toBeGreaterThan(1900);
  });

  it("is replaced by an empty one of the wanted size if it has fewer slots", () => {
    const table = new AnswerTable(64, 4096, SHIFT);
    for (let i = 0; i < 2; i++) remember(table, 7);
    table.makeAtLeast(64);
    expect(knows(table, 7)).toBe(true);
    table.makeAtLeast(1024);
    expect(slotsOf(table)).toBe(1024);
    expect(knows(table, 7)).toBe(false);
  });

  it("knows nothing any more when it is cleared, and has each home free", () => {
    const table = new AnswerTable(64, 4096, SHIFT);
    for (let number = 0; number < 30; number++) for (let i = 0; i < 2; i++) remember(table, number);
    const slots = slotsOf(table);
    table.clear();
    for (let number = 0; number < 30; number++) {
      expect(knows(table, number)).toBe(false);
      expect(isFree(table.home(hashOf(number), SHIFT))).toBe(true);
    }
    expect(slotsOf(table)).toBe(slots);
  });

  it("fills a set of eight before anything in it is replaced", () => {
    const table = new AnswerTable(8, 8, SHIFT);
    for (let number = 0; number < 8; number++) {
      for (let i = 0; i < 2; i++) remember(table, number);
    }
    expect(known(table, 8)).toBe(8);
    for (let i = 0; i < 2; i++) remember(table, 8);
    expect(knows(table, 8)).toBe(true);
    expect(known(table, 8)).toBe(7);
  });

  it("remembers numbers that come in turn, even if each is seen once in a round", () => {
    const table = new AnswerTable(4096, 4096, SHIFT);
    for (let round = 0; round < 4; round++) {
      for (let number = 0; number < 1000; number++) remember(table, number);
    }
    expect(known(table, 1000)).toBeGreaterThan(990);
  });

  it("is replaced by an empty one of twice the size instead of dropping entries, up to its bound", () => {
    const table = new AnswerTable(8, 64, SHIFT);
    askAgain(table, 30);
    expect(known(table, 30)).toBeGreaterThan(25);
    for (let number = 0; number < 1000; number++) {
      for (let i = 0; i < 2; i++) remember(table, number);
    }
    expect(known(table, 1000)).toBeLessThanOrEqual(64);
    table.mayGrowTo(2048);
    askAgain(table, 1000);
    expect(known(table, 1000)).toBeGreaterThan(980);
  });

  it("that may be sparse has 32 slots for each used one, up to its lower bound, and fills up from there on", () => {
    const table = new AnswerTable(64, 4096, SHIFT, 1024);
    askAgain(table, 8);
    expect(slotsOf(table)).toBe(256);
    expect(known(table, 8)).toBe(8);
    askAgain(table, 200);
    expect(slotsOf(table)).toBe(1024);
    expect(known(table, 200)).toBe(200);
    askAgain(table, 2000);
    expect(slotsOf(table)).toBe(4096);
  });
});
