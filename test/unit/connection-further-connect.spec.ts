import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import * as subs from "../../assembly/connection/subscription";
import { Subscriptions } from "../../assembly/connection/subscriptions";
import { add, find } from "./subscriptions-support";

describe("a connection's subscriptions at a further CONNECT", () => {
  beforeAll(() => {
    raiseLimit(8 << 20);
  });

  it("are dropped with all memory, whether live, ended or counted out, and can be made again", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    for (let i = 0; i < 1000; i++) {
      const sub = add(all, i.toString(), `subject.${i}`, i % 3 == 0 ? "q" : "");
      if (i % 4 == 1) all.end(sub);
      if (i % 4 == 2) all.endByCount(sub);
    }
    expect(all.liveCount).toBe(500);
    all.beginAnew();
    expect(usedBytes()).toBe(before);
    expect(all.liveCount).toBe(0);
    expect(all.endedCount).toBe(0);
    expect(all.bytes).toBe(0);
    expect(find(all, "0")).toBe(0);
    const sub = add(all, "0");
    expect(find(all, "0")).toBe(sub);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("are dropped, except for revoked ones, until the server has read their UNSUBs", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    for (let i = 0; i < 100; i++) {
      const sub = add(all, i.toString());
      if (i % 3 == 0) all.revoke(sub);
    }
    all.tellRevocations(true);
    all.beginAnew();
    expect(all.liveCount).toBe(0);
    for (let i = 0; i < 100; i++) expect(find(all, i.toString()) != 0).toBe(i % 3 == 0);
    expect(subs.isWithheld(add(all, "3"))).toBe(true);
    all.revocationsTaken();
    for (let i = 0; i < 100; i++) expect(find(all, i.toString()) != 0).toBe(i == 3);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("are dropped by each further one without a walk over what was revoked before the first", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    for (let i = 0; i < 1000; i++) all.revoke(add(all, i.toString()));
    all.beginAnew();
    const used = usedBytes();
    for (let i = 0; i < 3; i++) {
      add(all, "new");
      // Its own 43 bytes, and a table of eight slots.
      expect(usedBytes() - used).toBe(64 + 48);
      expect(all.liveCount).toBe(1);
      let seen = 0;
      for (let sub = all.first(); sub != 0; sub = all.next()) seen++;
      expect(seen).toBe(1);
      all.beginAnew();
      expect(usedBytes()).toBe(used);
      expect(find(all, "new")).toBe(0);
    }
    for (let i = 0; i < 1000; i++) expect(subs.stateOf(find(all, i.toString()))).toBe(subs.State.REVOKED);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("are counted for the gaps behind them, as well those that were revoked before it", () => {
    const all = new Subscriptions();
    const blocks: usize[] = [];
    for (let i = 0; i < 50; i++) {
      all.revoke(add(all, i.toString(), "foo".repeat(300)));
      blocks.push(heap.alloc(1004));
    }
    for (let i = 0; i < blocks.length; i += 2) heap.free(blocks[i]);
    const gaps = all.gapsBehind(2048);
    all.beginAnew();
    const apart = all.gapsBehind(2048);
    for (let i = 1; i < blocks.length; i += 2) heap.free(blocks[i]);
    all.destroy();
    expect(gaps).toBeGreaterThan(10 * 1004);
    expect(apart).toBe(gaps);
  });

  it("stay known through several policies and further ones if they were revoked, and give way to others with their sids", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) {
        const sub = add(all, `${round}.${i}`);
        if (i % 3 == 0) all.revoke(sub);
      }
      all.beginAnew();
      expect(all.liveCount).toBe(0);
      for (let i = 0; i < 100; i++) {
        for (let past = 0; past <= round; past++) expect(find(all, `${past}.${i}`) != 0).toBe(i % 3 == 0);
      }
    }
    for (let i = 0; i < 100; i += 6) expect(subs.isWithheld(add(all, `1.${i}`))).toBe(true);
    all.beginAnew();
    for (let i = 0; i < 100; i += 3) expect(find(all, `1.${i}`) != 0).toBe(i % 6 != 0);
    const live = add(all, "live");
    all.tellRevocations(true);
    all.revocationsTaken();
    for (let i = 0; i < 100; i++) for (let past = 0; past < 3; past++) expect(find(all, `${past}.${i}`)).toBe(0);
    expect(find(all, "live")).toBe(live);
    expect(all.bytes).toBe(40 + 7);
    all.beginAnew();
    expect(usedBytes()).toBe(before);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("stay known if the budget has no room to keep them apart", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    for (let i = 0; i < 6; i++) all.revoke(add(all, i.toString()));
    all.beginAnew();
    for (let i = 6; i < 12; i++) all.revoke(add(all, i.toString()));
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    all.beginAnew();
    all.beginAnew();
    for (let i = 0; i < 12; i++) expect(find(all, i.toString())).not.toBe(0);
    giveBack(most, rest);
    all.beginAnew();
    for (let i = 0; i < 12; i++) expect(find(all, i.toString())).not.toBe(0);
    expect(all.first()).toBe(0);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });
});
