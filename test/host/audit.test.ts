import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { sourceList } from "../../tools/source-constant.ts";
import { auditSchema, schemaFaults } from "../stand/audit-schema.ts";
import { configure } from "./configure.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { auditOf, configuredHost, CONNECT, hpub, INFO, msg, PEER, policy, PONG, pub, stat, Wire } from "./wire.ts";

const WHO = {
  istio_nats_audit: 1,
  source_principal: PEER,
  source_address: "10.0.0.9:5",
  connection_id: 11,
  client_id: 7,
};

function eventsOf(host: Host): unknown[] {
  return auditOf(host).map(({ event }) => event);
}

describe("an audit record", () => {
  it("records the beginning and the end of a connection, with totals", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const host = configuredHost({ rule });
    const wire = Wire.connected(host);
    wire.client("SUB ok.> 1\r\n" + pub("ok.1", "abc") + pub("no.1", "d") + "PING\r\n");
    wire.server(msg("ok.1", "1", "abcd") + msg("ok.secret", "1", "x") + PONG + PONG);
    host.advance(1234);
    wire.connection.close();
    const [first, ...rest] = auditOf(host);
    assert.deepEqual(first, { ...WHO, event: "connected" });
    assert.deepEqual(rest.at(-1), {
      ...WHO,
      event: "disconnected",
      duration_ms: 1234,
      messages_in: 1,
      bytes_in: 3,
      messages_out: 1,
      bytes_out: 4,
      refused: 2,
      would_refuse: 0,
    });
  });

  it("records at the end what would have been refused in DRY_RUN: the peer itself, operations and deliveries", () => {
    for (const [rule, would_refuse] of [
      [{ from: [{ namespaces: ["none"] }] }, 3],
      [{ subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } }, 2],
    ] as const) {
      const host = configuredHost({ mode: "DRY_RUN", rule });
      const wire = Wire.connected(host);
      wire.client("SUB ok.> 1\r\n" + pub("no"));
      wire.server(msg("ok.secret", "1"));
      wire.connection.close();
      const { event, refused, would_refuse: counted } = auditOf(host).at(-1)!;
      assert.deepEqual([event, refused, counted], ["disconnected", 0, would_refuse]);
    }
  });

  it("names the client as nats-server has numbered it, though a later INFO does not say", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.server('INFO {"server_id":"N","version":"2.15.2","headers":true,"max_payload":1048576,"ldm":true} \r\n');
    wire.connection.close();
    assert.deepEqual(
      auditOf(host).map(({ client_id }) => client_id),
      [7, 7],
    );
  });

  it("has no address where the proxy knows none, and no number of a connection that is none", () => {
    const host = configuredHost();
    const wire = new Wire(host);
    wire.connection.properties.delete("source.address");
    wire.connection.properties.set("connection.id", "eleven");
    wire.client(CONNECT);
    const { event, ...who } = auditOf(host).at(-1)!;
    assert.deepEqual([event, who], ["connected", { istio_nats_audit: 1, source_principal: PEER }]);
  });

  it("names the workload by the trust domain of the policy in force, also where stats count it as `other`", () => {
    const under = (domain: string): object => ({
      identity: "WORKLOAD",
      trustDomains: [domain],
      telemetry: { principals: 1 },
      rules: [{ name: "r", from: [{ principals: ["*"] }], publish: { allow: ["ok.>"] } }],
    });
    const properties = { "xds.node.metadata.NAMESPACE": "shop", "xds.node.metadata.SERVICE_ACCOUNT": "web" };
    const host = new Host(filterModule(), { properties });
    host.configure(under("one.example"));
    const wire = Wire.connected(host);
    for (const domain of ["two.example", "three.example"]) {
      host.configure(under(domain));
      wire.client(pub("no.1"));
      assert.equal(auditOf(host).at(-1)!["source_principal"], `spiffe://${domain}/ns/shop/sa/web`);
    }
  });

  /** An independent escaping, by `String.prototype.replace`, of what JSON needs and no more. */
  const escaped = (text: string): string =>
    text
      .replace(/["\\]/g, "\\$&")
      // eslint-disable-next-line no-control-regex -- these it is about
      .replace(/[\x00-\x1f\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

  it("escapes exactly what JSON cannot hold, at any position", () => {
    const host = configuredHost();
    const uri = 'spiffe://other/"\\';
    for (let c = 0; c <= 0x17f; c++) {
      for (const peer of [`${uri}${String.fromCharCode(c)}`, `${String.fromCharCode(c)}a`.repeat(700)]) {
        new Wire(host, peer).client(CONNECT);
        const { message } = host.logs.at(-1)!;
        host.advance(1000);
        assert.ok(message.includes(`"source_principal":"${escaped(peer)}"`), `${c}: ${message}`);
        assert.equal((JSON.parse(message) as Record<string, unknown>)["source_principal"], peer);
      }
    }
  });

  it("shows the first 2,048 characters of a peer's URI, and that there are more", () => {
    const host = configuredHost();
    for (const length of [2048, 2049, 10_000]) {
      const peer = "spiffe://other/".padEnd(length, "x");
      new Wire(host, peer).client(CONNECT);
      const shown = length === 2048 ? peer : `${peer.slice(0, 2048)}…`;
      assert.equal(auditOf(host).at(-1)!["source_principal"], shown);
    }
  });

  it("stays UTF-8 where a peer's URI is cut in the middle of a character", () => {
    const host = configuredHost();
    for (const [before, shown] of [
      [2046, "😀…"],
      [2047, "…"],
    ] as const) {
      const peer = "spiffe://other/".padEnd(before, "x");
      new Wire(host, `${peer}😀x`).client(CONNECT);
      assert.equal(auditOf(host).at(-1)!["source_principal"], peer + shown);
    }
  });

  it("quotes each byte of a client's text as nats-server does, and escapes the result", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    for (let c = 1; c < 0x80; c++) {
      if ([0x09, 0x0a, 0x0d, 0x20].includes(c)) continue;
      const name = `no.${String.fromCharCode(c)}`;
      wire.client(`SUB ${name} ${name}${name} 1\r\n`);
      const quoted = /to "(.*)" using queue "(.*)"'/.exec(wire.server(PONG))!;
      const { message } = host.logs.at(-1)!;
      assert.ok(message.includes(`"subject":"${escaped(quoted[1]!)}","queue":"${escaped(quoted[2]!)}"`), message);
      host.advance(1000);
    }
  });

  it("names a queue only of an operation that has one, whatever came before it", () => {
    for (const mode of ["ENFORCE", "DRY_RUN"] as const) {
      const host = configuredHost({ mode });
      const wire = Wire.connected(host);
      wire.client(`SUB no.a workers 1\r\n${pub("no.b")}${hpub("no.c", "NATS/1.0\r\n\r\n")}SUB no.d 2\r\n`);
      const named = auditOf(host).slice(-4);
      assert.deepEqual(
        named.map(({ subject, queue }) => [subject, queue]),
        [
          ["no.a", "workers"],
          ["no.b", undefined],
          ["no.c", undefined],
          ["no.d", undefined],
        ],
      );
    }
  });

  it("says that a connection was open for no time if the host's clock was set back meanwhile", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    host.advance(-5000);
    wire.connection.close();
    const { event, duration_ms } = auditOf(host).at(-1)!;
    assert.deepEqual([event, duration_ms], ["disconnected", 0]);
  });

  it("is written for one of every `audit.sample` allowed operations and deliveries, over all connections", () => {
    const host = configuredHost({ audit: { sample: 10, burst: 10_000 } });
    const wires = [Wire.connected(host), Wire.connected(host)];
    wires[0]!.client("SUB ok.> 1\r\n" + pub("ok.a", "xy").repeat(29));
    wires[1]!.server(msg("ok.b", "1", "abc").repeat(10));
    const sampled = auditOf(host).filter(({ event }) => event === "allowed");
    const of = { ...WHO, event: "allowed" };
    assert.deepEqual(sampled, [
      ...Array.from({ length: 3 }, () => ({ ...of, operation: "PUB", subject: "ok.a", bytes: 2, rule: "everybody" })),
      { ...of, operation: "MSG", subject: "ok.b", bytes: 3, rule: null },
    ]);
  });

  it("is written for the same ones of the shortest messages, whether they come together or one by one", () => {
    const subjects = Array.from({ length: 26 }, (_, i) => String.fromCharCode(0x61 + i));
    const picked = (sample: number, chunks: string[]): unknown[] => {
      const host = configuredHost({ rule: { publish: { allow: subjects } }, audit: { sample } });
      const wire = Wire.connected(host);
      for (const chunk of chunks) wire.client(chunk);
      return auditOf(host).flatMap(({ event, subject }) => (event === "allowed" ? [subject] : []));
    };
    const messages = subjects.map((subject) => pub(subject));
    for (const sample of [3, 12]) {
      const alone = picked(sample, messages);
      assert.ok(alone.length >= 2, String(alone));
      assert.deepEqual(picked(sample, [messages.join("")]), alone);
    }
  });

  it("names the rule that has allowed the subject of a sampled request, not one about its reply subject", () => {
    const host = configuredHost({ audit: { sample: 1, burst: 10_000 } });
    Wire.connected(host).client(hpub("ok.a", "NATS/1.0\r\n\r\n", "x", "ok.r"));
    const { subject, rule } = auditOf(host).at(-1)!;
    assert.deepEqual([subject, rule], ["ok.a", "everybody"]);
  });

  it("names the rule that would allow a sampled operation where the whole policy is in DRY_RUN", () => {
    const host = configuredHost({ mode: "DRY_RUN", audit: { sample: 1, burst: 10_000 } });
    Wire.connected(host).client("SUB ok.> 1\r\n" + pub("ok.a") + hpub("ok.b", "NATS/1.0\r\n\r\n", "x", "ok.r"));
    const sampled = auditOf(host).filter(({ event }) => event === "allowed");
    assert.deepEqual(
      sampled.map(({ subject, rule }) => [subject, rule]),
      ["ok.>", "ok.a", "ok.b"].map((subject) => [subject, "everybody"]),
    );
  });

  it("is not written as `allowed` of what a policy or a rule in DRY_RUN would refuse, but only as `would_refuse`", () => {
    const denying = { subscribe: { allow: ["ok.>"], deny: ["ok.no"] }, publish: { allow: ["ok.>"], deny: ["ok.no"] } };
    const sampling = { sample: 1, burst: 10_000 };
    const from = [{ principals: ["*"] }];
    const tried = {
      name: "tried",
      mode: "DRY_RUN",
      from,
      publish: { deny: ["ok.no"] },
      subscribe: { deny: ["ok.no"] },
    };
    const enforced = policy({ audit: sampling }) as { rules: object[] };
    for (const config of [
      policy({ mode: "DRY_RUN", rule: denying, audit: sampling }),
      { ...enforced, rules: [...enforced.rules, tried] },
    ]) {
      const host = new Host(filterModule());
      assert.ok(host.configure(config).accepted);
      const wire = Wire.connected(host);
      wire.client("SUB ok.no 1\r\nSUB ok.* 2\r\n" + pub("ok.no"));
      wire.server(msg("ok.no", "2", "x"));
      assert.deepEqual(
        auditOf(host).map(({ event, operation, subject }) => [event, operation, subject]),
        [
          ["connected", undefined, undefined],
          ["would_refuse", "SUB", "ok.no"],
          ["allowed", "SUB", "ok.*"],
          ["would_refuse", "PUB", "ok.no"],
          ["would_refuse", "MSG", "ok.no"],
        ],
      );
    }
  });

  it("is not written for allowed operations unless that is configured", () => {
    const host = configuredHost();
    Wire.connected(host).client(pub("ok.a").repeat(1000));
    assert.deepEqual(eventsOf(host), ["connected"]);
  });

  it("never contains a payload or a client's credentials", () => {
    const host = configuredHost({ audit: { sample: 1, burst: 10_000 } });
    const wire = new Wire(host);
    wire.server(INFO);
    const secrets =
      '"user":"SECRET-u","pass":"SECRET-p","auth_token":"SECRET-t","jwt":"SECRET-j","nkey":"SECRET-n","sig":"SECRET-s"';
    wire.client(`CONNECT {${secrets},"verbose":false,"headers":true}\r\n`);
    wire.client(pub("ok.a", "SECRET payload") + pub("no.a", "SECRET payload") + "SUB ok.> 1\r\n");
    wire.server(msg("ok.a", "1", "SECRET payload") + PONG + "-ERR 'SECRET'\r\n");
    wire.client("SECRET nonsense\r\n");
    wire.connection.close();
    const all = host.logs.map(({ message }) => message).join("\n");
    assert.ok(eventsOf(host).length >= 6);
    assert.doesNotMatch(all, /SECRET/);
    const state = [...wire.connection.filterState].map(([key, value]) => `${key}=${Buffer.from(value).toString()}`);
    assert.doesNotMatch(state.join("\n"), /SECRET/);
  });

  it("tells what was left out within ticks also where the host's clock is set back by an hour meanwhile", () => {
    const host = configuredHost({ audit: { burst: 1, refusalsPerSecond: 1 } });
    Wire.connected(host).client(pub("no.1").repeat(5));
    host.advance(-3_600_000);
    host.tick();
    assert.deepEqual(auditOf(host).at(-1), { istio_nats_audit: 1, event: "suppressed", suppressed: 4 });
  });

  it("is written as often as before once the host's clock was set back by an hour", () => {
    const host = configuredHost({ audit: { burst: 1, refusalsPerSecond: 1 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(2));
    host.advance(-3_600_000);
    for (let i = 0; i < 3; i++) {
      wire.client(pub("no.2"));
      host.advance(1000);
    }
    assert.equal(eventsOf(host).filter((event) => event === "refused").length, 3);
  });

  it("waits no longer where a newer policy has a smaller burst than was used up under the former one", () => {
    const host = configuredHost({ audit: { burst: 100, refusalsPerSecond: 1 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(100));
    assert.ok(host.configure(policy({ audit: { burst: 1, refusalsPerSecond: 1 } })).accepted);
    host.advance(1000);
    wire.client(pub("no.1"));
    assert.equal(eventsOf(host).filter((event) => event === "refused").length, 101);
  });

  it("is written as often as `refusalsPerSecond` says for the worker, however many policies have left a connection behind", () => {
    const host = new Host(filterModule());
    const wires = Array.from({ length: 10 }, (_, i) => {
      const config = { audit: { refusalsPerSecond: 1, burst: 5 }, limits: { subscriptions: 100 + i } };
      assert.ok(host.configure(policy(config)).accepted);
      const wire = Wire.connected(host);
      wire.client(pub("no.1").repeat(10));
      return wire;
    });
    const refused = (): number => eventsOf(host).filter((event) => event === "refused").length;
    assert.equal(refused(), 5);
    for (let second = 0; second < 10; second++) {
      host.advance(1000);
      for (const wire of wires) wire.client(pub("no.2"));
    }
    assert.equal(refused(), 15);
  });

  /** A host that has written three records of eleven connections, and three of five refusals. */
  function crowded(): Host {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 3 } });
    for (let i = 0; i < 10; i++) new Wire(host).client(CONNECT);
    Wire.connected(host).client(pub("no.a").repeat(5));
    return host;
  }

  it("is written for no more where policies with a larger and a smaller burst take turns, until time has made up for it", () => {
    const host = new Host(filterModule());
    const under = (burst: number): void => {
      assert.ok(host.configure(policy({ audit: { refusalsPerSecond: 1, burst } })).accepted);
    };
    under(4);
    const wire = Wire.connected(host);
    const refused = (): number => eventsOf(host).filter((event) => event === "refused").length;
    wire.client(pub("no.a").repeat(10));
    assert.equal(refused(), 4);
    for (const burst of [2, 4, 2, 4, 2]) {
      under(burst);
      wire.client(pub("no.a"));
    }
    assert.equal(refused(), 4);
    // The bucket has been full for long, with one of two left.
    host.advance(60_000);
    wire.client(pub("no.a"));
    under(4);
    wire.client(pub("no.a").repeat(10));
    assert.equal(refused(), 4 + 1 + 3);
  });

  it("about a connection has a rate limit of its own, so that a crowd hides no refusal", () => {
    const kinds = ["connected", "connected", "connected", "refused", "refused", "refused"];
    assert.deepEqual(eventsOf(crowded()), kinds);
  });

  it("of what is allowed uses nothing of the rate of refusals", () => {
    const host = configuredHost({ audit: { sample: 1, refusalsPerSecond: 1, burst: 3 } });
    const wire = Wire.connected(host);
    wire.client(pub("ok.a").repeat(5) + pub("no.a"));
    assert.deepEqual(eventsOf(host), ["connected", "allowed", "allowed", "refused"]);
  });

  it("tells how long a connection was open also if the record of its beginning was left out", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 1 } });
    Wire.connected(host);
    const wire = Wire.connected(host);
    host.advance(5000);
    wire.connection.close();
    const { event, duration_ms } = auditOf(host).at(-1)!;
    assert.deepEqual([event, duration_ms], ["disconnected", 5000]);
  });

  it("tells what the limits have left out, of connections and of refusals", () => {
    const host = crowded();
    host.advance(2000);
    host.tick();
    const { suppressed, suppressed_activity, event } = auditOf(host).at(-1)!;
    assert.deepEqual(
      { event, suppressed, suppressed_activity },
      { event: "suppressed", suppressed: 2, suppressed_activity: 8 },
    );
    assert.equal(stat(host, "istio_nats_audit_suppressed_total"), 10);
  });

  it("tells what was left out of connections although there is a refusal every half second", () => {
    const host = crowded();
    const wire = Wire.connected(host);
    for (let half = 0; half < 3; half++) {
      host.advance(500);
      wire.client(pub("no.a"));
      host.tick();
    }
    const told = auditOf(host).filter(({ event }) => event === "suppressed");
    assert.deepEqual(
      told.map(({ suppressed, suppressed_activity }) => [suppressed, suppressed_activity]),
      [[undefined, 9]],
    );
  });

  it("about a refusal that was left out is counted also if the plugin goes before its next tick", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 2 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.a").repeat(5));
    wire.connection.close();
    host.deleteRoot(wire.connection.root);
    const [, left] = [...host.metrics].find(([raw]) => raw.endsWith("istio_nats_audit_suppressed_total"))!;
    assert.equal(left, 3);
  });

  it("is told when the plugin's last root context goes, though the host keeps one whose configuration was refused", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 2 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.a").repeat(5));
    assert.ok(!host.configure({ rules: [] }).accepted);
    // The refused one does not follow this policy.
    const last = configure(host, policy({ audit: { refusalsPerSecond: 1, burst: 1 } }));
    wire.connection.close();
    host.deleteRoot(wire.connection.root);
    host.deleteRoot(last);
    const record = { istio_nats_audit: 1, event: "suppressed", suppressed: 3, suppressed_activity: 1 };
    assert.deepEqual(auditOf(host).at(-1), record);
    const told = [...host.metrics].filter(([raw]) => raw.endsWith("istio_nats_audit_suppressed_total"));
    assert.deepEqual(
      told.map(([, count]) => count),
      [4],
    );
  });
});

describe("docs/reference/audit.schema.json", () => {
  it("lists every event, reason, kind and operation that the filter writes, and no other event", () => {
    const source = readFileSync(inRoot("assembly", "telemetry", "audit.ts"), "utf8");
    const written = [
      ...[...source.matchAll(/begin\((?:dryRun \? "(\w+)" : )?"(\w+)"/g)].flatMap(([, dry, other]) => [dry, other!]),
      ...[...source.matchAll(/textField\("event", "(\w+)"\)/g)].map(([, event]) => event),
    ].filter((event) => event !== undefined);
    assert.deepEqual(written.sort(), [...auditSchema.properties["event"]!.enum!].sort());
    const described = auditSchema.oneOf.flatMap(({ properties: { event } }) => event.enum ?? [event.const!]);
    assert.deepEqual(described.sort(), written);
    const reasons = sourceList("policy/reason.ts", "REASON_NAMES").filter((name) => name !== "allowed");
    assert.deepEqual(auditSchema.properties["reason"]!.enum, reasons);
    const kinds = sourceList("telemetry/protocol-error.ts", "PROTOCOL_ERROR_NAMES");
    assert.deepEqual(auditSchema.properties["kind"]!.enum, kinds);
    const operations = new Set(sourceList("telemetry/operations.ts", "OPERATION_NAMES"));
    for (const operation of auditSchema.properties["operation"]!.enum!) assert.ok(operations.has(operation), operation);
  });

  it("rejects a field that it does not list, a record that lacks what its event requires, and another version", () => {
    const record = { ...WHO, event: "connected" };
    assert.equal(schemaFaults(record), "");
    assert.notEqual(schemaFaults({ ...record, payload: "x" }), "");
    assert.notEqual(schemaFaults({ ...record, event: "refused" }), "");
    assert.notEqual(schemaFaults({ ...record, istio_nats_audit: 2 }), "");
    assert.notEqual(schemaFaults({ ...record, event: "something" }), "");
  });
});
