import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Host } from "./host.ts";
import { filterModule } from "./filter.ts";
import {
  configuredHost,
  hmsg,
  hpub,
  msg,
  PING,
  policy,
  PONG,
  pub,
  publishViolation,
  stat,
  Wire,
  type Policy,
} from "./wire.ts";

const SUBJECTS = [
  { name: "admin", patterns: ["ok.*.admin.>", "ok.admin"] },
  { name: "orders", patterns: ["ok.orders.>"] },
  { name: "any", patterns: ["ok.>"] },
];

const PUB = { operation: "PUB", verdict: "allowed" };

function messages(host: Host, labels: Record<string, string>): number {
  return stat(host, "istio_nats_messages_total", labels);
}

function classed(subjects: object = SUBJECTS, more: Policy = {}): Wire {
  return Wire.connected(configuredHost({ telemetry: { subjects }, ...more }));
}

/** A policy of so many rules, each of which refuses a subject: `ok.0`, `ok.1` and so on. */
function refusing(count: number): object {
  const rules = Array.from({ length: count }, (_, i) => ({
    name: `rule-${i}`,
    from: [{ principals: ["*"] }],
    publish: { allow: ["ok.>"], deny: [`ok.${i}`] },
  }));
  return { trustDomains: ["cluster.local"], rules };
}

/** The distinct values of a label over all series. */
function valuesOf(host: Host, label: string): Set<string> {
  host.tick();
  const values = new Set<string>();
  for (const raw of host.metrics.keys()) {
    const found = new RegExp(`(?:^|;)${label}=\\.=(.*?);\\.;`).exec(raw)?.[1];
    if (found !== undefined) values.add(found);
  }
  return values;
}

describe("the class of a subject", () => {
  it("is the first in the list that matches, even if a later one is more exact", () => {
    const { host, client } = bound(classed());
    client(pub("ok.orders.admin.x") + pub("ok.orders.eu") + pub("ok.orders.eu") + pub("ok.admin") + pub("ok.z"));
    assert.equal(messages(host, { subject: "admin", ...PUB }), 2);
    assert.equal(messages(host, { subject: "orders", ...PUB }), 2);
    assert.equal(messages(host, { subject: "any", ...PUB }), 1);
    assert.equal(messages(host, { subject: "other", ...PUB }), 0);
  });

  it("is that of the refused subject, whatever was decided before it", () => {
    const subjects = [
      { name: "no", patterns: ["no.>"] },
      { name: "reserved", patterns: ["_GR_.>"] },
      { name: "heads", patterns: ["heads.>"] },
      { name: "subscribed", patterns: ["sub.>"] },
    ];
    const { host, client } = bound(classed(subjects, { limits: { headers: 64 } }));
    const traced = "NATS/1.0\r\nNats-Trace-Dest: no.a\r\n\r\n";
    const long = `NATS/1.0\r\nA: ${"x".repeat(64)}\r\n\r\n`;
    client(pub("no.a") + pub("_GR_.a") + pub("no.a") + hpub("heads.a", long) + pub("no.a") + "SUB sub.a 1\r\n");
    client(pub("no.a") + pub("no.b") + pub("_GR_.a") + hpub("heads.b", traced) + pub("x") + "SUB sub.b 1\r\n");
    const refused = (subject: string): number => stat(host, "istio_nats_refusals_total", { subject });
    assert.equal(refused("no"), 5);
    assert.equal(refused("reserved"), 2);
    assert.equal(stat(host, "istio_nats_refusals_total", { subject: "reserved", reason: "reserved" }), 2);
    assert.equal(refused("heads"), 2);
    assert.equal(refused("subscribed"), 2);
    assert.equal(refused("other"), 1);
  });

  it("is none of the list for a subject with an empty token, which no pattern matches", () => {
    const { host, client } = bound(classed());
    client(pub("ok.orders.eu..x") + pub("ok..orders.eu"));
    assert.equal(stat(host, "istio_nats_refusals_total", { subject: "other" }), 2);
  });

  it("is the same for a subject that is remembered", () => {
    const { host, client } = bound(classed());
    for (let i = 0; i < 3; i++) client(pub("ok.orders.eu", "ab") + pub("ok.admin", "abc"));
    assert.equal(stat(host, "istio_nats_bytes_total", { subject: "orders", ...PUB }), 6);
    assert.equal(stat(host, "istio_nats_bytes_total", { subject: "admin", ...PUB }), 9);
  });

  it("is `other` if none matches, and `unknown` for operations without a subject", () => {
    const { host, client } = bound(classed([{ name: "orders", patterns: ["ok.orders.*"] }]));
    client(pub("ok.orders") + pub("ok.orders.a.b") + pub("ok.orders.a") + "PING\r\nSUB ok.x 1\r\nUNSUB 1\r\n");
    assert.equal(messages(host, { subject: "other", ...PUB }), 2);
    assert.equal(messages(host, { subject: "orders", ...PUB }), 1);
    assert.equal(messages(host, { subject: "other", operation: "SUB" }), 1);
    for (const operation of ["PING", "UNSUB", "CONNECT"]) {
      assert.equal(messages(host, { subject: "unknown", operation }), 1, operation);
    }
  });

  it("is that of the subject of a delivery with headers, whether the policy is asked about it or not", () => {
    for (const deny of [[], ["ok.orders.secret"]]) {
      const { host, client, server } = bound(classed(SUBJECTS, { rule: { subscribe: { allow: ["ok.>"], deny } } }));
      client("SUB ok.> 1\r\n");
      for (const subject of ["ok.orders.eu", "ok.admin", "ok.orders.eu", "ok.z"])
        server(hmsg(subject, "1", "NATS/1.0\r\n\r\n", "p"));
      for (const [subject, count] of Object.entries({ orders: 2, admin: 1, any: 1, other: 0 }))
        assert.equal(
          messages(host, { subject, operation: "HMSG", verdict: "allowed" }),
          count,
          `${deny.length} ${subject}`,
        );
    }
  });

  it("is that of the subject of a refusal, of a delivery and of a withheld delivery", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.orders.secret"] } };
    const { host, client, server } = bound(classed([...SUBJECTS, { name: "no", patterns: ["no.>"] }], { rule }));
    client("SUB ok.> 1\r\n" + pub("no.a", "xy") + hpub("no.b", "NATS/1.0\r\n\r\n"));
    server(msg("ok.orders.eu", "1", "abc") + msg("ok.orders.secret", "1", "d") + PONG + PONG);
    const refused = { subject: "no", verdict: "refused" };
    assert.equal(messages(host, { ...refused, operation: "PUB" }), 1);
    assert.equal(messages(host, { ...refused, operation: "HPUB" }), 1);
    assert.equal(messages(host, { subject: "orders", operation: "MSG", verdict: "allowed" }), 1);
    const kept = { subject: "orders", operation: "MSG", reason: "denied", rule: "everybody" };
    assert.equal(stat(host, "istio_nats_refusals_total", kept), 1);
    const nobody = { subject: "no", operation: "PUB", reason: "not_allowed", rule: "unknown" };
    assert.equal(stat(host, "istio_nats_refusals_total", nobody), 1);
  });

  it("is also known in DRY_RUN", () => {
    const { host, client } = bound(classed(SUBJECTS, { mode: "DRY_RUN" }));
    client(pub("ok.orders.eu") + pub("no.a"));
    assert.equal(messages(host, { subject: "orders", ...PUB }), 1);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { subject: "other", rule: "unknown" }), 1);
  });

  it("follows a configuration with other classes, and earlier counts stay as they were", () => {
    const host = configuredHost({ telemetry: { subjects: SUBJECTS } });
    const first = Wire.connected(host);
    first.client(pub("ok.orders.eu"));
    const second = host.configure(policy({ telemetry: { subjects: [{ name: "eu", patterns: ["ok.*.eu"] }] } }));
    assert.ok(second.accepted);
    const other = Wire.connected(host);
    other.client(pub("ok.orders.eu"));
    first.client(pub("ok.orders.eu"));
    assert.equal(messages(host, { subject: "orders", ...PUB }), 1);
    assert.equal(messages(host, { subject: "eu", ...PUB }), 2);
  });
});

describe("the number of series", () => {
  it("stays bounded when a client sends a million subjects", () => {
    const { host, client, server } = bound(classed(SUBJECTS, { audit: { refusalsPerSecond: 1, burst: 1 } }));
    let series = 0;
    for (let i = 0; i < 1_000_000; i += 100) {
      let chunk = "";
      for (let j = i; j < i + 50; j++) chunk += pub(`ok.orders.${j}`) + pub(`no.${j}.x`);
      client(chunk);
      server(PONG.repeat(50) + msg(`ok.${i}`, "1") + msg(`ok.orders.${i}.x`, "1"));
      if (i === 10_000) {
        host.tick();
        series = host.metrics.size;
      }
    }
    host.tick();
    assert.equal(host.metrics.size, series);
    assert.ok(series < 40, `${series} series`);
    assert.equal(messages(host, { subject: "orders", ...PUB }), 500_000);
    assert.deepEqual(valuesOf(host, "subject"), new Set(["orders", "any", "other", "unknown"]));
  });

  it("of principals is bounded by `telemetry.principals`; the rest share `other`, and their connections are counted", () => {
    const host = configuredHost({ telemetry: { principals: 3 } });
    for (let i = 0; i < 10; i++) {
      const wire = new Wire(host, `spiffe://cluster.local/ns/n${i}/sa/a`);
      wire.client('CONNECT {"verbose":false}\r\n' + pub("ok.1"));
    }
    assert.equal(valuesOf(host, "source_principal").size, 4);
    assert.equal(messages(host, { source_principal: "other", ...PUB }), 7);
    assert.equal(stat(host, "istio_nats_principals_capped_total"), 7);
    assert.equal(stat(host, "istio_nats_connections_active", { source_principal: "other" }), 7);
  });

  it("of principals is bounded through all configurations, of which each has a root of its own in Envoy", () => {
    const host = configuredHost({ telemetry: { principals: 3 } });
    const connect = (name: string): Wire => {
      const wire = new Wire(host, `spiffe://cluster.local/ns/${name}/sa/a`);
      wire.client('CONNECT {"verbose":false}\r\n' + pub("ok.1"));
      return wire;
    };
    for (const name of ["a", "b", "c", "d"]) connect(name);
    const known = valuesOf(host, "source_principal");
    assert.equal(known.size, 4);
    for (let change = 0; change < 4; change++) {
      assert.ok(host.configure(policy({ rule: { name: `rule-${change}` }, telemetry: { principals: 3 } })).accepted);
      for (const name of [`x${change}`, `y${change}`, "b", "d"]) connect(name);
    }
    assert.deepEqual(valuesOf(host, "source_principal"), known);
    assert.equal(messages(host, { source_principal: "spiffe://cluster.local/ns/b/sa/a", ...PUB }), 5);
    assert.equal(messages(host, { source_principal: "other", ...PUB }), 1 + 4 * 3);
    assert.equal(stat(host, "istio_nats_principals_capped_total"), 1 + 4 * 3);

    // A larger bound lets further ones in.
    assert.ok(host.configure(policy({ telemetry: { principals: 4 } })).accepted);
    for (const name of ["e", "f"]) connect(name);
    assert.equal(valuesOf(host, "source_principal").size, 5);
  });

  it("of refusals tells the classes of all configurations apart, of which there may be more than one has", () => {
    const host = new Host(filterModule());
    for (let config = 0; config < 4; config++) {
      const subjects = Array.from({ length: 64 }, (_, i) => ({ name: `c${config}-${i}`, patterns: [`no.${i}`] }));
      assert.ok(host.configure(policy({ telemetry: { subjects } })).accepted);
    }
    // With `other` and `unknown` there are 256 at most.
    Wire.connected(host).client(pub("no.61") + pub("no.62"));
    for (const subject of ["c3-61", "other"]) {
      assert.equal(stat(host, "istio_nats_refusals_total", { subject }), 1);
      assert.equal(messages(host, { subject, verdict: "refused" }), 1);
    }
  });

  it("of refusals is at most 512 for a principal; beyond that, class and rule are `other`", () => {
    const host = new Host(filterModule());
    assert.ok(host.configure(refusing(600)).accepted);
    const wire = Wire.connected(host);
    for (let i = 0; i < 600; i++) wire.client(pub(`ok.${i}`));
    assert.equal(stat(host, "istio_nats_refusals_total", { rule: "other" }), 600 - 512);
    assert.equal(stat(host, "istio_nats_refusals_total"), 600);
    assert.equal(valuesOf(host, "rule").size, 513);
  });

  it("of refusals is that under one policy: what was refused under the one before makes room for what another one refuses", () => {
    const host = new Host(filterModule());
    assert.ok(host.configure(refusing(600)).accepted);
    const wire = Wire.connected(host);
    const refuse = (first: number, last: number): void => {
      for (let i = first; i < last; i++) wire.client(pub(`ok.${i}`));
      host.tick();
    };
    const others = (): number => stat(host, "istio_nats_refusals_total", { rule: "other" });
    refuse(0, 600);
    assert.equal(others(), 600 - 512);
    assert.ok(host.configure(refusing(1200)).accepted);
    host.tick();
    refuse(700, 1200);
    refuse(0, 12);
    assert.equal(others(), 600 - 512);
    assert.equal(stat(host, "istio_nats_refusals_total", { rule: "rule-7" }), 2);
    refuse(12, 20);
    assert.equal(others(), 600 - 512 + 8);
    assert.equal(stat(host, "istio_nats_refusals_total"), 600 + 520);
  });

  it("of rules is bounded too: beyond 8,190 that have refused something the others are `other`", () => {
    const host = new Host(filterModule());
    assert.ok(host.configure(refusing(8200)).accepted);
    // Of several principals, since each has 512 series of refusals at most.
    for (let first = 0; first < 8200; first += 410) {
      const wire = new Wire(host, `spiffe://cluster.local/ns/n${first}/sa/a`);
      const refused = Array.from({ length: 410 }, (_, i) => pub(`ok.${first + i}`));
      wire.client('CONNECT {"verbose":false}\r\n' + refused.join(""));
    }
    assert.equal(stat(host, "istio_nats_refusals_total"), 8200);
    assert.equal(stat(host, "istio_nats_refusals_total", { rule: "other" }), 10);
    assert.equal(valuesOf(host, "rule").size, 8191);
  });

  it("of all refusals is at most 16,384, over all principals", () => {
    const { host, wires } = withAllRefusals();
    const series = [...host.metrics.keys()].filter((raw) => raw.endsWith(";.;istio_nats_refusals_total"));
    assert.ok(series.length <= 16_384 + 40, `${series.length}`);
    assert.equal(stat(host, "istio_nats_refusals_total"), 40 * 500);

    // Those of a plugin that is gone leave room for others.
    for (const { connection } of wires) connection.close();
    host.deleteRoot(wires[0]!.connection.root);
    assert.ok(host.configure(refusing(500)).accepted);
    assertRoomFor(host, "rule-7", "ok.7");
  });

  it("of all refusals is that under one policy, too", () => {
    const { host } = withAllRefusals();
    assert.ok(host.configure(refusing(501)).accepted);
    host.tick();
    assertRoomFor(host, "rule-500", "ok.500");
  });
});

/** A VM with so many refusals of 40 principals that no series is left for another one. */
function withAllRefusals(): { host: Host; wires: Wire[] } {
  const host = new Host(filterModule());
  assert.ok(host.configure(refusing(500)).accepted);
  const all = Array.from({ length: 500 }, (_, i) => pub(`ok.${i}`)).join("");
  const wires = Array.from({ length: 40 }, (_, peer) => new Wire(host, `spiffe://cluster.local/ns/n${peer}/sa/a`));
  for (const wire of wires) wire.client('CONNECT {"verbose":false}\r\n' + all);
  host.tick();
  return { host, wires };
}

/** Asserts that one more refusal is counted by its rule. */
function assertRoomFor(host: Host, rule: string, subject: string): void {
  const before = stat(host, "istio_nats_refusals_total", { rule });
  Wire.connected(host).client(pub(subject));
  assert.equal(stat(host, "istio_nats_refusals_total", { rule }), before + 1);
}

/** A wire's functions, for use without the object. */
function bound(wire: Wire): { host: Host; client: Wire["client"]; server: Wire["server"] } {
  return { host: wire.host, client: wire.client.bind(wire), server: wire.server.bind(wire) };
}

it("a class of subjects does not let a remembered token such as `*q` decide a whole subject", () => {
  const publish = { allow: ["$JS.API.>"], deny: ["$JS.API.ok.*.secret.>"] };
  const subjects = [{ name: "all", patterns: ["$JS.API.ok.>"] }];
  const wire = Wire.connected(configuredHost({ rule: { publish }, telemetry: { subjects } }));
  for (let i = 0; i < 4; i++) {
    const plain = pub(`$JS.API.ok.*q.x.${i}`);
    assert.equal(wire.client(plain), plain);
  }
  for (const rest of ["*q.>", "*q.secret.>", "a.*q.>", "a.secret.b"]) {
    const refused = `$JS.API.ok.${rest}`;
    assert.equal(wire.client(pub(refused)), PING, refused);
    assert.equal(wire.server(PONG), publishViolation(refused));
  }
});
