import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pongsFor } from "./both-ways.ts";
import { TICK, policyOf, tick, connected, ended, unsub, vm } from "./changing-policy.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { auditOf, CONNECT, hpub, msg, PING, PONG, pub, stat, VERBOSE_CONNECT, Wire } from "./wire.ts";

const counting = await stepCountingModule();

describe("a subscription that a newer policy does not allow", () => {
  const under = (allow: string[], deny: string[] = []): object =>
    policyOf({ publish: { allow: ["a"] }, subscribe: { allow, deny } });
  const both = under(["a.>", "b.>"]);
  const less = under(["b.>"]);

  it("ends with the next bytes in each direction, and its deliveries end at once", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB b.1 2\r\n");
    host.configure(less);
    tick(host);
    assert.equal(wire.server(msg("a.1", "1", "x") + msg("b.1", "2", "y")), ended("a.1", "1") + msg("b.1", "2", "y"));
    assert.equal(wire.server(msg("a.1", "1", "x")), "");
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    assert.equal(wire.server(msg("a.1", "1", "x") + PONG.repeat(2)), PONG);
    assert.equal(stat(host, "istio_nats_revoked_subscriptions_total"), 1);
    // None of the three is lost silently.
    assert.equal(stat(host, "istio_nats_refusals_total", { operation: "MSG", reason: "revoked" }), 3);
    const { event, subject, reason } = auditOf(host).at(-1)!;
    assert.deepEqual({ event, subject, reason }, { event: "revoked", subject: "a.1", reason: "not_allowed" });
  });

  it("ends at the server with whatever the client sends next, also with what takes a short way", () => {
    for (const [next, forwarded] of [
      [pub("a", "x"), pub("a", "x")],
      [hpub("a", "NATS/1.0\r\n\r\n"), hpub("a", "NATS/1.0\r\n\r\n")],
      [pub("no", "x"), PING],
    ] as const) {
      const { host, wire } = connected(both);
      wire.client("SUB a.1 1\r\n");
      host.configure(less);
      tick(host);
      assert.equal(wire.client(next.repeat(2)), unsub("1") + forwarded.repeat(2));
    }
  });

  it("brings nothing more, however many end at once and however late the server learns of it", () => {
    const COUNT = 600;
    const { host, wire } = connected(both);
    const sids = Array.from({ length: COUNT }, (_, i) => `${i + 1}`);
    wire.client(sids.map((sid) => `SUB a.${sid} ${sid}\r\n`).join(""));
    host.configure(less);
    tick(host);
    const late = sids.map((sid) => msg(`a.${sid}`, sid, "x")).join("");
    wire.server("PING\r\n");
    assert.equal(wire.client("PONG\r\n").match(/UNSUB/g)?.length, COUNT);
    assert.equal(wire.server(`${late}PING\r\n`), "PING\r\n");
    // A client that does not read for a while makes the server keep them just as long.
    for (let second = 0; second < 100; second++) {
      host.advance(1000);
      tick(host);
    }
    assert.equal(wire.server(late), "");
    assert.equal(wire.server(PONG), "");
    // After the PONG none of its messages can come. If one comes for its sid anyway, it is judged as one of an unknown sid.
    assert.equal(wire.server(msg("a.1", "1", "x") + msg("b.1", "1", "x")), msg("b.1", "1", "x"));
  });

  it("ends without its text if texts would take more than half of what a connection may hold", () => {
    const COUNT = 200;
    const memory = 8 << 20;
    const { host, wire } = connected({ ...both, limits: { memory } });
    const lines = Array.from({ length: COUNT }, (_, i) => `SUB a.${"x".repeat(4000)} ${i}\r\n`);
    wire.client(lines.join(""));
    host.configure({ ...less, limits: { memory } });
    tick(host);
    const told = wire.server("PING\r\n");
    // A connection may hold an eighth of the VM's budget.
    assert.ok(told.length > memory / 20 && told.length <= memory / 16, `${told.length} bytes were told`);
    assert.ok(told.endsWith("\r\nPING\r\n"));
    assert.equal(wire.client(PONG).match(/UNSUB/g)?.length, COUNT);
    assert.equal(wire.server(msg(`a.${"x".repeat(4000)}`, `${COUNT - 1}`)), "");
  });

  it("brings nothing more until the server has read the last of several changes", () => {
    const all = under(["a.>", "b.>", "c.>"]);
    const { host, wire } = connected(all);
    wire.client("SUB a.1 1\r\nSUB b.1 2\r\nSUB c.1 3\r\n");
    host.configure(under(["b.>", "c.>"]));
    assert.equal(wire.client(PONG), `${unsub("1")}${PONG}`);
    host.configure(under(["c.>"]));
    assert.equal(wire.client(PONG), `${unsub("2")}${PONG}`);
    const late = msg("a.1", "1") + msg("b.1", "2");
    assert.equal(wire.server(PONG + late), ended("a.1", "1") + ended("b.1", "2"));
    assert.equal(wire.server(late + PONG + msg("c.1", "3")), msg("c.1", "3"));
  });

  it("brings nothing more until then to a queue group either, whose subject its client may receive without a group", () => {
    for (const told of [true, false]) {
      const { host, wire } = connected(under(["a.>", "b.>"]));
      wire.client("SUB a.1 1\r\nSUB b.1 group 2\r\n");
      host.configure(under(["b.>"]));
      assert.equal(wire.client(PONG), `${unsub("1")}${PONG}`);
      assert.equal(wire.server(PING), ended("a.1", "1") + PING);
      host.configure(under(["b.>"], ["b.1 group"]));
      if (told) assert.equal(wire.client(PONG), `${unsub("2")}${PONG}`);
      assert.equal(wire.server(PONG + msg("b.1", "2")), ended("b.1", "2", "group"));
      if (!told) assert.equal(wire.client(PONG), `${unsub("2")}${PONG}`);
      assert.equal(wire.server(msg("b.1", "2") + PONG), "");
    }
  });

  it("brings nothing more to a queue group either if it has the sid of another revoked one, and begins meanwhile", () => {
    for (const told of [true, false]) {
      const { host, wire } = connected(under(["a.>", "b.>"]));
      wire.client("SUB a.1 1\r\n");
      host.configure(under(["b.>"]));
      assert.equal(wire.client("SUB b.1 group 1\r\n"), `${unsub("1")}${PING}SUB b.1 group 1\r\n`);
      host.configure(under(["b.>"], ["b.1 group"]));
      if (told) assert.equal(wire.client(PONG), `${unsub("1")}${PONG}`);
      // These PONGs show that the former one is gone, and that the messages from here on are those of the second one.
      const notices = ended("a.1", "1") + ended("b.1", "1", "group");
      assert.equal(wire.server(PONG.repeat(2) + msg("b.1", "1")), notices);
      if (!told) assert.equal(wire.client(PONG), `${unsub("1")}${PONG}`);
      assert.equal(wire.server(msg("b.1", "1") + PONG), "");
    }
  });

  it("brings nothing more after a further CONNECT either, and later messages arrive as before", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB b.1 2\r\n");
    host.configure(less);
    assert.equal(wire.client(`${CONNECT}SUB b.2 3\r\n`), `${unsub("1")}${CONNECT}${PING}SUB b.2 3\r\n`);
    const late = msg("a.1", "1") + msg("b.1", "2");
    assert.equal(wire.server(late + PONG), ended("a.1", "1") + msg("b.1", "2"));
    assert.equal(wire.server(PONG + msg("b.2", "3")), msg("b.2", "3"));
  });

  it("makes further CONNECTs cost no more than if none had been revoked", () => {
    const text = `CONNECT {}\r\nSUB b.1 1\r\n`.repeat(3000);
    const spent = (revokes: boolean): number => {
      const host = vm(undefined, {}, counting);
      host.configure(both);
      const wire = Wire.connected(host);
      wire.client(Array.from({ length: 40_000 }, (_, i) => `SUB a.1 ${i}\r\nSUB b.1 _${i}\r\n`).join(""));
      if (revokes) host.configure(less);
      return stepsOf(host, () => wire.client(text));
    };
    const [alone, beside] = [spent(false), spent(true)];
    assert.ok(beside < 8 * alone, `${beside} steps beside 40,000 that were revoked, ${alone} without`);
  });

  it("ends before the client's next operation is judged, so that its sid can be used again", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\n");
    host.configure(less);
    assert.equal(wire.client("SUB b.1 1\r\n"), `${unsub("1")}${PING}SUB b.1 1\r\n`);
    assert.equal(wire.server(PONG.repeat(2) + msg("b.1", "1", "x")), ended("a.1", "1") + msg("b.1", "1", "x"));
  });

  it("is announced between two lines of the server, never within a payload or a line", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB b.1 2\r\n");
    const stream = msg("b.1", "2", "0123456789") + msg("b.1", "2", "abc");
    for (let cut = 1; cut < stream.length; cut++) {
      host.configure(both);
      const made = Wire.connected(host);
      made.client("SUB a.1 1\r\nSUB b.1 2\r\n");
      const first = made.server(stream.slice(0, cut));
      host.configure(less);
      const read = first + made.server(stream.slice(cut));
      const told = ended("a.1", "1");
      assert.equal(read.replace(told, ""), stream, `cut at ${cut}`);
      const at = read.indexOf(told);
      const border = msg("b.1", "2", "0123456789").length;
      assert.ok([0, border, stream.length].includes(at), `cut at ${cut}: announced at ${at}`);
      made.connection.close();
    }
    assert.ok(!wire.connection.closed);
  });

  it("is announced after a payload even if that comes in many pieces", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB b.1 2\r\n");
    const whole = msg("b.1", "2", "0123456789");
    wire.server(whole.slice(0, -10));
    host.configure(less);
    for (let at = -10; at < -1; at++) assert.equal(wire.server(whole.slice(at, at + 1)), whole.slice(at, at + 1));
    assert.equal(wire.server(`\n${PING}`), `\n${ended("a.1", "1")}${PING}`);
  });

  it("brings nothing more if its sid was used again and ended, whatever ends and however long it takes", () => {
    const begin = "SUB b.1 1\r\n";
    const others = Array.from({ length: 300 }, (_, i) => `SUB b.1 o${i}\r\nUNSUB o${i}\r\n`).join("");
    for (const meanwhile of [others, ""]) {
      const { host, wire } = connected(both);
      wire.client("SUB a.1 1\r\n");
      host.configure(less);
      const sent = wire.client(`${begin}UNSUB 1\r\n${meanwhile}`);
      for (let i = 0; i < 2; i++) {
        host.advance(20_000);
        tick(host);
      }
      const again = wire.client(begin);
      assert.equal(wire.server(msg("a.1", "1")), ended("a.1", "1"));
      const own = msg("b.1", "1");
      assert.equal(wire.server(msg("a.1", "1") + pongsFor(sent + again) + own), own);
      assert.equal(stat(host, "istio_nats_refusals_total", { operation: "MSG", reason: "revoked" }), 2);
    }
  });

  it("gets no +OK for the filter's UNSUB in verbose mode", () => {
    const { host, wire } = connected(both, VERBOSE_CONNECT);
    wire.client("SUB a.1 1\r\n");
    wire.server("+OK\r\n+OK\r\n");
    host.configure(less);
    assert.equal(wire.client("UNSUB 9\r\n"), `${PING}${unsub("1")}UNSUB 9\r\n`);
    assert.equal(wire.server(`${PONG}+OK\r\n${PONG}+OK\r\n`), `${ended("a.1", "1")}+OK\r\n`);
  });

  it("is judged as if it were alone, even if there are more than one chunk could have made", () => {
    const deny = Array.from({ length: 900 }, (_, i) => `t${i}.secret`);
    const under = (more: string[]): object =>
      policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"], deny: [...deny, ...more] } });
    for (const speaks of [true, false]) {
      const { host, wire } = connected(under([]));
      for (let i = 0; i < 2000; i++) {
        const line = `SUB *.z q ${i}\r\n`;
        assert.equal(wire.client(line), line);
      }
      host.configure(under(["other"]));
      if (speaks) assert.equal(wire.client(PING), PING);
      else tick(host);
      assert.equal(stat(host, "istio_nats_revoked_subscriptions_total"), 0);
      host.configure(under(["*.z"]));
      tick(host);
      assert.equal(stat(host, "istio_nats_revoked_subscriptions_total"), 2000);
    }
  });

  it("leaves its sid to a subscription whose messages pass like any other's, also those that follow its own UNSUB", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\n");
    host.configure(less);
    tick(host);
    const one = msg("b.1", "1", "x");
    assert.equal(wire.client("SUB b.1 1\r\n"), `${unsub("1")}${PING}SUB b.1 1\r\n`);
    assert.equal(wire.server(PONG + PONG + one), ended("a.1", "1") + one);
    assert.equal(wire.client("UNSUB 1\r\n"), "UNSUB 1\r\n");
    assert.equal(wire.server(one), one);
  });

  it("closes a silent member of a queue group within 2 s, and leaves one that speaks", () => {
    const { host, wire } = connected(both);
    const speaker = Wire.connected(host);
    for (const member of [wire, speaker]) member.client("SUB a.1 group 1\r\nSUB b.1 group 2\r\n");
    host.configure(less);
    let time = 0;
    for (; !wire.connection.closed && time < 5000; time += TICK) {
      tick(host);
      if (time === 0) assert.equal(speaker.client(PING), `${unsub("1")}${PING}`);
    }
    assert.ok(time <= 2000, `${time} ms`);
    for (let i = 0; i < 4; i++) tick(host);
    assert.equal(speaker.server(PONG.repeat(2)), ended("a.1", "1", "group") + PONG);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 1);
  });

  it("leaves a member of a queue group whose UNSUB has gone, though another UNSUB waits for it to speak again", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 group 1\r\nSUB b.1 2\r\nUNSUB 2 1\r\n");
    host.configure(less);
    tick(host);
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    wire.server(msg("b.1", "2", "x"));
    for (let i = 0; i < 4; i++) tick(host);
    assert.equal(wire.client(PING), `UNSUB 2\r\n${PING}`);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 0);
  });

  it("closes no member of a queue group for its silence whose connection is ending for another reason", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 group 1\r\n");
    host.configure(less);
    tick(host);
    assert.equal(wire.server("no operation of NATS\r\n"), ended("a.1", "1", "group"));
    tick(host);
    assert.ok(wire.connection.closed);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 0);
  });

  it("leaves a member of a queue group that is silent while it waits for DRY_RUN, which takes nothing from it", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 group 1\r\n");
    host.configure(less);
    tick(host);
    host.configure({ ...less, mode: "DRY_RUN" });
    for (let i = 0; i < 4; i++) tick(host);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 0);
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("closes a silent member of a queue group also where the host's clock is set back by an hour meanwhile", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 group 1\r\n");
    host.configure(less);
    tick(host);
    host.advance(-3_600_000);
    for (let time = 0; !wire.connection.closed && time < 5000; time += TICK) tick(host);
    assert.ok(wire.connection.closed);
  });

  it("ends under a new deny, while a wider one is filtered from then on", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.secret 1\r\nSUB a.* 2\r\n");
    host.configure(policyOf({ subscribe: { allow: ["a.>", "b.>"], deny: ["a.secret"] } }));
    tick(host);
    assert.equal(
      wire.server(msg("a.secret", "2", "x") + msg("a.open", "2", "y")),
      ended("a.secret", "1") + msg("a.open", "2", "y"),
    );
  });

  it("of a queue group has the connection filtered if it stays, as its SUB under the newer policy would", () => {
    const rights = { publish: { allow: ["a"] }, subscribe: { allow: ["a.>", "inbox"] } };
    const newer = { ...rights, subscribe: { ...rights.subscribe, deny: ["a.1 others", "secret"] } };
    const lines = "SUB a.1 group 1\r\nSUB inbox 2\r\n";
    for (const mode of ["ENFORCE", "DRY_RUN"]) {
      for (const former of [newer, rights]) {
        const { host, wire } = connected(policyOf(former, { mode }));
        assert.equal(wire.client(lines), lines);
        host.configure(policyOf(newer, { mode }));
        wire.client(PING);
        // JetStream delivers on another subject than the one that was subscribed to.
        const out = wire.server(PONG + msg("secret", "2") + msg("a.1", "1"));
        assert.equal(out, PONG + (mode === "DRY_RUN" ? msg("secret", "2") : "") + msg("a.1", "1"));
        const name = mode === "DRY_RUN" ? "istio_nats_dry_run_refusals_total" : "istio_nats_refusals_total";
        assert.equal(stat(host, name, { operation: "MSG" }), 1);
      }
    }
  });

  it("stays if only a rule in DRY_RUN denies it", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\n");
    const strict = { name: "strict", mode: "DRY_RUN", from: [{ principals: ["*"] }], subscribe: { deny: ["a.>"] } };
    const { rules, ...rest } = both as { rules: object[] };
    host.configure({ ...rest, rules: [...rules, strict] });
    tick(host);
    assert.equal(wire.server(msg("a.1", "1", "x")), msg("a.1", "1", "x"));
    assert.equal(wire.client(PING), PING);
  });
});
