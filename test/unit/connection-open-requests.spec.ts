import { giveBack, limitBytes, mostToGrowTo, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { GOLDEN_64 } from "../../assembly/bytes/golden-ratio";
import { OpenRequests, RequestTable } from "../../assembly/connection/open-requests";
import { Meter } from "../../assembly/telemetry/meter";
import { Unanswered } from "../../assembly/telemetry/series";
import { freeAll, takeAllOf, zeros } from "./bytes-support";

raiseLimit(64 << 20);

function newOwner(): OpenRequests {
  const owner = changetype<OpenRequests>(zeros(16));
  // The meter reports its counts to the host by name, and no test here looks at them.
  owner.meter = new Meter(false, 0, 0);
  return owner;
}

function newTable(bound: i32): RequestTable {
  const table = new RequestTable(true);
  table.bound = bound;
  return table;
}

describe("a table of messages that wait for another one", () => {
  it("finds each by its owner and name, once, with its time and class", () => {
    const table = newTable(10);
    const owner = newOwner();
    table.open(owner, 77, 5, 1000);
    expect(table.close(newOwner(), 77)).toBe(false);
    expect(table.close(owner, 78)).toBe(false);
    expect(table.close(owner, 77)).toBe(true);
    expect(table.since).toBe(1000);
    expect(table.subjectClass).toBe(5);
    expect(table.close(owner, 77)).toBe(false);
    expect(owner.count).toBe(0);
    table.clear();
  });

  it("leaves one that already waits as it is", () => {
    const table = newTable(10);
    const owner = newOwner();
    table.open(owner, 1, 2, 1000);
    table.open(owner, 1, 3, 2000);
    expect(table.count).toBe(1);
    expect(table.close(owner, 1)).toBe(true);
    expect(table.since).toBe(1000);
    table.clear();
  });

  it("gives up the oldest at its bound, and those that have waited too long", () => {
    const table = newTable(3);
    const owner = newOwner();
    for (let i: u64 = 0; i < 5; i++) {
      table.open(owner, i, 0, <i64>i);
      expect(table.count).toBe(min(<i32>i + 1, 3));
    }
    expect(table.close(owner, 1)).toBe(false);
    expect(table.close(owner, 2)).toBe(true);
    table.expire(5, 2);
    expect(table.close(owner, 3)).toBe(false);
    expect(table.close(owner, 4)).toBe(true);
    table.clear();
  });

  it("gives up 65,536 at most that have waited too long, the others when it is asked again", () => {
    const table = newTable(100_000);
    const owner = newOwner();
    for (let i: u64 = 0; i < 100_000; i++) table.open(owner, i * 0x9e3779b97f4a7c15, 0, 0);
    table.expire(10, 5);
    expect(table.count).toBe(100_000 - 65_536);
    table.expire(10, 5);
    expect(table.count).toBe(0);
    table.clear();
  });

  it("gives up 64 at most for each that waits anew while there are more than a smaller bound allows", () => {
    const table = newTable(1000);
    const owner = newOwner();
    for (let i: u64 = 0; i < 1000; i++) table.open(owner, i, 0, <i64>i);
    table.bound = 100;
    table.open(owner, 2000, 0, 2000);
    expect(table.count).toBe(1000 - 64 + 1);
    for (let i: u64 = 0; i < 20; i++) table.open(owner, 3000 + i, 0, 3000);
    expect(table.count).toBe(100);
    // The newest are left.
    expect(table.close(owner, 3019)).toBe(true);
    expect(table.close(owner, 2000)).toBe(true);
    expect(table.close(owner, 900)).toBe(false);
    table.clear();
  });

  it("gives up all of an owner, and no other's", () => {
    const table = newTable(100);
    const one = newOwner();
    const two = newOwner();
    for (let i: u64 = 0; i < 40; i++) table.open(i % 2 == 0 ? one : two, i, 0, 0);
    table.giveUpAll(one, Unanswered.CLOSED);
    expect(one.count).toBe(0);
    expect(table.count).toBe(20);
    for (let i: u64 = 1; i < 40; i += 2) expect(table.close(two, i)).toBe(true);
    table.clear();
  });

  it("stays consistent through many openings and closings in any order, with names that collide", () => {
    const table = newTable(500);
    const owner = newOwner();
    const open = new Set<u64>();
    let random: u64 = 1;
    // Making a message for each round would take most of the test's time.
    let wrong = -1;
    for (let i = 0; i < 200_000; i++) {
      random = random * 6364136223846793005 + 1442695040888963407;
      // Few low bits differ, so that runs in the table are long.
      const name = ((random >> 40) & 255) | (((random >> 48) & 7) << 32);
      if (((random >> 60) & 1) == 0) {
        if (open.size < 400) {
          table.open(owner, name, 0, 0);
          open.add(name);
        }
      } else {
        if (table.close(owner, name) != open.has(name)) wrong = i;
        open.delete(name);
      }
      if (table.count != open.size) wrong = i;
    }
    expect(wrong).toBe(-1, "round");
    table.clear();
  });

  it("finds one whose place is the first of all", () => {
    const table = newTable(10);
    const owner = newOwner();
    // The upper half of the key is 0, at which the search for it begins.
    const name: u64 = (<u64>changetype<usize>(owner) * GOLDEN_64) ^ 7;
    table.open(owner, name, 0, 1000);
    table.open(owner, name, 0, 2000);
    expect(table.count).toBe(1);
    expect(table.close(owner, name)).toBe(true);
    expect(table.since).toBe(1000);
    expect(table.count).toBe(0);
    table.clear();
  });

  it("gives up the oldest first, whatever has been opened and closed in between", () => {
    const table = newTable(8);
    const owner = newOwner();
    // Names and times of those that wait, the oldest first.
    const names: u64[] = [];
    const times: i64[] = [];
    let random: u32 = 3;
    for (let now: i64 = 1; now <= 20_000; now++) {
      random = random * 1664525 + 1013904223;
      const name: u64 = (random >> 20) & 31;
      const at = names.indexOf(name);
      const choice = (random >> 27) & 7;
      if (choice < 4) {
        table.open(owner, name, 0, now);
        if (at >= 0) continue;
        if (names.length == 8) {
          names.shift();
          times.shift();
        }
        names.push(name);
        times.push(now);
      } else if (choice < 7) {
        assert(table.close(owner, name) == at >= 0, `at ${now}`);
        if (at < 0) continue;
        assert(table.since == times[at], `at ${now}`);
        names.splice(at, 1);
        times.splice(at, 1);
      } else {
        table.expire(now, 16);
        while (times.length > 0 && now - times[0] >= 16) {
          names.shift();
          times.shift();
        }
      }
      assert(table.count == names.length && owner.count == names.length, `at ${now}`);
    }
    table.clear();
  });

  it("gives up the oldest of those it has if the budget has no room for more", () => {
    const table = newTable(1000);
    const owner = newOwner();
    // As many as the first block of records has room for.
    for (let i: u64 = 0; i < 64; i++) table.open(owner, i, 0, <i64>i);
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    table.open(owner, 64, 0, 64);
    expect(table.count).toBe(64);
    expect(table.close(owner, 0)).toBe(false);
    expect(table.close(owner, 1)).toBe(true);
    expect(table.close(owner, 64)).toBe(true);
    table.clear();
    const none = newTable(1000);
    none.open(owner, 1, 0, 0);
    expect(none.count).toBe(0);
    expect(none.close(owner, 1)).toBe(false);
    none.clear();
    giveBack(most, rest);
  });

  it("grows as long as half of the budget is enough for that, with its records and their places", () => {
    for (let missing: usize = 0; missing <= 16; missing += 16) {
      const table = newTable(1000);
      const owner = newOwner();
      for (let i: u64 = 0; i < 64; i++) table.open(owner, i, 0, <i64>i);
      // A record of 40 bytes and four places of 4 for each of twice as many, and 16 that the budget adds to what is taken here.
      const rest = limitBytes() / 2 - usedBytes() - 128 * 56 - 16 + missing;
      const taken = take(rest);
      table.open(owner, 64, 0, 64);
      expect(table.count).toBe(missing == 0 ? 65 : 64);
      giveBack(taken, rest);
      table.clear();
    }
  });

  it("gives back all of its memory", () => {
    const before = usedBytes();
    const table = newTable(10_000);
    const owner = newOwner();
    // Names are hashes. Consecutive ones would be one long run of the table.
    for (let i: u64 = 0; i < 20_000; i++) table.open(owner, i * 0x9e3779b97f4a7c15, 0, 0);
    expect(table.count).toBe(10_000);
    table.giveUpAll(owner, Unanswered.CLOSED);
    table.clear();
    expect(usedBytes()).toBe(before);
  });

  it("takes nothing where linear memory has room for its records and not for their places too", () => {
    const before = usedBytes();
    const table = newTable(10);
    const owner = newOwner();
    // The meter would take memory for the class when it first counts one of it.
    owner.meter.unanswered(0, Unanswered.EVICTED);
    // The first records take 2,560 bytes of it. For their places, 1,024, a block of 2,048 must be left.
    const gap = heap.alloc(4096);
    const beside = heap.alloc(mostToGrowTo());
    const taken = takeAllOf(512);
    heap.free(gap);
    table.open(owner, 1, 0, 0);
    const used = usedBytes();
    const count = table.count;
    const records = take(2560);
    giveBack(records, 2560);
    freeAll(taken);
    heap.free(beside);
    expect(used).toBe(before);
    expect(count).toBe(0);
    expect(records).not.toBe(0);
    table.clear();
  });

  it("takes nothing once it is cleared, and can be used again", () => {
    const before = usedBytes();
    const table = newTable(100);
    const owner = newOwner();
    for (let round = 0; round < 2; round++) {
      for (let i: u64 = 0; i < 100; i++) table.open(owner, i, 1, 1000);
      expect(usedBytes() > before).toBe(true);
      for (let i: u64 = 0; i < 100; i++) expect(table.close(owner, i)).toBe(true);
      table.clear();
      expect(usedBytes()).toBe(before);
    }
  });
});
