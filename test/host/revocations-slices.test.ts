import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ended, HURRIED, policyOf, tick } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { CONNECT, msg, PING, PONG, stat, Wire } from "./wire.ts";

describe("one of very many subscriptions that a newer policy does not allow, which are judged in slices,", () => {
  const both = policyOf({ publish: { allow: ["a"] }, subscribe: { allow: ["a.>", "b.>"] } });
  const less = policyOf({ publish: { allow: ["a"] }, subscribe: { allow: ["b.>"] } });
  /** A millisecond for each clock read. There is one for 64 subscriptions, and ten make a slice. */
  const CLOCK_STEP = 1_000_000n;
  /** The subscriptions of `a` are revoked. */
  const COUNT = 3000;
  const sids = Array.from({ length: COUNT }, (_, i) => `${i + 1}`);
  const subjectOf = (sid: string): string => `${Number(sid) % 2 === 0 ? "a" : "b"}.${sid}`;
  const all = sids.map((sid) => msg(subjectOf(sid), sid, "x")).join("");
  const allowed = sids.filter((sid) => subjectOf(sid).startsWith("b."));
  const allowedOnly = allowed.map((sid) => msg(subjectOf(sid), sid, "x")).join("");

  function crowded(queue = "", policy = both): { host: Host; wire: Wire } {
    const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
    assert.ok(host.configure(policy).accepted);
    const wire = Wire.connected(host);
    wire.client(sids.map((sid) => `SUB ${subjectOf(sid)} ${queue}${sid}\r\n`).join(""));
    return { host, wire };
  }
  const revoked = (host: Host): number => stat(host, "istio_nats_revoked_subscriptions_total");
  /** Ticks as often as the module asks for, until it has finished. Returns how many ticks that took. */
  const settle = (host: Host): number => {
    let ticks = 0;
    do {
      host.advance(10);
      host.tick();
    } while (++ticks < 100 && host.shortestTickPeriod === 10);
    return ticks;
  };

  it("brings nothing more even if it has not been judged yet, and those that are allowed bring everything", () => {
    const { host, wire } = crowded();
    host.configure(less);
    const out = wire.server(all);
    assert.equal(out.replace(/^-ERR .*\r\n/gm, ""), allowedOnly);
    host.tick();
    assert.equal(revoked(host), COUNT - allowed.length);
  });

  it("is ended even if no byte comes", () => {
    const { host, wire } = crowded();
    host.configure(less);
    const ticks = settle(host);
    assert.ok(ticks > 2, `${ticks} ticks`);
    assert.equal(revoked(host), COUNT - allowed.length);
    assert.equal(wire.client(PING).match(/^UNSUB/gm)?.length, COUNT - allowed.length);
    assert.equal(wire.server(all).replace(/^-ERR .*\r\n/gm, ""), allowedOnly);
  });

  it("waits for its turn if connections of many earlier policies have as many, whose ticks come at once", () => {
    const host = new Host(filterModule());
    const ROOTS = 10;
    for (let root = 0; root < ROOTS; root++) {
      assert.ok(host.configure({ ...both, limits: { subscriptions: COUNT + root } }).accepted);
      const wire = Wire.connected(host);
      wire.client(sids.map((sid) => `SUB ${subjectOf(sid)} ${sid}\r\n`).join(""));
    }
    settle(host);
    host.configure(less);
    const turns: number[] = [];
    do {
      host.advance(HURRIED);
      const began = host.now;
      host.clockStep = CLOCK_STEP / 2n;
      host.tick();
      host.clockStep = 0n;
      turns.push(Number(host.now - began) / 1e6);
    } while (turns.length < 1000 && host.shortestTickPeriod === HURRIED);
    assert.ok(Math.max(...turns) <= 60, `${turns.join(", ")} ms`);
    assert.equal(revoked(host), ROOTS * (COUNT - allowed.length));
  });

  it("waits for the next tick if the clock is set back meanwhile", () => {
    const { host } = crowded();
    host.configure(less);
    host.clockStep = -CLOCK_STEP;
    const judged = revoked(host);
    assert.ok(judged < COUNT / 10, `${judged} revoked`);
    host.clockStep = CLOCK_STEP;
    settle(host);
    assert.equal(revoked(host), COUNT - allowed.length);
  });

  it("is judged only by the newest policy if yet another one comes", () => {
    const { host, wire } = crowded();
    host.configure(less);
    host.tick();
    const before = revoked(host);
    assert.ok(before > 0 && before < COUNT - allowed.length, `${before} revoked`);
    host.configure(both);
    settle(host);
    assert.equal(revoked(host), before);
    const passed = wire.server(all).match(/^MSG/gm)?.length;
    assert.equal(passed, COUNT - before);
  });

  it("brings nothing more even if the client has ended it first", () => {
    const { host, wire } = crowded();
    host.configure(less);
    // By the UNSUBs, some have been judged, but far from all.
    wire.client(sids.map((sid) => `UNSUB ${sid}\r\n`).join(""));
    assert.doesNotMatch(wire.server(all), /^MSG a\./m);
    settle(host);
    assert.doesNotMatch(wire.server(all), /^MSG a\./m);
  });

  it("brings nothing more after a further CONNECT either", () => {
    const { host, wire } = crowded();
    host.configure(less);
    wire.client(CONNECT);
    assert.equal(wire.server(all).replace(/^-ERR .*\r\n/gm, ""), allowedOnly);
  });

  it("brings nothing more after a further CONNECT that began in DRY_RUN, however late, though its sid is used again", () => {
    const { host, wire } = crowded("", { ...both, mode: "DRY_RUN" });
    wire.client(CONNECT.slice(0, 9));
    host.configure(less);
    const sent = wire.client(CONNECT.slice(9) + sids.map((sid) => `SUB b.${sid} ${sid}\r\n`).join(""));
    assert.ok(sent.startsWith(CONNECT.slice(9) + PING));
    for (let i = 0; i < 40; i++) tick(host);
    assert.equal(/^MSG a\..*/m.exec(wire.server(all))?.[0], undefined);
    // Behind the PONGs there is only what has been asked for anew.
    wire.server(PONG.repeat(sent.match(/^PING/gm)!.length));
    const fresh = sids.map((sid) => msg(`b.${sid}`, sid, "x")).join("");
    assert.ok(wire.server(fresh) === fresh);
  });

  it("is judged later if a delivery of it that began in DRY_RUN ends before its turn", () => {
    const { host, wire } = crowded("", { ...both, mode: "DRY_RUN" });
    const sid = `${COUNT}`;
    const delivery = msg(subjectOf(sid), sid, "x");
    const begun = wire.server(delivery.slice(0, 9));
    host.configure(less);
    const rest = wire.server(delivery.slice(9));
    assert.ok(!rest.includes(ended(subjectOf(sid), sid)), "it has had its turn already");
    assert.equal(begun + rest.replace(/^-ERR .*\r\n/gm, ""), delivery);
    settle(host);
    assert.equal(revoked(host), COUNT - allowed.length);
    assert.equal(wire.server(all).replace(/^-ERR .*\r\n/gm, ""), allowedOnly);
  });

  const denied = policyOf({ publish: { allow: ["a"] }, subscribe: { allow: ["b.>"], deny: ["b.secret.>"] } });
  const secrets = sids.map((sid) => msg(`b.secret.${sid}`, `w${sid}`)).join("");

  /** The same number of them, each with wildcards. */
  function wide(): { host: Host; wire: Wire } {
    const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
    host.configure(both);
    const wire = Wire.connected(host);
    wire.client(sids.map((sid) => `SUB b.*.${sid} w${sid}\r\n`).join(""));
    return { host, wire };
  }

  it("is filtered from its next delivery on if a deny covers part of it", () => {
    const { host, wire } = wide();
    host.configure(denied);
    assert.equal(wire.server(secrets), "");
    settle(host);
    assert.equal(wire.server(secrets + msg("b.open.1", "w1")), msg("b.open.1", "w1"));
  });

  /** Many connections, each with subscriptions of `a` for more than one slice and less than two, `total` in all. */
  function manyCrowded(): { host: Host; wires: Wire[]; total: number } {
    const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
    assert.ok(host.configure(both).accepted);
    const some = sids.slice(0, 900);
    const wires = Array.from({ length: 40 }, () => Wire.connected(host));
    for (const wire of wires) wire.client(some.map((sid) => `SUB a.${sid} ${sid}\r\n`).join(""));
    return { host, wires, total: wires.length * some.length };
  }

  it("waits for no longer than the others when many connections have some of them left: a tick judges for one slice", () => {
    const { host, wires, total } = manyCrowded();
    host.configure(less);
    // Each is judged by a callback in a turn of its own, for a slice, and has less than another slice left.
    for (const wire of wires) {
      host.advance(HURRIED);
      wire.client(PING);
    }
    const before = host.now;
    host.tick();
    // A slice of 10 ms for connections that may be under an older policy, and one for subscriptions.
    const milliseconds = Number(host.now - before) / 1e6;
    assert.ok(milliseconds <= 30, `${milliseconds} ms`);
    const judged = revoked(host);
    assert.ok(judged > total / 2 && judged < total, `${judged} of ${total} judged`);
    settle(host);
    assert.equal(revoked(host), total);
  });

  it("is left to the tick where others have taken a slice and a second has passed, and brings nothing more", () => {
    const { host, wires, total } = manyCrowded();
    host.configure(less);
    host.advance(1000);
    wires[0]!.client(PING);
    const before = host.now;
    for (const wire of wires)
      assert.equal(
        wire
          .client(PING)
          .replace(/^UNSUB .*\r\n/gm, "")
          .replaceAll(PING, ""),
        "",
      );
    const milliseconds = Number(host.now - before) / 1e6;
    assert.ok(milliseconds <= 5 * wires.length, `${milliseconds} ms`);
    for (const wire of wires) assert.doesNotMatch(wire.server(msg("a.7", "7")), /^MSG/m);
    settle(host);
    assert.equal(revoked(host), total);
  });

  it("closes its connection within 2 s if it is a silent member of a queue group", () => {
    const { host, wire } = crowded("group ");
    host.configure(less);
    let time = 0;
    for (; !wire.connection.closed && time < 5000; time += 10) {
      host.advance(10);
      host.tick();
    }
    assert.ok(time <= 2000, `${time} ms`);
  });

  it("ends within 2 s of its change if it is a silent member, however long it takes to judge all of them", () => {
    const host = new Host(filterModule(), { clockStep: 10n * CLOCK_STEP });
    host.configure(both);
    const wire = Wire.connected(host);
    for (let of = 0; of < 8; of++) {
      wire.client(sids.map((sid) => `SUB a.${of}.${sid} group ${of}-${sid}\r\n`).join(""));
    }
    host.configure(less);
    let time = 0;
    for (; !wire.connection.closed && time < 5000; time += host.shortestTickPeriod) {
      host.advance(host.shortestTickPeriod);
      host.tick();
    }
    assert.ok(time <= 2000, `${time} ms`);
  });

  it("brings nothing that is denied, even if its own judgement is still to come", () => {
    const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
    host.configure(both);
    const wire = Wire.connected(host);
    wire.client(`${sids.map((sid) => `SUB b.${sid} ${sid}\r\n`).join("")}SUB b.> wide\r\nSUB b.inbox inbox\r\n`);
    host.configure(denied);
    // JetStream delivers on another subject than the one that was subscribed to.
    assert.equal(wire.server(msg("b.secret.1", "inbox") + msg("b.open", "inbox")), msg("b.open", "inbox"));
    // What is withheld does not count for a maximum.
    assert.equal(wire.client("UNSUB wide 2\r\n"), PING);
  });

  describe("a member of a queue group among thousands of entries that name queues for its subject", () => {
    const queues = (count: number): string[] => Array.from({ length: count }, (_, i) => `b.> q${i}`);
    const denying = (queue: string, count: number): object =>
      policyOf({ publish: { allow: ["a"] }, subscribe: { allow: ["b.>"], deny: [`b.> ${queue}`, ...queues(count)] } });
    const members = allowed.map((sid) => `SUB b.${sid} workers ${sid}\r\n`).join("");
    const messages = allowed.map((sid) => msg(`b.${sid}`, sid, "x")).join("");

    function grouped(clockStep: bigint): { host: Host; wire: Wire } {
      const host = new Host(filterModule(), { clockStep });
      host.configure(both);
      const wire = Wire.connected(host);
      wire.client(members);
      return { host, wire };
    }

    it("is judged with fewer others between two looks at the clock", () => {
      const judgedAtOnce = (count: number): number => {
        // Each look ends the slice.
        const { host } = grouped(20n * CLOCK_STEP);
        host.configure(denying("workers", count));
        for (let ticks = 0; ticks < 100 && revoked(host) === 0; ticks++) tick(host);
        const before = revoked(host);
        tick(host);
        return revoked(host) - before;
      };
      const [few, many] = [judgedAtOnce(1), judgedAtOnce(10_000)];
      assert.ok(many > 0 && many < few / 4, `${many} under 10,000 entries, ${few} under two`);
    });

    it("may get nothing of the chunk in which too many wait to be judged, but is not ended for that", () => {
      const { host, wire } = grouped(CLOCK_STEP);
      host.configure(denying("others", 10_000));
      const passed = wire.server(messages).match(/^MSG/gm)!.length;
      assert.ok(passed > 0 && passed < allowed.length, `${passed} passed`);
      settle(host);
      assert.equal(revoked(host), 0);
      assert.equal(wire.server(messages), messages);
    });
  });

  describe("one of those that each take a longest search,", () => {
    const DENIES = Array.from({ length: 1200 }, (_, i) => `*.*.*.*.*.*.*.${i}.y`);
    const over = policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"], deny: DENIES } });
    const spread = (last: string, of: string): string =>
      sids.map((sid) => msg(`1.1.1.1.1.1.1.${of}.${last}`, sid)).join("");

    it("is judged by a delivery only until deliveries have searched enough; after that only its subject decides, for 200 ms", () => {
      const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
      host.configure(policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"] } }));
      const wire = Wire.connected(host);
      for (let at = 0; at < COUNT; at += 500) {
        const some = sids.slice(at, at + 500);
        wire.client(some.map((sid) => `SUB *.*.*.*.*.*.*.*.z group ${sid}\r\n`).join(""));
      }
      host.configure(over);
      assert.equal(wire.server(spread("y", "7")).replace(/^-ERR .*\r\n/gm, ""), "");
      const passing = (): number => wire.server(spread("z", "7")).match(/^MSG/gm)?.length ?? 0;
      const passed = passing();
      assert.ok(passed > 0 && passed < COUNT, `${passed} of ${COUNT} passed`);
      assert.equal(passing(), passed);
      host.advance(200);
      assert.ok(passing() < passed, "those that follow search again");
      settle(host);
      assert.equal(revoked(host), COUNT);
      assert.doesNotMatch(wire.server(spread("z", "7")), /^MSG/m);
    });

    it("brings nothing after that if its sid was used again with another subject, because the server may have either", () => {
      const host = new Host(filterModule(), { clockStep: CLOCK_STEP });
      host.configure(policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"] } }));
      const wire = Wire.connected(host);
      for (const sid of sids) wire.client(`SUB *.*.*.*.*.*.*.*.z group ${sid}\r\n`);
      const reused = sids.slice(0, 100).map((sid) => `again.${sid}`);
      wire.client("SUB open once\r\n");
      for (const sid of reused) wire.client(`SUB open ${sid}\r\nSUB opened ${sid}\r\n`);
      host.configure(over);
      const opened = reused.map((sid) => msg("open", sid)).join("");
      const out = wire.server(spread("z", "7") + opened + msg("open", "once"));
      assert.match(out, /^MSG 1/m);
      assert.deepEqual(out.match(/^MSG open .*/gm), ["MSG open once 0"]);
    });
  });

  it("passes in DRY_RUN, and what would be withheld is reported", () => {
    const { host, wire } = wide();
    host.configure({ ...denied, mode: "DRY_RUN" });
    assert.equal(wire.server(secrets), secrets);
    settle(host);
    assert.equal(wire.server(secrets), secrets);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { operation: "MSG" }), 2 * COUNT);
  });
});
