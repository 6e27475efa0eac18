import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { hashBytes } from "../../assembly/bytes/hash";
import { ReplyGrants } from "../../assembly/connection/reply-grants";
import { ResponseLimit } from "../../assembly/policy/response-limit";
import { lengthOf, pointerTo } from "./bytes-support";

const NO_BOUND: i32 = 8192;
const UNLIMITED: i32 = -1;

function newGrants(max: i32, expires: i64, bound: i32 = NO_BOUND): ReplyGrants {
  return new ReplyGrants(new ResponseLimit(0, max, expires, false), bound);
}

function destroy(grants: ReplyGrants): void {
  const limit = grants.limit;
  grants.destroy();
  heap.free(changetype<usize>(limit));
}

function grant(grants: ReplyGrants, reply: string, now: i64): bool {
  return grants.grant(pointerTo(reply), lengthOf(reply), hashBytes(pointerTo(reply), lengthOf(reply)), now);
}

function use(grants: ReplyGrants, subject: string, now: i64): bool {
  return grants.use(pointerTo(subject), lengthOf(subject), hashBytes(pointerTo(subject), lengthOf(subject)), now);
}

function has(grants: ReplyGrants, subject: string): bool {
  return grants.has(pointerTo(subject), lengthOf(subject), hashBytes(pointerTo(subject), lengthOf(subject)));
}

describe("a reply grant without a budget", () => {
  it("is not given", () => {
    const grants = newGrants(1, 1000);
    expect(grant(grants, "r", 0)).toBe(false);
    expect(use(grants, "r", 0)).toBe(false);
    grants.forgetOldest();
    expect(grants.bytes).toBe(0);
    destroy(grants);
  });
});

// The rules of nats-server's responseAllowed (client.go): one more use each time. A grant with more than max uses, or older than
// expires, is gone.
describe("a reply grant", () => {
  beforeAll(() => {
    raiseLimit(4 << 20);
  });

  it("allows as many responses as its rule says, and then none", () => {
    for (let max = 1; max < 5; max++) {
      const grants = newGrants(max, UNLIMITED);
      grant(grants, "r", 0);
      for (let i = 0; i < max; i++) expect(use(grants, "r", 0)).toBe(true);
      expect(use(grants, "r", 0)).toBe(false);
      expect(grants.bytes).toBe(0);
      destroy(grants);
    }
  });

  it("is not used up by looking for it, and exists until its last use", () => {
    const grants = newGrants(2, UNLIMITED);
    expect(has(grants, "r")).toBe(false);
    grant(grants, "r", 0);
    for (let i = 0; i < 5; i++) expect(has(grants, "r")).toBe(true);
    expect(has(grants, "s")).toBe(false);
    for (let i = 0; i < 2; i++) expect(use(grants, "r", 0)).toBe(true);
    expect(has(grants, "r")).toBe(false);
    destroy(grants);
  });

  it("allows any number when the rule has no end", () => {
    const grants = newGrants(UNLIMITED, UNLIMITED);
    grant(grants, "r", 0);
    for (let i = 0; i < 1000; i++) expect(use(grants, "r", <i64>i * 1_000_000)).toBe(true);
    destroy(grants);
  });

  it("lives for its time to the millisecond, counted from the delivery and not from a use", () => {
    const grants = newGrants(UNLIMITED, 1000);
    grant(grants, "r", 500);
    expect(use(grants, "r", 500)).toBe(true);
    expect(use(grants, "r", 1500)).toBe(true);
    expect(use(grants, "r", 1501)).toBe(false);
    // It is gone for good.
    expect(grants.bytes).toBe(0);
    expect(use(grants, "r", 1500)).toBe(false);
    destroy(grants);
  });

  it("ends if the clock was set back behind the delivery", () => {
    const grants = newGrants(UNLIMITED, 1000);
    grant(grants, "r", 500);
    expect(use(grants, "r", 499)).toBe(false);
    expect(has(grants, "r")).toBe(false);
    destroy(grants);
  });

  it("is used up by whichever limit is reached first", () => {
    const grants = newGrants(2, 1000);
    grant(grants, "a", 0);
    grant(grants, "b", 0);
    expect(use(grants, "a", 10)).toBe(true);
    expect(use(grants, "a", 10)).toBe(true);
    expect(use(grants, "a", 10)).toBe(false);
    expect(use(grants, "b", 10)).toBe(true);
    expect(use(grants, "b", 2000)).toBe(false);
    destroy(grants);
  });

  it("is for exactly these bytes: not for another case, wildcards, or a longer or shorter subject", () => {
    const grants = newGrants(UNLIMITED, UNLIMITED);
    grant(grants, "rep.*", 0);
    grant(grants, "rep..a", 0);
    expect(use(grants, "rep.x", 0)).toBe(false);
    expect(use(grants, "rep.", 0)).toBe(false);
    expect(use(grants, "Rep.*", 0)).toBe(false);
    expect(use(grants, "rep.*.", 0)).toBe(false);
    expect(use(grants, "rep.*", 0)).toBe(true);
    expect(use(grants, "rep..a", 0)).toBe(true);
    destroy(grants);
  });

  it("starts again when the same reply is granted again", () => {
    const grants = newGrants(2, 1000);
    grant(grants, "r", 0);
    const bytes = grants.bytes;
    expect(use(grants, "r", 0)).toBe(true);
    grant(grants, "r", 900);
    expect(grants.bytes).toBe(bytes);
    expect(use(grants, "r", 1900)).toBe(true);
    expect(use(grants, "r", 1900)).toBe(true);
    expect(use(grants, "r", 1900)).toBe(false);
    destroy(grants);
  });
});

describe("the grants of one connection", () => {
  it("have a bound: beyond it the oldest goes", () => {
    const grants = newGrants(UNLIMITED, UNLIMITED, 3);
    for (let i = 0; i < 5; i++) expect(grant(grants, `r${i}`, i)).toBe(true);
    expect(use(grants, "r0", 5)).toBe(false);
    expect(use(grants, "r1", 5)).toBe(false);
    expect(use(grants, "r2", 5)).toBe(true);
    expect(use(grants, "r3", 5)).toBe(true);
    expect(use(grants, "r4", 5)).toBe(true);
    destroy(grants);
  });

  it("stay as many as the bound when a known one is granted again", () => {
    const grants = newGrants(UNLIMITED, UNLIMITED, 2);
    grant(grants, "a", 0);
    grant(grants, "b", 1);
    // Now `b` is the oldest.
    grant(grants, "a", 2);
    expect(use(grants, "b", 2)).toBe(true);
    grant(grants, "c", 3);
    expect(use(grants, "b", 3)).toBe(false);
    expect(use(grants, "a", 3)).toBe(true);
    expect(use(grants, "c", 3)).toBe(true);
    destroy(grants);
  });

  it("may be bound to one", () => {
    const grants = newGrants(UNLIMITED, UNLIMITED, 1);
    grant(grants, "a", 0);
    grant(grants, "b", 0);
    expect(use(grants, "a", 0)).toBe(false);
    expect(use(grants, "b", 0)).toBe(true);
    destroy(grants);
  });

  it("are forgotten at a later delivery once they have expired, and only then", () => {
    const grants = newGrants(UNLIMITED, 1000);
    grant(grants, "a", 0);
    const one = grants.bytes;
    grant(grants, "b", 600);
    grant(grants, "c", 1000);
    expect(grants.bytes).toBe(3 * one);
    grant(grants, "d", 1001);
    expect(grants.bytes).toBe(3 * one);
    expect(use(grants, "a", 1001)).toBe(false);
    expect(use(grants, "b", 1001)).toBe(true);
    grant(grants, "e", 10_000);
    expect(grants.bytes).toBe(one);
    destroy(grants);
  });

  it("can end in any order", () => {
    const before = usedBytes();
    const order = ["0 1 2", "2 1 0", "1 0 2", "1 2 0", "0 2 1", "2 0 1"];
    for (let i = 0; i < order.length; i++) {
      const grants = newGrants(1, 1000);
      for (let j = 0; j < 3; j++) grant(grants, j.toString(), j);
      const ended = order[i].split(" ");
      expect(use(grants, ended[0], 3)).toBe(true);
      grant(grants, "new", 4);
      for (let j = 1; j < 3; j++) expect(use(grants, ended[j], 5)).toBe(true);
      expect(use(grants, "new", 5)).toBe(true);
      expect(grants.bytes).toBe(0);
      destroy(grants);
    }
    expect(usedBytes()).toBe(before);
  });

  it("are all forgotten at a release, and can be given again", () => {
    const before = usedBytes();
    const grants = newGrants(UNLIMITED, UNLIMITED);
    for (let i = 0; i < 500; i++) grant(grants, `r${i}`, 0);
    expect(grants.bytes).toBeGreaterThan(500 * 32);
    grants.release();
    expect(grants.bytes).toBe(0);
    expect(grants.heldBytes).toBe(0);
    expect(usedBytes()).toBe(before);
    expect(use(grants, "r1", 0)).toBe(false);
    grants.forgetOldest();
    grants.release();
    expect(usedBytes()).toBe(before);
    grant(grants, "r1", 0);
    expect(use(grants, "r1", 0)).toBe(true);
    destroy(grants);
    expect(usedBytes()).toBe(before);
  });

  it("take and give back a block by the length of their subject, of 80 bytes at least", () => {
    for (let length = 47; length <= 50; length++) {
      const before = usedBytes();
      const grants = newGrants(UNLIMITED, UNLIMITED);
      grant(grants, "r".repeat(length), 0);
      const size = length <= 48 ? 80 : 32 + length;
      // The table has eight slots of four bytes. The budget adds 16 to each of the two blocks, whose sizes it rounds up to 16.
      expect(grants.bytes).toBe(size);
      expect(grants.heldBytes).toBe(size + 32);
      expect(usedBytes() - before).toBe(48 + ((size + 15) & ~15) + 16);
      expect(use(grants, "r".repeat(length), 0)).toBe(true);
      grants.forgetOldest();
      expect(usedBytes() - before).toBe(48);
      destroy(grants);
      expect(usedBytes()).toBe(before);
    }
  });

  it("stay as they are if the budget has room for one more, but not for the table that it needs", () => {
    const before = usedBytes();
    const grants = newGrants(UNLIMITED, UNLIMITED);
    // 64 slots are half full.
    for (let i = 0; i < 32; i++) grant(grants, `r${i}`, 0);
    const left = limitBytes() - usedBytes() - 16 - 128;
    const all = take(left);
    expect(grant(grants, "more", 0)).toBe(false);
    expect(has(grants, "more")).toBe(false);
    for (let i = 0; i < 32; i++) expect(has(grants, `r${i}`)).toBe(true);
    giveBack(all, left);
    destroy(grants);
    expect(usedBytes()).toBe(before);
  });

  it("stay as they are if the budget refuses one more", () => {
    const before = usedBytes();
    const grants = newGrants(UNLIMITED, UNLIMITED);
    for (let i = 0; i < 3; i++) grant(grants, `r${i}`, 0);
    const bytes = grants.bytes;
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    expect(grant(grants, "more", 0)).toBe(false);
    expect(grants.bytes).toBe(bytes);
    for (let i = 0; i < 3; i++) expect(use(grants, `r${i}`, 0)).toBe(true);
    giveBack(most, rest);
    // Six fill the table, so that the seventh needs a larger one.
    for (let i = 3; i < 6; i++) grant(grants, `r${i}`, 0);
    const left = limitBytes() - usedBytes() - 16;
    const all = take(left);
    expect(grant(grants, "seventh", 0)).toBe(false);
    for (let i = 0; i < 6; i++) expect(use(grants, `r${i}`, 0)).toBe(true);
    giveBack(all, left);
    destroy(grants);
    expect(usedBytes()).toBe(before);
  });
});

describe("the grants of a newer policy", () => {
  it("are those of the former one, as often used, up to the new bound, with the oldest first to go", () => {
    const before = usedBytes();
    const former = newGrants(3, 1000);
    for (let i = 0; i < 5; i++) grant(former, `r.${i}`, i);
    expect(use(former, "r.3", 5)).toBe(true);
    const grants = newGrants(2, 1000, 3);
    grants.copyFrom(former);
    for (let i = 0; i < 5; i++) {
      expect(has(former, `r.${i}`)).toBe(true);
      expect(has(grants, `r.${i}`)).toBe(i > 1);
    }
    // As many uses as the new policy allows.
    expect(use(grants, "r.3", 5)).toBe(true);
    expect(use(grants, "r.3", 5)).toBe(false);
    expect(use(grants, "r.4", 5)).toBe(true);
    expect(use(grants, "r.4", 5)).toBe(true);
    expect(use(grants, "r.4", 5)).toBe(false);
    // The time is that of the grant.
    expect(use(grants, "r.2", 1002)).toBe(true);
    expect(use(grants, "r.2", 1003)).toBe(false);
    destroy(former);
    destroy(grants);
    expect(usedBytes()).toBe(before);
  });

  it("are used up if they were used as often before as it allows, or more often", () => {
    const former = newGrants(UNLIMITED, UNLIMITED);
    grant(former, "r.2", 0);
    grant(former, "r.5", 0);
    for (let i = 0; i < 2; i++) expect(use(former, "r.2", 0)).toBe(true);
    for (let i = 0; i < 5; i++) expect(use(former, "r.5", 0)).toBe(true);
    const grants = newGrants(2, UNLIMITED);
    grants.copyFrom(former);
    expect(use(grants, "r.2", 0)).toBe(false);
    expect(use(grants, "r.5", 0)).toBe(false);
    expect(has(grants, "r.5")).toBe(false);
    destroy(former);
    destroy(grants);
  });

  it("are none where there was no former one", () => {
    const grants = newGrants(1, 1000);
    grants.copyFrom(null);
    expect(grants.bytes).toBe(0);
    destroy(grants);
  });

  it("are the newest ones where the budget has room for a part", () => {
    const former = newGrants(1, 1000, 500);
    for (let i = 0; i < 500; i++) grant(former, `r.${i}`, i);
    const grants = newGrants(1, 1000, 500);
    const left = limitBytes() - usedBytes() - 12_000;
    const all = take(left);
    grants.copyFrom(former);
    expect(grants.bytes).toBeGreaterThan(0);
    expect(grants.bytes).toBeLessThan(former.bytes);
    expect(has(grants, "r.499")).toBe(true);
    expect(has(grants, "r.0")).toBe(false);
    giveBack(all, left);
    destroy(former);
    destroy(grants);
  });

  it("are as many as the budget has room for, each whole", () => {
    const former = newGrants(1, 1000);
    for (let i = 0; i < 4; i++) grant(former, `r.${i}`, i);
    const grants = newGrants(1, 1000);
    const left = limitBytes() - usedBytes() - 16;
    const all = take(left);
    grants.copyFrom(former);
    expect(grants.bytes).toBe(0);
    giveBack(all, left);
    grants.copyFrom(former);
    expect(grants.bytes).toBe(former.bytes);
    destroy(former);
    destroy(grants);
  });
});
