import { raiseLimit, usedBytes } from "../../assembly/bytes/budget";
import { OpenRequests, RequestTable } from "../../assembly/connection/open-requests";
import { Meter } from "../../assembly/telemetry/meter";
import { zeros } from "./bytes-support";

raiseLimit(64 << 20);

function newOwner(): OpenRequests {
  const owner = changetype<OpenRequests>(zeros(16));
  // The meter reports its counts to the host by name, and no test here looks at them.
  owner.meter = new Meter(0, 0, 0);
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
    table.destroy();
  });

  it("leaves one that already waits as it is", () => {
    const table = newTable(10);
    const owner = newOwner();
    table.open(owner, 1, 2, 1000);
    table.open(owner, 1, 3, 2000);
    expect(table.count).toBe(1);
    expect(table.close(owner, 1)).toBe(true);
    expect(table.since).toBe(1000);
    table.destroy();
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
    table.destroy();
  });

  it("gives up all of an owner, and no other's", () => {
    const table = newTable(100);
    const one = newOwner();
    const two = newOwner();
    for (let i: u64 = 0; i < 40; i++) table.open(i % 2 == 0 ? one : two, i, 0, 0);
    table.closeAll(one);
    expect(one.count).toBe(0);
    expect(table.count).toBe(20);
    for (let i: u64 = 1; i < 40; i += 2) expect(table.close(two, i)).toBe(true);
    table.destroy();
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
    table.destroy();
  });

  it("gives back all of its memory", () => {
    const before = usedBytes();
    const table = newTable(10_000);
    const owner = newOwner();
    // Names are hashes. Consecutive ones would be one long run of the table.
    for (let i: u64 = 0; i < 20_000; i++) table.open(owner, i * 0x9e3779b97f4a7c15, 0, 0);
    expect(table.count).toBe(10_000);
    table.closeAll(owner);
    table.destroy();
    expect(usedBytes()).toBe(before);
  });
});
