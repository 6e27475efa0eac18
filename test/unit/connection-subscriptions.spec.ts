import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { isRecent } from "../../assembly/connection/recent-subscriptions";
import * as subs from "../../assembly/connection/subscription";
import { Subscriptions } from "../../assembly/connection/subscriptions";
import { expectGivenBack, pointerTo } from "./bytes-support";
import { add, find, findAgain, noteReuse, queueOf, sidOf } from "./subscriptions-support";

function keptBackOf(sub: usize): i32 {
  return subs.countedOf(sub, false) - subs.receivedOf(sub);
}

/** The client sends a PING, which is answered, and so the subscription begins if it waits for that. */
function beginByPing(all: Subscriptions, sub: usize): void {
  all.pinged();
  all.allAnswered();
  all.beginIfAnswered(sub);
}

describe("subscriptions without a budget", () => {
  it("cannot be added", () => {
    const all = new Subscriptions();
    expect(add(all, "1")).toBe(0);
    expect(find(all, "1")).toBe(0);
    expect(all.liveCount).toBe(0);
    expect(all.bytes).toBe(0);
    all.tick(0, false);
    all.destroy();
  });
});

describe("the subscriptions of a connection", () => {
  it("leave nothing of themselves when they are destroyed", () => {
    expectGivenBack(() => {
      const all = new Subscriptions();
      const place = changetype<usize>(all);
      all.destroy();
      return place;
    });
  });
});

describe("a subscription", () => {
  beforeAll(() => {
    raiseLimit(8 << 20);
  });

  it("is found by its sid, whatever bytes that has, with its queue", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    const one = add(all, "1", "foo.>", "workers");
    const other = add(all, "sid-\u00e9\0", "bar");
    expect(find(all, "1")).toBe(one);
    expect(find(all, "1")).toBe(one);
    expect(find(all, "sid-\u00e9\0")).toBe(other);
    expect(find(all, "01")).toBe(0);
    expect(find(all, "")).toBe(0);
    expect(sidOf(one)).toBe("1");
    expect(queueOf(one)).toBe("workers");
    expect(queueOf(other)).toBe("");
    expect(all.liveCount).toBe(2);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("is found by all bytes of its sid and no others, whatever comes before them", () => {
    const line = memory.data(16);
    for (let length = 1; length <= 10; length++) {
      const all = new Subscriptions();
      const sub = add(all, "1234567890".substr(0, length), "foo");
      for (let before = 0; before < 256; before += 51) {
        memory.fill(line, <u8>before, 16);
        const sid = line + 16 - <usize>length;
        for (let i = 0; i < length; i++) store<u8>(sid + <usize>i, <u8>"1234567890".charCodeAt(i));
        assert(all.findAgain(sid, length) == sub, `a sid of ${length} bytes`);
        assert(all.findAgain(sid + 1, length - 1) == 0, `a sid of ${length} bytes without its first`);
        assert(all.findAgain(sid, length - 1) == 0, `a sid of ${length} bytes without its last`);
        for (let i = 0; i < length; i++) {
          store<u8>(sid + <usize>i, load<u8>(sid + <usize>i) ^ 0x80);
          assert(all.findAgain(sid, length) == 0, `a sid of ${length} bytes with another byte at ${i}`);
          store<u8>(sid + <usize>i, load<u8>(sid + <usize>i) ^ 0x80);
        }
      }
      all.destroy();
    }
  });

  it("is found again among more than are remembered, in any order, and is the last one then", () => {
    const all = new Subscriptions();
    const subscriptions: usize[] = [];
    for (let sid = 0; sid < 2000; sid++) subscriptions.push(add(all, sid.toString()));
    for (let step = 1; step < 2000; step += 397) {
      for (let i = 0; i < 2000; i++) {
        const sid = (i * step) % 2000;
        assert(findAgain(all, sid.toString()) == subscriptions[sid], `sid ${sid}`);
        assert(all.lastFound == subscriptions[sid], `sid ${sid} as the last one`);
        // Found at once or by the table, it stays the last one.
        const before = subscriptions[(sid + 1999) % 2000];
        assert(findAgain(all, ((sid + 1999) % 2000).toString()) == before, `the one before sid ${sid}`);
        assert(all.lastFound == before, `the one before sid ${sid} as the last one`);
      }
    }
    all.destroy();
  });

  it("is found again among those of the same sid of more connections than are remembered", () => {
    const connections: Subscriptions[] = [];
    const subscriptions: usize[] = [];
    for (let i = 0; i < 2000; i++) {
      connections.push(new Subscriptions());
      subscriptions.push(add(connections[i], "1"));
    }
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2000; i++) {
        connections[i].lastFound = 0;
        assert(findAgain(connections[i], "1") == subscriptions[i], `connection ${i}`);
      }
    }
    for (let i = 0; i < 2000; i++) connections[i].destroy();
  });

  it("begins live, without deliveries and without a maximum", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    expect(subs.isLive(sub)).toBe(true);
    expect(subs.endedByCount(sub)).toBe(false);
    expect(subs.receivedOf(sub)).toBe(0);
    expect(subs.maxOf(sub)).toBe(0);
    expect(subs.isQueueKnown(sub)).toBe(true);
    all.destroy();
  });

  it("counts its deliveries and keeps its maximum", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    const other = add(all, "2");
    subs.countReceived(sub);
    expect(subs.receivedOf(sub)).toBe(1);
    subs.countReceived(sub);
    subs.setMax(sub, 5, true);
    expect(subs.receivedOf(sub)).toBe(2);
    expect(subs.maxOf(sub)).toBe(5);
    expect(subs.isCountedHere(sub)).toBe(true);
    subs.setMax(sub, 6, false);
    expect(subs.maxOf(sub)).toBe(6);
    expect(subs.isCountedHere(sub)).toBe(false);
    expect(subs.receivedOf(other)).toBe(0);
    expect(subs.maxOf(other)).toBe(0);
    all.destroy();
  });

  it("counts no further than beyond any maximum, however long it lives", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    const most = 1_000_000_000;
    store<i32>(sub, most - 1, subs.RECEIVED);
    store<i32>(sub, most - 1, subs.KEPT_BACK);
    for (let i = 0; i < 3; i++) {
      subs.countReceived(sub);
      subs.countKeptBack(sub);
    }
    expect(subs.receivedOf(sub)).toBe(most);
    expect(keptBackOf(sub)).toBe(most);
    expect(subs.countedOf(sub, false)).toBe(2 * most);
    subs.setMax(sub, 999_999_999, true);
    expect(subs.maximumToTell(sub)).toBe(999_999_999);
    all.destroy();
  });

  it("has an unknown name and count once its sid was used again", () => {
    const all = new Subscriptions();
    const sub = add(all, "1", "foo", "q");
    noteReuse(sub, "foo", "q");
    expect(subs.isCountKnown(sub)).toBe(false);
    expect(subs.isNameKnown(sub)).toBe(true);
    expect(subs.isQueueKnown(sub)).toBe(true);
    noteReuse(sub, "fo", "q");
    expect(subs.isNameKnown(sub)).toBe(false);
    expect(subs.isQueueKnown(sub)).toBe(true);
    noteReuse(sub, "foo", "r");
    expect(subs.isQueueKnown(sub)).toBe(false);
    noteReuse(sub, "foo", "q");
    expect(subs.isNameKnown(sub)).toBe(false);
    expect(subs.isQueueKnown(sub)).toBe(false);
    const plain = add(all, "2", "foo");
    noteReuse(plain, "foo", "");
    expect(subs.isNameKnown(plain)).toBe(true);
    noteReuse(plain, "foo", "qq");
    expect(subs.isNameKnown(plain)).toBe(false);
    expect(subs.isQueueKnown(plain)).toBe(false);
    const other = add(all, "3", "foo");
    noteReuse(other, "fox", "");
    expect(subs.isNameKnown(other)).toBe(false);
    expect(subs.isQueueKnown(other)).toBe(true);
    // A part of its queue is another one, and so is none.
    const grouped = add(all, "4", "foo", "qq");
    noteReuse(grouped, "foo", "q");
    expect(subs.isQueueKnown(grouped)).toBe(false);
    const alone = add(all, "5", "foo", "q");
    noteReuse(alone, "foo", "");
    expect(subs.isQueueKnown(alone)).toBe(false);
    all.destroy();
  });

  it("counts separately what was withheld", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    subs.countKeptBack(sub);
    subs.countKeptBack(sub);
    expect(keptBackOf(sub)).toBe(2);
    expect(subs.receivedOf(sub)).toBe(0);
    all.end(sub);
    expect(keptBackOf(add(all, "1"))).toBe(0);
    all.destroy();
  });

  it("has an unknown count after another with its sid, until that has no messages under way", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    const sub = add(all, "1");
    expect(subs.hasFormer(sub)).toBe(true);
    expect(subs.isCountKnown(sub)).toBe(false);
    subs.countReceived(sub);
    subs.countKeptBack(sub);
    subs.beginCount(sub);
    expect(subs.hasFormer(sub)).toBe(false);
    expect(subs.isCountKnown(sub)).toBe(true);
    expect(subs.receivedOf(sub)).toBe(0);
    expect(keptBackOf(sub)).toBe(0);
    subs.countReceived(sub);
    subs.beginCount(sub);
    expect(subs.receivedOf(sub)).toBe(1);
    all.destroy();
  });

  it("that took the sid of another in DRY_RUN begins once a later PING of the client's and all others are answered", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    all.pinged();
    const sub = add(all, "1");
    all.allAnswered();
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(true);
    all.pinged();
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(true);
    all.allAnswered();
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(false);
    all.destroy();
  });

  it("that took the sid of another begins by no PING before it, even where serials have begun anew", () => {
    const all = new Subscriptions();
    store<u32>(changetype<usize>(all), u32.MAX_VALUE - 1, offsetof<Subscriptions>("serial"));
    all.end(add(all, "1"));
    all.pinged();
    all.allAnswered();
    const sub = add(all, "1");
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(true);
    beginByPing(all, sub);
    expect(subs.hasFormer(sub)).toBe(false);
    all.destroy();
  });

  it("that took the sid of another does not begin without a PING, however many were made before", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    // As after so many further ones.
    store<u32>(changetype<usize>(all), <u32>i32.MAX_VALUE + 1, offsetof<Subscriptions>("serial"));
    const sub = add(all, "1");
    all.allAnswered();
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(true);
    all.destroy();
  });

  it("that took the sid of another does not begin without a PING either if 2^32 - 1 were made behind it", () => {
    const all = new Subscriptions();
    all.end(add(all, "1"));
    const sub = add(all, "1");
    const behind = u32.MAX_VALUE;
    const address = changetype<usize>(all);
    store<u32>(address, subs.serialOf(sub) + (behind - 1), offsetof<Subscriptions>("serial"));
    store<u32>(address, behind, offsetof<Subscriptions>("unpinged"));
    store<u32>(address, behind, offsetof<Subscriptions>("unanswered"));
    add(all, "2");
    all.beginIfAnswered(sub);
    expect(subs.hasFormer(sub)).toBe(true);
    beginByPing(all, sub);
    expect(subs.hasFormer(sub)).toBe(false);
    all.destroy();
  });

  it("has an unknown count while the client starts again", () => {
    const all = new Subscriptions();
    add(all, "1");
    all.beginAnew();
    expect(all.liveCount).toBe(0);
    const sub = add(all, "1");
    expect(subs.hasFormer(sub)).toBe(false);
    expect(subs.isCountKnown(sub)).toBe(false);
    all.end(add(all, "2"));
    const reused = add(all, "2");
    subs.countReceived(sub);
    all.settle();
    expect(subs.isCountKnown(sub)).toBe(true);
    expect(subs.receivedOf(sub)).toBe(0);
    expect(subs.isCountKnown(reused)).toBe(false);
    subs.beginCount(reused);
    expect(subs.isCountKnown(reused)).toBe(true);
    expect(subs.isCountKnown(add(all, "3"))).toBe(true);
    all.destroy();
  });

  it("in DRY_RUN has an unknown count for ten seconds after the last of several CONNECTs", () => {
    const all = new Subscriptions();
    all.beginAnew();
    all.tick(1000, false);
    all.beginAnew();
    const sub = add(all, "1");
    all.tick(9000, false);
    all.tick(9000 + 9_999, false);
    expect(subs.isCountKnown(sub)).toBe(false);
    all.tick(9000 + 10_000, false);
    expect(subs.isCountKnown(sub)).toBe(true);
    all.destroy();
  });

  it("in DRY_RUN does not wait for a clock that was set back behind a CONNECT", () => {
    const all = new Subscriptions();
    all.beginAnew();
    const sub = add(all, "1");
    all.tick(20_000, false);
    all.tick(10_000, false);
    expect(subs.isCountKnown(sub)).toBe(true);
    all.destroy();
  });

  it("has a known count once all PINGs are answered, if one went after the CONNECT", () => {
    const all = new Subscriptions();
    all.pinged();
    all.beginAnew();
    const sub = add(all, "1");
    all.allAnswered();
    expect(subs.isCountKnown(sub)).toBe(false);
    all.pinged();
    expect(subs.isCountKnown(sub)).toBe(false);
    all.allAnswered();
    expect(subs.isCountKnown(sub)).toBe(true);
    all.destroy();
  });

  it("knows how many maxima are under way, and the subscription that they belong to", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    expect(subs.pendingMaximaOf(sub)).toBe(0);
    subs.addPendingMaxima(sub, 1);
    subs.addPendingMaxima(sub, 1);
    subs.addPendingMaxima(sub, -1);
    expect(subs.pendingMaximaOf(sub)).toBe(1);
    const first = subs.serialOf(sub);
    all.end(sub);
    const next = add(all, "1");
    expect(subs.pendingMaximaOf(next)).toBe(0);
    expect(subs.serialOf(next)).not.toBe(first);
    all.beginAnew();
    expect(subs.serialOf(add(all, "1"))).toBeGreaterThan(first + 1);
    all.destroy();
  });

  it("reports a maximum that is counted here, plus what was withheld, and none larger than nats-server accepts", () => {
    const all = new Subscriptions();
    const sub = add(all, "1");
    expect(subs.maximumToTell(sub)).toBe(0);
    subs.setMax(sub, 5, true);
    subs.countKeptBack(sub);
    expect(subs.maximumToTell(sub)).toBe(6);
    subs.setMax(sub, 6, false);
    expect(subs.maximumToTell(sub)).toBe(0);
    subs.setMax(sub, 999_999_999, true);
    expect(subs.maximumToTell(sub)).toBe(999_999_999);
    all.end(sub);
    expect(subs.maximumToTell(sub)).toBe(0);
    all.destroy();
  });

  it("is withheld after one whose messages must not reach the client, until those are over", () => {
    const all = new Subscriptions();
    const revoked = add(all, "1");
    expect(subs.isPlain(revoked)).toBe(true);
    all.revoke(revoked);
    expect(subs.isPlain(revoked)).toBe(false);
    const sub = add(all, "1");
    expect(subs.isWithheld(sub)).toBe(true);
    expect(subs.isPlain(sub)).toBe(false);
    all.end(sub);
    const next = add(all, "1");
    expect(subs.isWithheld(next)).toBe(true);
    subs.beginCount(next);
    expect(subs.isWithheld(next)).toBe(false);
    expect(subs.isPlain(next)).toBe(true);
    all.end(next);
    expect(subs.isWithheld(add(all, "1"))).toBe(false);
    all.destroy();
  });

  it("costs its texts and 40 bytes", () => {
    const all = new Subscriptions();
    add(all, "12", "foo", "queue");
    expect(all.bytes).toBe(40 + 10);
    add(all, "3", "foo.bar");
    expect(all.bytes).toBe(40 + 10 + 40 + 8);
    all.beginAnew();
    expect(all.bytes).toBe(0);
    all.destroy();
  });
});

describe("all subscriptions of a connection", () => {
  it("are no longer found as the last one once they are gone, even if another lies there by then", () => {
    const all = new Subscriptions();
    const forgotten = add(all, "1");
    all.end(forgotten);
    expect(find(all, "1")).toBe(forgotten);
    expect(all.lastFound).toBe(forgotten);
    all.tick(0, false);
    all.tick(10_001, false);
    expect(all.lastFound).toBe(0);
    const dropped = add(all, "1");
    expect(find(all, "1")).toBe(dropped);
    all.beginAnew();
    expect(all.lastFound).toBe(0);
    expect(all.findAgain(pointerTo("1"), 1)).toBe(0);
    all.destroy();
  });

  it("are not remembered beyond their end, since another may lie at their place then", () => {
    const all = new Subscriptions();
    const forgotten = add(all, "1");
    const other = add(all, "2");
    expect(findAgain(all, "1")).toBe(forgotten);
    expect(findAgain(all, "2")).toBe(other);
    expect(isRecent(forgotten)).toBe(true);
    all.end(forgotten);
    all.tick(0, false);
    all.tick(10_001, false);
    expect(isRecent(forgotten)).toBe(false);
    expect(isRecent(other)).toBe(true);
    all.destroy();
    expect(isRecent(other)).toBe(false);
  });

  it("stay as they are if the budget refuses one more", () => {
    const before = usedBytes();
    const all = new Subscriptions();
    const first = add(all, "0");
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    expect(add(all, "more")).toBe(0);
    expect(all.liveCount).toBe(1);
    expect(find(all, "0")).toBe(first);
    giveBack(most, rest);
    // Six fill the table, so that the seventh needs a larger one.
    for (let i = 1; i < 6; i++) add(all, i.toString());
    const left = limitBytes() - usedBytes() - 16;
    const everything = take(left);
    expect(add(all, "6")).toBe(0);
    for (let i = 0; i < 6; i++) expect(find(all, i.toString())).not.toBe(0);
    expect(all.liveCount).toBe(6);
    giveBack(everything, left);
    all.destroy();
    expect(usedBytes()).toBe(before);
  });
});
