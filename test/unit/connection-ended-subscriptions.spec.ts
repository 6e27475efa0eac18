import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import * as subs from "../../assembly/connection/subscription";
import { Subscriptions } from "../../assembly/connection/subscriptions";
import { add, find, noteReuse, queueOf, tellEnd } from "./subscriptions-support";

/** How many ended subscriptions are remembered, and for how many milliseconds of quiet. */
const MAX_ENDED: i32 = 256;
const FORGET_AFTER: i64 = 10_000;

describe("a subscription that has ended", () => {
  beforeAll(() => {
    raiseLimit(8 << 20);
  });

  it("is still found, but is not live", () => {
    const all = new Subscriptions();
    const sub = add(all, "1", "foo", "q");
    all.end(sub);
    expect(find(all, "1")).toBe(sub);
    expect(subs.isLive(sub)).toBe(false);
    expect(subs.endedByCount(sub)).toBe(false);
    expect(queueOf(sub)).toBe("q");
    expect(all.liveCount).toBe(0);
    expect(all.endedCount).toBe(1);
    all.destroy();
  });

  it("ends once", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    all.end(sub);
    all.end(sub);
    all.endByCount(sub);
    expect(all.liveCount).toBe(0);
    expect(all.endedCount).toBe(1);
    expect(subs.endedByCount(sub)).toBe(false);
    all.destroy();
  });

  it("makes way for a new one with its sid, which starts from nothing", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    const old = add(all, "1", "foo", "q");
    const serial = subs.serialOf(old);
    subs.countReceived(old);
    subs.setMax(old, 1, true);
    noteReuse(old, "bar", "");
    all.end(old);
    const sub = add(all, "1", "bar");
    expect(find(all, "1")).toBe(sub);
    expect(subs.isLive(sub)).toBe(true);
    expect(subs.receivedOf(sub)).toBe(0);
    expect(subs.maxOf(sub)).toBe(0);
    expect(subs.isCountedHere(sub)).toBe(false);
    expect(subs.serialOf(sub)).not.toBe(serial);
    expect(subs.isQueueKnown(sub)).toBe(true);
    expect(subs.isNameKnown(sub)).toBe(true);
    expect(subs.isCountKnown(sub)).toBe(false);
    expect(queueOf(sub)).toBe("");
    expect(all.liveCount).toBe(1);
    expect(all.endedCount).toBe(0);
    expect(all.bytes).toBe(40 + 4);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("is remembered among 256, of which the oldest goes first", () => {
    const all = new Subscriptions();
    for (let i = 0; i < MAX_ENDED; i++) all.end(add(all, i.toString()));
    expect(all.endedCount).toBe(MAX_ENDED);
    expect(find(all, "0")).not.toBe(0);
    all.end(add(all, "next"));
    expect(all.endedCount).toBe(MAX_ENDED);
    expect(find(all, "0")).toBe(0);
    expect(find(all, "1")).not.toBe(0);
    expect(find(all, "next")).not.toBe(0);
    all.destroy();
  });

  it("leaves the order of the others alone when it makes way in the middle", () => {
    const all = new Subscriptions();
    // Ten further ones, so that the queue has wrapped around.
    for (let i = 0; i < MAX_ENDED + 10; i++) all.end(add(all, i.toString()));
    for (let i = 100; i < 110; i++) add(all, i.toString());
    expect(all.endedCount).toBe(MAX_ENDED - 10);
    for (let i = 0; i < 10; i++) all.end(add(all, `new${i}`));
    expect(find(all, "10")).not.toBe(0);
    for (let i = 10; i < 20; i++) {
      all.end(add(all, `newer${i}`));
      expect(find(all, i.toString())).toBe(0);
      expect(find(all, (i + 1).toString())).not.toBe(0);
    }
    for (let i = 100; i < 110; i++) expect(subs.isLive(find(all, i.toString()))).toBe(true);
    all.destroy();
  });

  it("is forgotten at once if the budget has no room to remember it", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    const sub = add(all, "1");
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    all.end(sub);
    expect(find(all, "1")).toBe(0);
    expect(all.endedCount).toBe(0);
    expect(all.bytes).toBe(0);
    giveBack(most, rest);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });
});

describe("the time for which ended subscriptions are remembered", () => {
  it("is ten seconds without a further one", () => {
    const all = new Subscriptions();
    add(all, "live");
    const used = usedBytes();
    all.end(add(all, "1"));
    all.tick(1000, false);
    all.tick(999 + FORGET_AFTER, false);
    expect(find(all, "1")).not.toBe(0);
    all.tick(1000 + FORGET_AFTER, false);
    expect(find(all, "1")).toBe(0);
    expect(all.endedCount).toBe(0);
    expect(find(all, "live")).not.toBe(0);
    expect(usedBytes()).toBe(used);
    all.tick(2000 + FORGET_AFTER, false);
    all.destroy();
  });

  it("begins again with each further one", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    all.tick(0, false);
    all.end(add(all, "2"));
    all.tick(FORGET_AFTER, false);
    all.tick(FORGET_AFTER + 5000, false);
    expect(find(all, "1")).not.toBe(0);
    all.tick(2 * FORGET_AFTER - 1, false);
    expect(find(all, "1")).not.toBe(0);
    all.tick(2 * FORGET_AFTER, false);
    expect(find(all, "1")).toBe(0);
    expect(find(all, "2")).toBe(0);
    all.destroy();
  });

  it("does not wait for a clock that was set back", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    all.tick(FORGET_AFTER, false);
    all.tick(0, false);
    expect(find(all, "1")).toBe(0);
    all.destroy();
  });

  it("begins again for those that end after all were forgotten", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    all.tick(0, false);
    all.tick(FORGET_AFTER + 1, false);
    all.end(add(all, "2"));
    all.tick(FORGET_AFTER + 2, false);
    all.tick(2 * FORGET_AFTER, false);
    expect(find(all, "2")).not.toBe(0);
    all.tick(2 * FORGET_AFTER + 2, false);
    expect(find(all, "2")).toBe(0);
    all.destroy();
  });
});

describe("a subscription that has ended by its maximum", () => {
  it("is remembered until the server was informed, however long that takes", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    all.endByCount(sub);
    expect(subs.isLive(sub)).toBe(false);
    expect(subs.endedByCount(sub)).toBe(true);
    expect(all.liveCount).toBe(0);
    expect(all.endedCount).toBe(0);
    all.end(add(all, "2"));
    all.tick(0, false);
    all.tick(10 * FORGET_AFTER, false);
    expect(find(all, "2")).toBe(0);
    expect(find(all, "1")).toBe(sub);
    tellEnd(all, "1");
    expect(subs.endedByCount(sub)).toBe(true);
    expect(all.endedCount).toBe(0);
    all.end(add(all, "3"));
    all.tick(11 * FORGET_AFTER, false);
    all.tick(12 * FORGET_AFTER + 1, false);
    expect(find(all, "3")).toBe(0);
    expect(find(all, "1")).toBe(sub);
    all.begin(sub);
    expect(find(all, "1")).toBe(0);
    all.destroy();
  });

  it("is counted once", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    add(all, "2");
    all.endByCount(sub);
    all.endByCount(sub);
    all.end(sub);
    expect(all.liveCount).toBe(1);
    expect(all.endedCount).toBe(0);
    all.destroy();
  });

  it("makes way for a new one with its sid, whether the server was informed or not", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    all.endByCount(add(all, "1"));
    const untold = add(all, "1");
    expect(subs.isLive(untold)).toBe(true);
    all.endByCount(untold);
    tellEnd(all, "1");
    const told = add(all, "1");
    expect(find(all, "1")).toBe(told);
    expect(all.liveCount).toBe(1);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("is withheld from all that take its sid one after the other, until one begins", () => {
    const all = new Subscriptions();
    all.endByCount(add(all, "1"));
    for (let i = 0; i < 3; i++) {
      const sub = add(all, "1");
      expect(subs.isWithheld(sub)).toBe(true);
      all.end(sub);
    }
    const last = add(all, "1");
    subs.beginCount(last);
    all.end(last);
    expect(subs.isWithheld(add(all, "1"))).toBe(false);
    all.destroy();
  });

  it("is remembered once, however often the server is informed", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    all.endByCount(add(all, "1"));
    expect(all.tellEnd(find(all, "1"))).toBe(true);
    expect(all.tellEnd(find(all, "1"))).toBe(false);
    expect(subs.endedByCount(find(all, "1"))).toBe(true);
    all.begin(find(all, "1"));
    expect(find(all, "1")).toBe(0);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("is the only kind that the server is informed about", () => {
    const all = new Subscriptions();
    const live = add(all, "live");
    const ended = add(all, "ended");
    all.end(ended);
    tellEnd(all, "live");
    tellEnd(all, "ended");
    tellEnd(all, "unknown");
    expect(subs.isLive(live)).toBe(true);
    expect(all.endedCount).toBe(1);
    all.destroy();
  });

  it("is forgotten like one that the client has ended, once the server is told of the end that it counted itself", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    all.reach(sub);
    expect(all.tellEnd(sub)).toBe(false);
    expect(all.endedCount).toBe(1);
    all.tick(1, false);
    all.tick(1 + FORGET_AFTER, false);
    expect(find(all, "1")).toBe(0);
    all.destroy();
  });

  it("is forgotten with its PONG if it had the sid of a revoked one of which all is here", () => {
    const all = new Subscriptions();
    all.revoke(add(all, "1"));
    all.tellRevocations(true);
    const second = add(all, "1");
    all.revocationsTaken();
    all.end(second);
    expect(find(all, "1")).toBe(second);
    all.begin(second);
    expect(find(all, "1")).toBe(0);
    all.destroy();
  });
});
