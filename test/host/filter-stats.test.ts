import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serverErrorKinds } from "../../tools/server-errors.ts";
import { sourceConstant } from "../../tools/source-constant.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import {
  configuredHost,
  CONNECT,
  hmsg,
  hpub,
  INFO,
  msg,
  PEER,
  policy,
  PONG,
  pub,
  rawNames,
  stat,
  subscriptionViolation,
  Wire,
} from "./wire.ts";

const NODE = { "xds.node.metadata.WORKLOAD_NAME": "nats", "xds.node.metadata.NAMESPACE": "messaging" };

describe("labels of a workload", () => {
  it("are this proxy's own if it is beside nats-server, and unknown if the connection goes elsewhere", () => {
    for (const [identity, reporter, workload] of [
      ["PEER", "destination", "nats"],
      ["WORKLOAD", "source", "unknown"],
      ["WAYPOINT", "waypoint", "unknown"],
    ] as const) {
      const host = new Host(filterModule(), { properties: NODE });
      assert.ok(host.configure({ ...policy(), identity }).accepted);
      const wire = Wire.connected(host);
      wire.client(pub("ok.1"));
      const labels = { reporter, destination_workload: workload };
      assert.equal(stat(host, "istio_nats_policy_rules", labels), 1);
      assert.equal(stat(host, "istio_nats_connections_opened_total", labels), 1);
    }
  });

  it("include its service account in its namespace as the principal if the connections are its own", () => {
    const properties = { "xds.node.metadata.NAMESPACE": "shop", "xds.node.metadata.SERVICE_ACCOUNT": "api" };
    const host = new Host(filterModule(), { properties });
    assert.ok(host.configure({ ...policy(), identity: "WORKLOAD" }).accepted);
    new Wire(host, "").client(CONNECT);
    const labels = { source_principal: "spiffe://cluster.local/ns/shop/sa/api", source_workload_namespace: "shop" };
    assert.equal(stat(host, "istio_nats_connections_opened_total", labels), 1);
  });

  it("contain nothing that Istio's own label expressions match anywhere in a name", () => {
    const host = configuredHost();
    const wire = new Wire(
      host,
      "spiffe://cluster.local/ns/cache.a.cache.b/sa/my-tag.c.component.d.wasm_filter.e.rbac.f",
    );
    wire.client(CONNECT);
    for (const raw of rawNames(host))
      assert.doesNotMatch(raw, /(cache|component|tag|wasm_filter)\.(.+?)\.|rbac\./, raw);
  });

  it("stay UTF-8 where they are cut in the middle of a character", () => {
    const host = configuredHost();
    const peer = "spiffe://cluster.local/ns/a/sa/".padEnd(511, "x");
    new Wire(host, `${peer}😀`).client(CONNECT);
    assert.equal(stat(host, "istio_nats_connections_active", { source_principal: peer }), 1);
    for (const raw of rawNames(host)) assert.doesNotMatch(raw, /\ufffd/, raw);
  });
});

describe("messages and their bytes", () => {
  it("are counted for each operation and verdict, whether a message comes alone, among others or cut in two", () => {
    const rule = {
      publish: { allow: ["ok.>"] },
      subscribe: { allow: ["ok.>"], deny: ["ok.secret"] },
    };
    const host = configuredHost({ rule });
    const wire = Wire.connected(host);
    const counts = (operation: string, verdict: string): number[] =>
      ["messages", "bytes"].map((what) => stat(host, `istio_nats_${what}_total`, { operation, verdict }));
    const headers = "NATS/1.0\r\nA: b\r\n\r\n";
    const size = headers.length + 3;
    wire.client("SUB ok.* 1\r\n");
    /** One operation alone, three together, and one cut inside its line and inside its payload. */
    const play = (take: (text: string) => string, operation: string): void => {
      take(operation);
      take(operation.repeat(3));
      for (const at of [6, operation.length - 4]) {
        take(operation.slice(0, at));
        take(operation.slice(at));
      }
    };
    const client = (text: string): string => wire.client(text);
    const server = (text: string): string => wire.server(text);
    play(client, pub("ok.1", "abc"));
    assert.deepEqual(counts("PUB", "allowed"), [6, 18]);
    play(client, pub("no.1", "abc"));
    assert.deepEqual(counts("PUB", "refused"), [6, 18]);
    play(client, hpub("ok.1", headers, "abc"));
    assert.deepEqual(counts("HPUB", "allowed"), [6, 6 * size]);
    play(client, hpub("no.1", headers, "abc"));
    assert.deepEqual(counts("HPUB", "refused"), [6, 6 * size]);
    play(server, msg("ok.1", "1", "abc"));
    assert.deepEqual(counts("MSG", "allowed"), [6, 18]);
    play(server, msg("ok.secret", "1", "abc"));
    assert.deepEqual(counts("MSG", "refused"), [6, 18]);
    play(server, hmsg("ok.1", "1", headers, "abc"));
    assert.deepEqual(counts("HMSG", "allowed"), [6, 6 * size]);
    play(server, hmsg("ok.secret", "1", headers, "abc"));
    assert.deepEqual(counts("HMSG", "refused"), [6, 6 * size]);
    assert.equal(stat(host, "istio_nats_refusals_total"), 24);
  });

  it("are counted by their own sizes, wherever in their lines these begin to differ", () => {
    for (let length = 10; length < 40; length++) {
      const host = configuredHost();
      const wire = Wire.connected(host);
      wire.client("SUB ok.> 1\r\n");
      const subject = `ok.${"x".repeat(length)}`;
      const sizes = [1000, 1000, 1001, 2001, 1000, 999, 10_000];
      const messages = sizes.map((size) => msg(subject, "1", "x".repeat(size))).join("");
      assert.equal(wire.server(messages), messages);
      const bytes = sizes.reduce((sum, size) => sum + size);
      assert.equal(stat(host, "istio_nats_bytes_total", { operation: "MSG" }), bytes, `${length}`);
    }
  });
});

describe("refusals", () => {
  it("are counted by the rule that decided each, whichever has decided the one before", () => {
    const from = [{ principals: ["*"] }];
    const host = new Host(filterModule());
    const rules = [
      { name: "one", from, publish: { allow: ["ok.>"], deny: ["ok.1"] } },
      { name: "two", from, publish: { deny: ["ok.2"] }, subscribe: { allow: ["ok.>"], deny: ["ok.2"] } },
    ];
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules }).accepted);
    const wire = Wire.connected(host);
    const headers = "NATS/1.0\r\n\r\n";
    for (const subject of ["ok.1", "ok.2", "no", "ok.2"]) wire.client(pub(subject) + hpub(subject, headers));
    wire.client("SUB ok.2 1\r\n");
    const counted = ["one", "two", "unknown"].map((rule) => stat(host, "istio_nats_refusals_total", { rule }));
    assert.deepEqual(counted, [2, 5, 2]);
  });

  it("have bytes where they have a payload, and none of the operation before them", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(`${hpub("no.a", "NATS/1.0\r\n\r\n", "payload")}SUB no.b 1\r\n`);
    const bytes = (operation: string): number =>
      stat(host, "istio_nats_bytes_total", { operation, verdict: "refused" });
    assert.deepEqual([bytes("HPUB"), bytes("SUB")], [19, 0]);
  });
});

describe("connections to a nats-server with which the filter is not tested", () => {
  it("are counted once each, whether the client waits for the INFO or not", () => {
    const host = configuredHost();
    const untested = (labels = {}): number => stat(host, "istio_nats_untested_servers_total", labels);
    const other = INFO.replace("2.15.2", "2.99.0");
    Wire.connected(host);
    assert.equal(untested(), 0);
    const early = Wire.connected(host, { info: other });
    assert.equal(untested({ source_principal: PEER }), 1);
    early.server(other);
    assert.equal(untested(), 1);
    const hasty = new Wire(host);
    hasty.client(CONNECT);
    hasty.server(other);
    hasty.server(other);
    assert.equal(untested({ source_principal: PEER }), 2);
    assert.equal(untested(), 2);
  });

  it("are told of in the log once for each version, and for at most 16 versions", () => {
    const host = configuredHost();
    for (let minor = 0; minor < 20; minor++) {
      for (let i = 0; i < 2; i++) Wire.connected(host, { info: INFO.replace("2.15.2", `2.9${minor}.0`) });
    }
    // Nor once more under another policy.
    assert.ok(host.configure(policy({ limits: { subscriptions: 100 } })).accepted);
    Wire.connected(host, { info: INFO.replace("2.15.2", "2.90.0") });
    const told = host.logs.map(
      ({ message }) => /has not been tested with nats-server "2\.9(\d+)\.0", only/.exec(message)?.[1],
    );
    assert.deepEqual(
      told.filter((minor) => minor !== undefined),
      Array.from({ length: 16 }, (_, minor) => String(minor)),
    );
  });

  it("are told of together with the versions with which it is", () => {
    const host = configuredHost();
    Wire.connected(host, { info: INFO.replace("2.15.2", "2.16.0") });
    const [first, last] = ["FIRST", "LAST"].map((which) => sourceConstant("nats/info.ts", `${which}_TESTED_MINOR`));
    const told = `istio-nats has not been tested with nats-server "2.16.0", only with 2.${first} to 2.${last}: `;
    assert.equal(host.logs.filter(({ message }) => message.startsWith(told)).length, 1);
  });
});

describe("gauges", () => {
  it("of connections and subscriptions rise and fall with them, and end at 0", () => {
    const host = configuredHost();
    const active = (): number => stat(host, "istio_nats_connections_active");
    const subscribed = (): number => stat(host, "istio_nats_subscriptions_active");
    const wires = Array.from({ length: 5 }, () => Wire.connected(host));
    for (const wire of wires) wire.client("SUB ok.1 1\r\nSUB ok.2 2\r\n");
    assert.deepEqual([active(), subscribed()], [5, 10]);
    wires[0]!.client("UNSUB 1\r\n");
    wires[1]!.client(CONNECT);
    assert.deepEqual([active(), subscribed()], [5, 7]);
    for (const wire of wires) wire.connection.close();
    assert.deepEqual([active(), subscribed()], [0, 0]);
  });

  it("of subscriptions count one that nats-server itself has refused, until the client ends it", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("SUB ok.1 1\r\n");
    wire.server(subscriptionViolation("ok.1"));
    assert.equal(stat(host, "istio_nats_subscriptions_active"), 1);
    wire.client("UNSUB 1\r\n");
    assert.equal(stat(host, "istio_nats_subscriptions_active"), 0);
  });

  it("of connections and subscriptions go along with a connection that a newer policy takes for another principal", () => {
    const other = "spiffe://cluster.local/ns/shop/sa/other";
    const rules = [{ name: "r", from: [{ principals: ["*"] }], subscribe: { allow: ["ok.>"] } }];
    const host = new Host(filterModule());
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules }).accepted);
    const wire = Wire.connected(host);
    wire.connection.properties.set("filter_state.io.istio.peer_principal", other);
    wire.client("SUB ok.1 1\r\nSUB ok.2 2\r\n");
    const gauges = (source_principal: string): number[] =>
      ["connections", "subscriptions"].map((what) => stat(host, `istio_nats_${what}_active`, { source_principal }));
    assert.deepEqual([gauges(PEER), gauges(other)].flat(), [1, 2, 0, 0]);
    assert.ok(host.configure({ trustDomains: ["cluster.local"], identity: "WAYPOINT", rules }).accepted);
    host.tick();
    assert.deepEqual([gauges(PEER), gauges(other)].flat(), [0, 0, 1, 2]);
  });

  it("of the policy, of memory and of connections go to another reporter with a plugin whose newer policy makes it one", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.connection.properties.set("filter_state.io.istio.peer_principal", PEER);
    wire.client("SUB ok.1 1\r\n");
    const GAUGES = ["policy_info", "policy_rules", "memory_bytes", "connections_active", "subscriptions_active"];
    const gauges = (reporter: string): number[] => GAUGES.map((what) => stat(host, `istio_nats_${what}`, { reporter }));
    const told = gauges("destination");
    assert.ok(told.every((value) => value > 0));
    assert.ok(host.configure({ ...policy(), identity: "WAYPOINT" }).accepted);
    host.tick();
    assert.deepEqual(gauges("destination"), [0, 0, 0, 0, 0]);
    assert.deepEqual(gauges("waypoint"), told);
  });

  it("add up over the workers of a proxy, because each worker reports only its changes", () => {
    const [one, two] = [configuredHost(), configuredHost()];
    Wire.connected(one);
    Wire.connected(two);
    const calls = (host: Host): number => host.counts["proxy_record_metric"]!;
    assert.equal(stat(one, "istio_nats_connections_active") + stat(two, "istio_nats_connections_active"), 2);
    // Only values that all workers share are set instead of added: the policy and its number of rules.
    assert.equal(calls(one), 2);
    assert.equal(calls(two), 2);
  });

  it("of memory fall when a plugin that has reported its memory goes, while another plugin of the VM continues", () => {
    const host = configuredHost();
    const first = Wire.connected(host);
    first.client("SUB ok.1 1\r\nPUB ok.1 5\r\nab");
    assert.ok(stat(host, "istio_nats_memory_bytes") > 0);
    first.connection.close();
    const root = first.connection.root;
    assert.ok(host.configure(policy()).accepted);
    host.deleteRoot(root);
    const second = Wire.connected(host);
    second.client("SUB ok.1 1\r\n");
    const told = stat(host, "istio_nats_memory_bytes");
    const alone = configuredHost();
    Wire.connected(alone).client("SUB ok.1 1\r\n");
    assert.equal(told, stat(alone, "istio_nats_memory_bytes"));
    second.connection.close();
    assert.ok(stat(host, "istio_nats_memory_bytes") < told);
  });
});

describe("what connections count", () => {
  it("is told to the host once, however many ticks follow", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    let defined: number | undefined;
    for (let refused = 1; refused <= 3; refused++) {
      wire.client(pub("no.1"));
      assert.equal(stat(host, "istio_nats_refusals_total"), refused);
      // Envoy compares each name that it is given with all of Istio's expressions.
      assert.equal(host.counts["proxy_define_metric"], (defined ??= host.counts["proxy_define_metric"]));
    }
  });

  it("continues if the host drops a plugin before its connections, which Envoy never does", () => {
    const host = configuredHost();
    const [first, last] = [Wire.connected(host), Wire.connected(host)];
    assert.ok(host.configure(policy()).accepted);
    host.deleteRoot(last.connection.root);
    first.connection.close();
    // The memory that the plugin gave back would go to these.
    const wires = [last, ...Array.from({ length: 50 }, () => Wire.connected(host))];
    const ROUNDS = 20;
    for (let round = 0; round < ROUNDS; round++) {
      for (const each of wires) each.client(pub("ok.1", "x") + pub("no.1"));
      host.tick();
    }
    for (const each of wires) each.connection.close();
    for (const verdict of ["allowed", "refused"]) {
      assert.equal(stat(host, "istio_nats_messages_total", { operation: "PUB", verdict }), wires.length * ROUNDS);
    }
    assert.equal(stat(host, "istio_nats_connections_closed_total"), 1 + wires.length);
  });
});

describe("what is reported about the policy", () => {
  it("begins at 0 for what is counted, before any of it has happened", () => {
    const host = configuredHost();
    for (const event of [
      "policy_rejected",
      "policy_changes",
      "revoked_connections",
      "revoked_subscriptions",
      "principals_capped",
      "audit_suppressed",
    ]) {
      const series = [...host.metrics].filter(([raw]) => raw.endsWith(`;.;istio_nats_${event}_total`));
      assert.deepEqual(
        series.map(([, value]) => value),
        [0],
        event,
      );
    }
  });

  it("counts a configuration that was refused", () => {
    const host = configuredHost();
    assert.ok(!host.configure({ rules: [] }).accepted);
    assert.equal(stat(host, "istio_nats_policy_rejected_total", { reporter: "destination" }), 1);
  });

  it("counts one whose identity is no word that is known with those of the workload", () => {
    const host = configuredHost({}, { properties: NODE });
    assert.ok(!host.configure({ ...policy(), identity: "peer" }).accepted);
    const labels = { reporter: "destination", destination_workload: "nats" };
    assert.equal(stat(host, "istio_nats_policy_rejected_total", labels), 1);
  });
});

describe("errors of nats-server itself", () => {
  it("are counted by what they say", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const texts: [text: string, kind: string][] = [
      ["'Permissions Violation for Publish to \"x\"'", "permissions_violation"],
      ["'Authorization Violation'", "authorization_violation"],
      ["'Authentication Timeout'", "authentication_timeout"],
      ["'User Authentication Expired'", "authentication_expired"],
      ["'Account Authentication Expired'", "authentication_expired"],
      ["'User Authentication Revoked'", "authentication_revoked"],
      ["'Unknown Protocol Operation'", "unknown_operation"],
      ["'maximum control line exceeded'", "control_line"],
      ["'Maximum Payload Violation'", "payload"],
      ["'maximum subscriptions exceeded'", "subscriptions"],
      ["'maximum connections exceeded'", "connections"],
      ["'maximum account active connections exceeded'", "connections"],
      ["'Stale Connection'", "stale_connection"],
      ["'Slow Consumer'", "slow_consumer"],
      ["'Secure Connection - TLS Required'", "tls_required"],
      ["'Connection throttling is active. Please try again later.'", "throttled"],
      ["'Invalid Subject'", "invalid_subject"],
      ["'Invalid Publish Subject'", "invalid_subject"],
      ["'invalid client protocol'", "invalid_client"],
      ["'no responders requires headers support'", "invalid_client"],
      ["'Something New'", "other"],
      ["", "other"],
    ];
    const expected = new Map<string, number>();
    for (const [text, kind] of texts) {
      const line = `-ERR ${text}\r\n`;
      assert.equal(wire.server(line), line);
      expected.set(kind, (expected.get(kind) ?? 0) + 1);
    }
    for (const [kind, count] of expected)
      assert.equal(stat(host, "istio_nats_server_errors_total", { kind }), count, kind);
  });

  it("are counted under the kind that docs/reference/telemetry.md lists for their text", () => {
    for (const { name: kind, texts } of serverErrorKinds()) {
      const host = configuredHost();
      const wire = Wire.connected(host);
      for (const text of texts.length > 0 ? texts : ["Anything Else"]) wire.server(`-ERR '${text}'\r\n`);
      assert.equal(stat(host, "istio_nats_server_errors_total", { kind }), Math.max(texts.length, 1), kind);
    }
  });

  it("are counted under the principal `unknown` where nats-server says them before the client has sent anything", () => {
    const host = configuredHost();
    const wire = new Wire(host);
    const line = "-ERR 'maximum connections exceeded'\r\n";
    assert.equal(wire.server(INFO + line), INFO + line);
    wire.connection.close("server");
    const labels = { kind: "connections", source_principal: "unknown", source_workload_namespace: "unknown" };
    assert.equal(stat(host, "istio_nats_server_errors_total", labels), 1);
    assert.equal(stat(host, "istio_nats_connections_opened_total"), 0);
    assert.equal(stat(host, "istio_nats_connections_active"), 0);
  });

  it("do not include the ones that the filter writes in nats-server's words", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(pub("no.1"));
    assert.match(wire.server(PONG), /^-ERR/);
    assert.equal(stat(host, "istio_nats_server_errors_total"), 0);
  });
});
