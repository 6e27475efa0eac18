import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REST } from "./changing-policy.ts";
import type { Host } from "./host.ts";
import { fill, LINE, MEMORY, subs } from "./memory.ts";
import { auditOf, configuredHost, CONNECT, INFO, msg, PEER, PING, policy, PONG, pub, stat, Wire } from "./wire.ts";

describe("limits.memory, the budget of a VM,", () => {
  describe("when one workload has nearly used it up", () => {
    const EVIL = "spiffe://cluster.local/ns/shop/sa/evil";
    const open = (host: Host, peer: string, root?: number): Wire => {
      const wire = new Wire(host, peer, root);
      wire.server(INFO);
      wire.client(CONNECT);
      return wire;
    };
    const hold = (wire: Wire, bytes: number): void => {
      for (let sid = 0; sid * LINE.length < bytes; sid++) wire.client(`${LINE} ${sid}\r\n`);
    };

    it("is given back by that workload's connections, however little each of them holds, and by no others", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const honest = Array.from({ length: 4 }, (_, i) => open(host, `${PEER}-${i}`));
      // More than each of the other workload's connections holds, and less than all of them together.
      for (const wire of honest) hold(wire, MEMORY / 32);
      const evil = Array.from({ length: 120 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 128);
      assert.ok(evil.some((wire) => !wire.connection.closed));
      for (let i = 0; i < 40; i++) host.tick();
      const held = stat(host, "istio_nats_memory_bytes");
      assert.ok(held < MEMORY * 0.9 && held > MEMORY * 0.85, `${held} bytes are held`);
      for (const wire of honest) assert.equal(wire.client("SUB ok.1 1000\r\n"), "SUB ok.1 1000\r\n");
      assert.equal(open(host, PEER).client("SUB ok.1 1\r\n"), "SUB ok.1 1\r\n");
    });

    it("is given back by that workload's connections alone, even if it has no series of its own, as others have none", () => {
      const host = configuredHost({ limits: { memory: MEMORY }, telemetry: { principals: 1 } });
      open(host, PEER);
      const honest = Array.from({ length: 4 }, (_, i) => open(host, `${PEER}-${i}`));
      // More than each of the other workload's connections holds.
      for (const wire of honest) hold(wire, MEMORY / 64);
      const evil = Array.from({ length: 120 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 128);
      for (const wire of honest) assert.equal(wire.client("SUB ok.1 1000\r\n"), "SUB ok.1 1000\r\n");
      host.tick();
      assert.ok(evil.some((wire) => wire.connection.closed));
      assert.equal(stat(host, "istio_nats_principals_capped_total"), 124);
    });

    it("is given back by that workload's connections alone, even if none of them has a subscription any more", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const honest = Array.from({ length: 40 }, (_, i) => open(host, `${PEER}-${i}`));
      for (const wire of honest) wire.client("SUB ok.1 1\r\n");
      // Their tables keep the size that they once needed.
      const sids = Array.from({ length: 4000 }, (_, sid) => sid);
      const asked = sids.map((sid) => `SUB ok.1 ${sid}\r\n`).join("");
      const unsubs = sids.map((sid) => `UNSUB ${sid}\r\n`).join("");
      const evil = Array.from({ length: 236 }, () => open(host, EVIL));
      for (const wire of evil) {
        wire.client(asked + unsubs);
        // More connections, so that the ended ones are forgotten.
        host.tick();
        host.advance(11_000);
        host.tick();
      }
      for (let i = 0; i < 10; i++) host.tick();
      const held = stat(host, "istio_nats_memory_bytes");
      assert.ok(held < MEMORY * 0.9 && held > MEMORY * 0.85, `${held} bytes are held`);
      assert.ok(evil.some((wire) => wire.connection.closed));
      assert.equal(honest.filter((wire) => wire.connection.closed).length, 0);
    });

    it("is given back by that workload's connections alone, even if others came under an earlier configuration", () => {
      const config = { limits: { memory: MEMORY } };
      const host = configuredHost(config);
      const honest = Array.from({ length: 4 }, (_, i) => open(host, `${PEER}-${i}`));
      for (const wire of honest) wire.client("SUB ok.1 1\r\n");
      host.configure(policy({ ...config, audit: { burst: 9 } }));
      const evil = Array.from({ length: 8 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 8.5);
      for (let i = 0; i < 10; i++) host.tick();
      assert.equal(evil.filter((wire) => wire.connection.closed).length, 1);
      assert.equal(honest.filter((wire) => wire.connection.closed).length, 0);
    });

    it("is given back only by that workload's connections, even if some came before a configuration and some with it", () => {
      const config = { limits: { memory: MEMORY } };
      const host = configuredHost(config);
      const evil = Array.from({ length: 3 }, () => open(host, EVIL));
      host.configure(policy({ ...config, audit: { burst: 9 } }));
      evil.push(...Array.from({ length: 2 }, () => open(host, EVIL)));
      for (const wire of evil) hold(wire, MEMORY / 9);
      // More than either of the two halves.
      const honest = Array.from({ length: 4 }, () => open(host, PEER));
      for (const wire of honest) hold(wire, MEMORY / 11);
      for (let i = 0; i < 10; i++) host.tick();
      assert.ok(evil.some((wire) => wire.connection.closed));
      assert.equal(honest.filter((wire) => wire.connection.closed).length, 0);
    });

    it("is given back even if other connections are about to close that hold nothing", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const evil = Array.from({ length: 8 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 8.5);
      for (let i = 0; i < 10; i++) {
        open(host, PEER).client("?\r\n");
        host.tick();
      }
      assert.equal(evil.filter((wire) => wire.connection.closed).length, 1);
    });

    it("is given back by the workload that holds most now, whichever did before", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const holders = (count: number, peer: string): Wire[] => {
        const wires = Array.from({ length: count }, () => open(host, peer));
        for (const wire of wires) hold(wire, MEMORY / 8.5);
        return wires;
      };
      const others = holders(2, PEER);
      for (let round = 0; round < 4; round++) {
        const former = holders(6, EVIL);
        host.tick();
        assert.equal(former.filter((wire) => wire.connection.closed).length, 1);
        for (const wire of former) if (!wire.connection.closed) wire.connection.close("client");
      }
      const evil = holders(2, EVIL);
      others.push(...holders(4, PEER));
      host.tick();
      assert.equal(evil.filter((wire) => wire.connection.closed).length, 0);
      assert.equal(others.filter((wire) => wire.connection.closed).length, 1);
    });

    it("is given back by a connection that its record names, in a callback whose own records name another one", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const evil = open(host, EVIL);
      evil.connection.properties.set("connection.id", 101);
      hold(evil, MEMORY / 8.5);
      for (let i = 0; i < 6; i++) hold(open(host, EVIL), MEMORY / 10);
      const honest = open(host, PEER);
      honest.connection.properties.set("connection.id", 202);
      hold(honest, MEMORY / 9);
      const last = open(host, PEER);
      host.logs.length = 0;
      last.client(subs(200));
      honest.client(pub("no.1"));
      assert.deepEqual(
        auditOf(host).map((record) => [record["event"], record["connection_id"]]),
        [
          ["unreadable", 101],
          ["refused", 202],
        ],
      );
    });

    it("is given back by no more connections than necessary", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const evil = Array.from({ length: 8 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 8.5);
      host.tick();
      // Eight of them hold 94 %, and seven hold 82 %.
      assert.equal(evil.filter((wire) => wire.connection.closed).length, 1);
    });

    it("is given back before each callback that may ask for memory, so that nobody else ends, however fast it goes", () => {
      const host = configuredHost({ limits: { memory: MEMORY, headers: 65_536 } });
      const honest = open(host, PEER);
      for (let i = 0; i < 7; i++) hold(open(host, EVIL), MEMORY / 8.5);
      for (let i = 0; i < 300; i++) {
        open(host, EVIL).client(`HPUB ok.1 60000 60000\r\n${"x".repeat(30_000)}`);
        // A client's bytes, and a server's: both may have to be held.
        const sub = `SUB ok.${i} ${i}\r\n`;
        assert.equal(honest.client(sub), sub);
        const delivery = msg(`ok.${i}`, `${i}`, "x");
        assert.equal(honest.server(delivery.slice(0, 5)) + honest.server(delivery.slice(5)), delivery);
      }
      const ended = auditOf(host).filter(({ kind }) => kind === "memory");
      assert.ok(ended.length > 0 && ended.every((record) => record["source_principal"] === EVIL));
      assert.equal(host.tickPeriod, 500);
    });

    it("is given back before nats-server's bytes too, of which a connection may have to hold some", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const honest = open(host, PEER);
      honest.client("SUB ok.> 1\r\n");
      for (let i = 0; i < 7; i++) hold(open(host, EVIL), MEMORY / 8.5);
      const another = open(host, EVIL);
      for (let sid = 0; stat(host, "istio_nats_memory_bytes") < MEMORY * 0.89; sid++)
        another.client(`${LINE} ${sid}\r\n`);
      // Takes whatever is left, and ends by asking for more.
      open(host, EVIL).client(subs(1000));
      const delivery = msg(`ok.${"x".repeat(4000)}`, "1", "x");
      assert.equal(honest.server(delivery.slice(0, 4000)) + honest.server(delivery.slice(4000)), delivery);
    });

    it("is given back by at most sixteen connections in a callback, because each takes a search through all of them", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const ended = (): number => auditOf(host).filter(({ kind }) => kind === "memory").length;
      // Another workload takes 11 % more with one chunk. Seventeen of the first hold less than 6 %.
      const evil = Array.from({ length: 258 }, () => open(host, EVIL));
      for (const wire of evil) hold(wire, MEMORY / 300);
      const held = stat(host, "istio_nats_memory_bytes") / MEMORY;
      assert.ok(held > 0.85 && held < 0.89, `${held} of it are held`);
      const other = open(host, PEER);
      other.client(subs(225));
      assert.equal(other.client(pub("ok.1")), pub("ok.1"));
      assert.equal(ended(), 16);
      other.client(pub("ok.1"));
      assert.ok(ended() > 16);
      host.tick();
      assert.equal(evil.filter((wire) => wire.connection.closed).length, ended());
    });

    it("is not given back by a connection that has said nothing and holds nothing", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const silent = new Wire(host);
      for (let i = 0; i < 8; i++) hold(open(host, EVIL), MEMORY / 8.5);
      host.tick();
      assert.equal(silent.connection.closed, false);
      assert.equal(silent.server(INFO), INFO);
    });

    it("is not given back by connections of another plugin in the VM that hold nothing", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const poor = open(host, PEER);
      const { root } = host.configure(policy({ limits: { memory: MEMORY } }), "another");
      for (let i = 0; i < 8; i++) {
        hold(open(host, EVIL, root), MEMORY / 8.5);
      }
      host.tick();
      assert.equal(poor.connection.closed, false);
      assert.equal(poor.client(pub("ok.1")), pub("ok.1"));
    });

    it("is given back in DRY_RUN by that workload's connections too, which pass unread from then on", () => {
      const host = configuredHost({ mode: "DRY_RUN", limits: { memory: MEMORY } });
      const honest = open(host, PEER);
      honest.client("SUB ok.1 1\r\n");
      const evil = Array.from({ length: 8 }, () => open(host, EVIL));
      for (const [id, wire] of evil.entries()) {
        wire.connection.properties.set("connection.id", id);
        hold(wire, MEMORY / 9.3);
        assert.equal(wire.client("PUB ok."), "PUB ok.");
      }
      hold(open(host, EVIL), MEMORY / 20);
      const held = stat(host, "istio_nats_memory_bytes");
      assert.ok(held < MEMORY * 0.9 && held > MEMORY * 0.7, `${held} bytes are held`);
      for (const wire of [honest, ...evil]) {
        const line = wire === honest ? pub("ok.1") : "1 0\r\n\r\n";
        assert.equal(wire.client(line), line);
        const delivery = msg("ok.1", "1", "x");
        assert.equal(wire.server(delivery), delivery);
      }
      const unread = auditOf(host).filter(({ event }) => event === "unreadable_passed");
      assert.deepEqual(
        unread.map(({ kind, source_principal }) => [kind, source_principal]),
        [["memory", EVIL]],
      );
      assert.equal(stat(host, "istio_nats_messages_total", { operation: "PUB" }), 8);
      // Where the lines of that one begin nobody knows any more.
      host.configure(policy({ limits: { memory: MEMORY } }));
      for (let i = 0; i < 3; i++) host.tick();
      assert.equal(honest.connection.closed, false);
      assert.deepEqual(
        evil.flatMap(({ connection }, id) => (connection.closed ? [id] : [])),
        unread.map((record) => record["connection_id"]),
      );
    });

    it("is given back by connections of another plugin in DRY_RUN, if these hold it, and not by enforced ones", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const honest = open(host, PEER);
      honest.client("SUB ok.1 1\r\n");
      const { root } = host.configure(policy({ mode: "DRY_RUN", limits: { memory: MEMORY } }), "another");
      for (let i = 0; i < 20; i++) {
        const wire = open(host, EVIL, root);
        hold(wire, MEMORY / 8.5);
        // What passes unread gives back what it holds as well.
        if (i % 2 === 0) wire.client("?\r\n");
        const sub = `SUB ok.${i} a${i}\r\n`;
        assert.equal(honest.client(sub), sub);
      }
    });

    it("is given back first by connections that pass unread in DRY_RUN, of which nothing is needed any more", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const honest = open(host, PEER);
      honest.client("SUB ok.1 1\r\n");
      const { root } = host.configure(policy({ mode: "DRY_RUN", limits: { memory: MEMORY } }), "another");
      for (let i = 0; i < 9; i++) {
        // What nobody can read comes in the same chunk, so that none of these holds anything while it is read.
        open(host, EVIL, root).client(`${subs(210)}?\r\n`);
      }
      assert.equal(honest.client("SUB ok.2 2\r\n"), "SUB ok.2 2\r\n");
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
      assert.ok(stat(host, "istio_nats_memory_bytes") < MEMORY * 0.9);
    });

    it("is not looked for before each callback where nobody has anything to give back, but after the next tick", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const wire = open(host, PEER);
      // nats-server has begun to say something to each, and the clients have said nothing yet.
      for (let i = 0; i < 116; i++) new Wire(host).server(`INFO {"a":"${"x".repeat(60_000)}`);
      const looks = (callback: () => void): boolean => {
        host.resetCounts();
        callback();
        return host.counts["proxy_set_effective_context"]! > 0;
      };
      const publish = (): unknown => wire.client(pub("ok.1"));
      assert.deepEqual([publish, publish, () => host.tick(), publish].map(looks), [true, false, true, false]);
      assert.ok(stat(host, "istio_nats_memory_bytes") > MEMORY * 0.9);
    });

    it("is not given back by forgetting replies that somebody may send, however little each of those connections holds", () => {
      const rule = { allow_responses: { max: 1, expires: "1m" } };
      const host = configuredHost({ rule, limits: { memory: MEMORY } });
      const service = open(host, PEER);
      service.client("SUB ok.ask 1\r\n");
      const replies = Array.from({ length: 1000 }, (_, i) => `reply.${i}`);
      for (const reply of replies) service.server(msg("ok.ask", "1", "?", reply));
      // Each of these holds less than the replies take, and all together much more.
      for (let i = 0; i < 200; i++) hold(open(host, EVIL), MEMORY / 200);
      assert.ok(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }) > 10);
      for (const reply of replies) assert.equal(service.client(pub(reply)), pub(reply));
    });

    it("is given back by forgetting the replies of the workload that may send most, in however many connections", () => {
      const rule = { allow_responses: { max: 1, expires: "1m" } };
      const host = configuredHost({ rule, limits: { memory: MEMORY }, telemetry: { requests: 0 } });
      const ask = (wire: Wire, count: number): void => {
        wire.client("SUB ok.ask 1\r\n");
        for (let i = 0; i < count; i++) wire.server(msg("ok.ask", "1", "?", `reply.${i}`));
      };
      const service = open(host, PEER);
      ask(service, 1000);
      const evil = Array.from({ length: 200 }, () => open(host, EVIL));
      for (const wire of evil) ask(wire, 500);
      for (let i = 0; i < 1000; i++) assert.equal(service.client(pub(`reply.${i}`)), pub(`reply.${i}`));
      assert.ok(evil.some((wire) => wire.client(pub("reply.0")) === PING));
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
    });

    it("is given back in one callback by forgetting the replies of as many connections as necessary", () => {
      const rule = { allow_responses: { max: 1, expires: "1m" } };
      const host = configuredHost({ rule, limits: { memory: MEMORY }, telemetry: { requests: 0 } });
      while (stat(host, "istio_nats_memory_bytes") < MEMORY * 0.87) {
        const wire = open(host, EVIL);
        wire.client("SUB ok.ask 1\r\n");
        for (let i = 0; i < 400; i++) wire.server(msg("ok.ask", "1", "?", `reply.${i}`));
      }
      // Several times what may be forgotten of one connection, by one that holds less than all of them.
      open(host, PEER).client(subs(Math.floor(MEMORY / 16 / LINE.length)));
      host.tick();
      assert.ok(stat(host, "istio_nats_memory_bytes") < MEMORY * 0.9);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
    });

    it("is given back by a connection of which the host holds bytes, too, which is told of once", () => {
      const host = configuredHost({ limits: { memory: MEMORY, outstandingReplies: 1024 } });
      const wire = open(host, EVIL);
      hold(wire, MEMORY / 9);
      while (wire.connection.heldDownstream === 0) wire.client(pub(`no.${"x".repeat(500)}`));
      for (let i = 0; i < 8; i++) hold(open(host, i < 6 ? EVIL : PEER), MEMORY / 10);
      const ended = (): [unknown, unknown][] =>
        auditOf(host).flatMap(({ event, kind }) => (event === "unreadable" ? [[event, kind]] : []));
      assert.deepEqual(ended(), [["unreadable", "memory"]]);
      assert.equal(wire.client(pub("ok.1")), "");
      assert.equal(wire.server(PONG.repeat(10)), "");
      assert.equal(wire.released(), "");
      assert.deepEqual(ended(), [["unreadable", "memory"]]);
      host.tick();
      assert.ok(wire.connection.closed);
    });

    it("is given back between connections that one tick brings under a newer policy, for which each may need some", () => {
      const limits = { memory: MEMORY };
      const subscribe = { allow: ["ok.>", "old.>"] };
      const host = configuredHost({ rule: { subscribe }, limits });
      const honest = open(host, PEER);
      honest.client("SUB old.1 1\r\nSUB ok.1 2\r\n");
      // Those that came last are brought under it first, and need half as much more as is left, and then what no larger one gets.
      for (let length = 50; length < 4000; length *= 2)
        for (let i = 0; i < 10; i++) open(host, EVIL).client(`SUB old.1 ${i}${"x".repeat(length)}\r\n`);
      for (let i = 0; i < 7; i++) {
        const wire = open(host, EVIL);
        for (let sid = 0; sid < 220; sid++) wire.client(`SUB old.1 ${sid}${"x".repeat(4000)}\r\n`);
      }
      host.configure(policy({ limits }));
      for (let i = 0; i < 5; i++) host.tick();
      assert.equal(honest.connection.closed, false);
      assert.equal(honest.client(pub("ok.1")), `UNSUB 1\r\n${PING}${pub("ok.1")}`);
    });

    it("is given back between connections whose subscriptions one tick judges, for which each may need some", () => {
      const limits = { memory: MEMORY };
      const subscribe = { allow: ["ok.>", "old.>"] };
      const host = configuredHost({ rule: { subscribe }, limits });
      const slow = open(host, EVIL);
      const evil: Wire[] = [];
      // Those that came first are judged first, and need half as much more as is left, and then what no larger one gets.
      for (let i = 0; i < 7; i++) {
        const wire = open(host, EVIL);
        for (let sid = 0; sid < 220; sid++) wire.client(`SUB old.1 ${sid}${"x".repeat(4000)}\r\n`);
        evil.push(wire);
      }
      for (let length = 3200; length >= 50; length /= 2)
        for (let i = 0; i < 10; i++) {
          const wire = open(host, EVIL);
          wire.client(`SUB old.1 ${i}${"x".repeat(length)}\r\n`);
          evil.push(wire);
        }
      const honest = open(host, PEER);
      honest.client("SUB old.1 1\r\nSUB ok.1 2\r\n");
      fill(host, EVIL);
      host.configure(policy({ limits }));
      // A second later all have bytes in the turn of one that takes a slice. So they come under it, and are judged by the tick.
      host.advance(1000);
      host.clockStep = 20_000_000n;
      slow.client(pub("ok.1"));
      host.clockStep = 0n;
      for (const wire of [...evil, honest]) wire.server(PONG);
      host.advance(REST);
      for (let i = 0; i < 5; i++) host.tick();
      assert.ok(evil.some(({ connection }) => connection.closed));
      assert.equal(honest.connection.closed, false);
      assert.equal(honest.client(pub("ok.1")), `UNSUB 1\r\n${PING}${pub("ok.1")}`);
    });

    it("ends a connection for which DRY_RUN would need more than is left once, in a record that names it", () => {
      const limits = { memory: MEMORY, outstandingReplies: MEMORY };
      const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
      const host = configuredHost({ rule, limits });
      const counted = open(host, PEER);
      counted.client("SUB ok.* 1\r\n");
      // The server is to be told of each of these maxima, all of which are counted here.
      for (let i = 0; i < 220; i++) {
        const sid = `${i}${"x".repeat(4000)}`;
        counted.client(`SUB ok.1 ${sid}\r\nUNSUB ${sid} 5\r\n`);
        counted.server(PONG);
      }
      for (let i = 0; i < 7; i++) hold(open(host, EVIL), MEMORY / 9);
      host.logs.length = 0;
      host.configure(policy({ mode: "DRY_RUN", rule, limits }));
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
      assert.deepEqual(
        auditOf(host).map((record) => [record["event"], record["connection_id"]]),
        [
          ["unreadable", 11],
          ["disconnected", 11],
        ],
      );
    });

    it("ends a connection for whose UNSUBs a newer policy would need more than is left, which is told of once", () => {
      const limits = { memory: MEMORY };
      const host = configuredHost({ rule: { subscribe: { allow: ["ok.>", "old.>"] } }, limits });
      const wire = open(host, PEER);
      for (let i = 0; i < 220; i++) wire.client(`SUB old.1 ${i}${"x".repeat(4000)}\r\n`);
      for (let i = 0; i < 7; i++) hold(open(host, EVIL), MEMORY / 9);
      host.configure(policy({ limits }));
      host.tick();
      assert.ok(wire.connection.closed);
      assert.equal(stat(host, "istio_nats_revoked_connections_total"), 1);
    });

    it("is given back at once by a connection that is about to close, and then by no other", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const all = Array.from({ length: 7 }, () => open(host, EVIL));
      for (const wire of all) hold(wire, MEMORY / 8.5);
      const [ending] = all;
      // nats-server has not closed it yet.
      ending!.client("?\r\n");
      hold(open(host, PEER), MEMORY / 8.5);
      assert.equal(ending!.server(PONG), "");
      host.tick();
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
      assert.deepEqual(
        all.filter(({ connection }) => connection.closed),
        [ending],
      );
    });

    it("is given back though that workload's clients do not read, which keeps Envoy from closing their connections", () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      for (let round = 0; round < 3; round++) {
        const evil = Array.from({ length: 8 }, () => open(host, EVIL));
        for (const { connection } of evil) connection.reads = false;
        for (const wire of evil) hold(wire, MEMORY / 8.5);
        for (let i = 0; i < 10; i++) host.tick();
        const held = stat(host, "istio_nats_memory_bytes");
        assert.ok(held < MEMORY * 0.9 && held > MEMORY * 0.7, `${held} bytes are held`);
        const honest = open(host, PEER);
        assert.equal(honest.client("SUB ok.1 1\r\n"), "SUB ok.1 1\r\n");
        const ended = evil.filter((wire) => wire.connection.closedByFilter);
        assert.ok(ended.length > 0);
        for (const wire of ended) {
          assert.equal(wire.client(pub("ok.1")), "");
          assert.equal(wire.server(msg("ok.1", "1", "x")), "");
        }
      }
      const live = stat(host, "istio_nats_subscriptions_active");
      assert.ok(live * LINE.length < MEMORY, `${live} subscriptions are counted as live`);
    });
  });

  it("when nearly used up, is not given back by connections whose clients have said nothing yet and cannot help it", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    // nats-server's INFO has come in two pieces.
    const silent = Array.from({ length: 10 }, () => new Wire(host));
    for (const wire of silent) assert.equal(wire.server(INFO.slice(0, 20)), "");
    const known = Array.from({ length: 9 }, () => Wire.connected(host));
    for (let sid = 0; sid < 220; sid++) for (const wire of known) wire.client(`${LINE} ${sid}\r\n`);
    host.tick();
    assert.ok(known.some(({ connection }) => connection.closed));
    for (const wire of silent) {
      assert.equal(wire.server(INFO.slice(20)), INFO);
      assert.equal(wire.client(CONNECT), CONNECT);
    }
  });
});
