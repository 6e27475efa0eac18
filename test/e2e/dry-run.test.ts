import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import type { Sample } from "../stand/prometheus.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { clientIdOf, linesOf } from "./frames.ts";
import { ORDERS_API, shopPolicy } from "./policy.ts";

const STRANGER = "spiffe://cluster.local/ns/shop/sa/stranger";

/** The reason for each refusal when the policy is enforced, as the stats name it. */
const REFUSED = {
  "PUB not_allowed": 1,
  "PUB denied": 2,
  "HPUB denied": 1,
  "PUB reply_not_own": 1,
  "PUB reserved": 1,
  "SUB not_allowed": 1,
  "SUB denied": 1,
  "SUB queue_over_deny": 1,
};

/** One session with everything that the policy refuses to orders-api, between operations that it allows. */
const SESSION = [
  "SUB shop.a.open 1",
  "PUB billing.a 5\r\nhello",
  "PUB shop.a.secret.x 2\r\nhi",
  "HPUB shop.a.secret.y 22 24\r\nNATS/1.0\r\nA: b c d\r\n\r\nhi",
  "PUB shop.a.open billing.replies 1\r\n?",
  "PUB _GR_.x 1\r\n!",
  "SUB billing.> 2",
  "SUB shop.a.secret.x 3",
  "SUB shop.a.> members 4",
  "SUB shop.*.* 5",
  "PUB shop.a.open 5\r\nheard",
  "UNSUB 4",
  "PUB shop.a.secret.x 0\r\n",
];

/** Bytes that no nats-server reads. */
const UNREADABLE = "PUB shop.a.open 2\r\nhi\r\nPUBLISH shop.a.open 2\r\nhi\r\n";

/** The client that a line of nats-server's trace is about, and what nats-server read from it. */
const READ = /cid:(\d+) - (?:.* - )?<<- (.*)$/;

/** What nats-server itself read from that client, in order. */
function readByServer(stand: Stand, clientId: number): string[] {
  const lines = stand.nats.log().split("\n");
  return lines.flatMap((line) => {
    const [, client, read = ""] = READ.exec(line) ?? [];
    return Number(client) === clientId ? [read] : [];
  });
}

interface Played {
  /** What the client read after INFO. */
  read: string[];
  /** What nats-server read. */
  arrived: string[];
}

async function play(stand: Stand, port: number, bytes: string): Promise<Played> {
  const client = await RawClient.connect(port);
  const info = await client.expect("INFO");
  const clientId = clientIdOf(info);
  const fields = { verbose: true, pedantic: false, headers: true, no_responders: true, protocol: 0, name: "session" };
  // One write, because nats-server's trace would show where the bytes were cut.
  await client.send(`CONNECT ${JSON.stringify(fields)}\r\n${bytes}FINI\r\n`);
  const frames = await client.untilClosed();
  const read = frames
    .filter(({ verb }) => verb !== "PING")
    .map(({ line, headers, payload }) => `${line}|${headers?.toString()}|${payload?.toString()}`);
  const gone = `cid:${clientId} - `;
  await waitFor("nats-server closes the connection", () =>
    stand.nats
      .log()
      .split("\n")
      .some((line) => line.includes(gone) && line.includes("Client connection closed")),
  );
  return { read, arrived: readByServer(stand, clientId) };
}

/** Refusals of a principal by operation and reason. */
function byReason(samples: readonly Sample[], name: string, principal: string): Record<string, number> {
  const found = samples.filter((sample) => sample.name === name && sample.labels["source_principal"] === principal);
  return Object.fromEntries(
    found.map(({ labels, value }) => [`${labels["operation"] ?? ""} ${labels["reason"] ?? ""}`, value]),
  );
}

describe("a policy in DRY_RUN", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: {
        trial: { filter: { config: { ...shopPolicy, mode: "DRY_RUN" } } },
        open: {},
        enforced: { filter: { config: shopPolicy } },
      },
      nats: { trace: true },
    });
  });

  after(() => stand.stop());

  async function portOf(principal: string, listener: string): Promise<number> {
    return (await stand.sidecar(principal, { listener })).port;
  }

  const session = SESSION.map((operation) => `${operation}\r\n`).join("");

  it("lets everything pass both ways, byte for byte", async () => {
    const wanted = await play(stand, await portOf(ORDERS_API, "open"), session);
    const seen = await play(stand, await portOf(ORDERS_API, "trial"), session);
    assert.deepEqual(seen, wanted);
    // The trace shows every operation and payload, so a missing one would be noticed.
    assert.ok(wanted.arrived.includes("[SUB billing.> 2]"));
    assert.ok(wanted.read.some((line) => line.startsWith("MSG shop.a.secret.x 3 0|")));
  });

  it("counts and audits exactly what the same policy refuses when it is enforced", async () => {
    await play(stand, await portOf(ORDERS_API, "enforced"), session);
    const counts = async (): Promise<Record<string, Record<string, number>>> => {
      const samples = await stand.envoy.samples();
      return {
        refused: byReason(samples, "istio_nats_refusals_total", ORDERS_API),
        wouldRefuse: byReason(samples, "istio_nats_dry_run_refusals_total", ORDERS_API),
      };
    };
    const sum = (of: object): number => Object.values(of).reduce((all: number, count) => all + Number(count), 0);
    // Each listener's filter has a tick of its own, on which it gives its counts to Envoy.
    const { refused, wouldRefuse } = await waitFor("the stats of both sessions", async () => {
      const now = await counts();
      return Object.values(now).every((of) => sum(of) >= sum(REFUSED)) && now;
    });
    assert.deepEqual(refused, REFUSED);
    assert.deepEqual(wouldRefuse, REFUSED);

    const records = stand.audit().filter(({ source_principal }) => source_principal === ORDERS_API);
    const told = (event: string): string[] =>
      records
        .filter((record) => record["event"] === event)
        .map(({ operation, subject, reason, rule }) => JSON.stringify({ operation, subject, reason, rule }));
    assert.deepEqual(told("would_refuse"), told("refused"));
  });

  it("delivers what a deny entry covers, and counts it", async () => {
    const listener = await RawClient.connect(await portOf(ORDERS_API, "trial"));
    await listener.handshake();
    await listener.send("SUB shop.a.> 1\r\n");
    await listener.flush();
    const operator = await RawClient.connect(stand.nats.port);
    await operator.handshake();
    await operator.send("PUB shop.a.secret.x 2\r\nhi\r\n");
    await operator.flush();
    assert.deepEqual(linesOf(await listener.flush()), ["MSG shop.a.secret.x 1 2"]);
    const labels = { source_principal: ORDERS_API, operation: "MSG", reason: "denied" };
    await stand.envoy.waitForStat("istio_nats_dry_run_refusals_total", labels, (count) => count === 1);
    const { subject, rule } = await stand.waitForAudit(({ operation }) => operation === "MSG");
    assert.deepEqual({ subject, rule }, { subject: "shop.a.secret.x", rule: "orders-api" });
    listener.close();
    operator.close();
  });

  it("lets a peer without rights connect, and counts it", async () => {
    const wanted = await play(stand, await portOf(STRANGER, "open"), session);
    const seen = await play(stand, await portOf(STRANGER, "trial"), session);
    assert.deepEqual(seen, wanted);
    const labels = { source_principal: STRANGER, operation: "CONNECT", reason: "no_rule" };
    await stand.envoy.waitForStat("istio_nats_dry_run_refusals_total", labels, (count) => count === 1);
    await stand.waitForAudit(
      ({ event, source_principal }) => event === "would_refuse_connection" && source_principal === STRANGER,
    );
  });

  it("passes a stream that it cannot read to nats-server, and counts it", async () => {
    const wanted = await play(stand, await portOf(ORDERS_API, "open"), UNREADABLE);
    const seen = await play(stand, await portOf(ORDERS_API, "trial"), UNREADABLE);
    assert.deepEqual(seen, wanted);
    assert.ok(seen.read.some((line) => line.startsWith("-ERR 'Unknown Protocol Operation'")));
    const labels = { source_principal: ORDERS_API, kind: "unknown_operation" };
    await stand.envoy.waitForStat("istio_nats_protocol_errors_total", labels, (count) => count > 0);
    await stand.waitForAudit(({ event, kind }) => event === "unreadable_passed" && kind === "unknown_operation");
  });
});

describe("a rule in DRY_RUN beside rules that are enforced", () => {
  let stand: Stand;

  before(async () => {
    const lockdown = {
      name: "lockdown",
      mode: "DRY_RUN",
      from: [{ namespaces: ["shop"] }],
      publish: { deny: ["shop.*.legacy.>"] },
    };
    const config = { ...shopPolicy, rules: [...shopPolicy.rules, lockdown] };
    stand = await Stand.start({ listeners: { mtls: { filter: { config } } } });
  });

  after(() => stand.stop());

  it("refuses nothing, and reports under its name what it would have refused", async () => {
    const client = await RawClient.connect((await stand.sidecar(ORDERS_API)).port);
    await client.handshake();
    await client.send("SUB shop.a.legacy.x 1\r\nPUB shop.a.legacy.x 2\r\nhi\r\n");
    assert.deepEqual(linesOf(await client.flush()), ["MSG shop.a.legacy.x 1 2"]);
    const labels = { source_principal: ORDERS_API, operation: "PUB", reason: "denied" };
    await stand.envoy.waitForStat("istio_nats_dry_run_refusals_total", labels, (count) => count === 1);
    assert.equal(await stand.envoy.stat("istio_nats_refusals_total"), 0);
    const { operation, subject, rule } = await stand.waitForAudit(({ event }) => event === "would_refuse");
    assert.deepEqual({ operation, subject, rule }, { operation: "PUB", subject: "shop.a.legacy.x", rule: "lockdown" });
  });

  it("does not change what the other rules refuse", async () => {
    const client = await RawClient.connect((await stand.sidecar(ORDERS_API)).port);
    await client.handshake();
    await client.send("PUB shop.a.secret.x 2\r\nhi\r\n");
    const refusal = `-ERR 'Permissions Violation for Publish to "shop.a.secret.x"'`;
    assert.deepEqual(linesOf(await client.flush()), [refusal]);
    const { rule } = await stand.waitForAudit(({ event }) => event === "refused");
    assert.equal(rule, "orders-api");
  });
});
