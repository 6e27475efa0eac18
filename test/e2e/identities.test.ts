import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AuditRecord } from "../stand/audit.ts";
import { RawClient } from "../stand/raw-client.ts";
import type { ListenerSpec } from "../stand/server-proxy.ts";
import { Stand } from "../stand/stand.ts";
import { NatsJs } from "./clients/nats-js.ts";
import { clientIdOf, linesOf } from "./frames.ts";
import { ORDERS_API } from "./policy.ts";
import { failureOf } from "./scenarios/stage.ts";
import { settled } from "../stand/settled.ts";

const STRANGER = "spiffe://cluster.local/ns/shop/sa/stranger";
const PARTNER = "spiffe://partner.example/ns/shop/sa/orders-api";

/** The stand's waypoint gives a client its address as the service account. */
const KNOWN_ADDRESS = "127.1.0.1";
const OTHER_ADDRESS = "127.1.0.2";

type IdentitySource = "PEER" | "WAYPOINT" | "WORKLOAD";

function policy(identity: IdentitySource): object {
  const principals = ["cluster.local/ns/shop/sa/orders-api", `cluster.local/ns/clients/sa/${KNOWN_ADDRESS}`];
  return {
    identity,
    trustDomains: ["cluster.local"],
    rules: [
      { name: "known", from: [{ principals }], publish: { allow: ["shop.>"] }, subscribe: { allow: ["shop.>"] } },
    ],
  };
}

const notOnly = {
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "anyone-but-audit",
      from: [{ notNamespaces: ["audit"] }],
      publish: { allow: ["shop.>"] },
      subscribe: { allow: ["shop.>"] },
    },
  ],
};

function listener(mode: ListenerSpec["mode"], identity: IdentitySource): ListenerSpec {
  return { mode, filter: { config: policy(identity) } };
}

/** A peer, and how it connects. */
interface Peer {
  listener: string;
  /** If given, its sidecar shows this certificate. Otherwise it sends plain bytes straight to the listener. */
  certificate?: string;
  localAddress?: string;
}

interface RefusedPeer extends Peer {
  /** Its name in stats and audit. */
  principal: string;
  reason: "unauthenticated" | "no_rule";
  /** Plain bytes to a PERMISSIVE listener: Envoy waits for the first of them, so nats-server's INFO comes after them. */
  speaksFirst?: boolean;
}

/** A refused peer reads INFO, then nats-server's text, then the end. Stats and audit report it once. */
async function assertRefused(stand: Stand, peer: RefusedPeer): Promise<void> {
  const labels = { source_principal: peer.principal, operation: "CONNECT", reason: peer.reason };
  const counted = await stand.envoy.stat("istio_nats_refusals_total", labels);
  const records = stand.refusals().length;

  const client = await connect(stand, peer);
  const early = peer.speaksFirst ? undefined : await client.expect("INFO");
  await client.send('CONNECT {"verbose":false,"name":"a-peer-without-rights"}\r\nPUB shop.a 2\r\nhi\r\nPING\r\n');
  const info = early ?? (await client.expect("INFO"));
  assert.deepEqual(linesOf(await client.untilClosed()), ["-ERR 'Authorization Violation'"]);

  await stand.envoy.waitForStat("istio_nats_refusals_total", labels, (count) => count === counted + 1);
  const added = stand.refusals().slice(records);
  assert.equal(added.length, 1);
  const clientId = clientIdOf(info);
  const record = added[0]!;
  // nats-server's number for the connection is known once its INFO has passed, which here races with the client's bytes.
  if (peer.speaksFirst) record["client_id"] ??= clientId;
  assertRecord(record, peer, clientId);
  // docs/how-to/troubleshoot.md says by which of nats-server's words its operator knows that this was the filter.
  const [line = ""] = new RegExp(`cid:${clientId} - .*ERROR.*`).exec(stand.nats.log()) ?? [];
  assert.match(line, /Client parser ERROR, .*: proto='"\?/);
}

function assertRecord(record: AuditRecord, { principal, reason }: RefusedPeer, clientId: number): void {
  const { event, source_principal, source_address, connection_id, client_id, remedy } = record;
  assert.deepEqual(
    { event, source_principal, reason: record["reason"], client_id },
    { event: "connection_refused", source_principal: principal, reason, client_id: clientId },
  );
  assert.match(String(source_address), /^127\.\d+\.\d+\.\d+:\d+$/);
  assert.ok(Number.isSafeInteger(connection_id));
  assert.equal(typeof remedy, "string");
}

async function connect(stand: Stand, { listener, certificate, localAddress }: Peer): Promise<RawClient> {
  if (certificate === undefined) return RawClient.connect(stand.port(listener), { localAddress });
  const sidecar = await stand.sidecar(certificate, { listener });
  return RawClient.connect(sidecar.port);
}

/** An admitted peer publishes to itself. */
async function assertAdmitted(stand: Stand, peer: Peer): Promise<void> {
  const client = await connect(stand, peer);
  await client.send('CONNECT {"verbose":false}\r\nSUB shop.a 1\r\nPUB shop.a 2\r\nhi\r\n');
  assert.deepEqual(linesOf(await client.flush()), ["MSG shop.a 1 2"]);
  client.close();
}

describe("the filter with a source of identity", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: {
        peer: listener("STRICT", "PEER"),
        permissive: listener("PERMISSIVE", "PEER"),
        peerAtWaypoint: listener("WAYPOINT", "PEER"),
        waypoint: listener("WAYPOINT", "WAYPOINT"),
        waypointAtMtls: listener("STRICT", "WAYPOINT"),
        waypointAtPlain: listener("DISABLE", "WAYPOINT"),
        workload: listener("DISABLE", "WORKLOAD"),
        notOnly: { mode: "PERMISSIVE", filter: { config: notOnly } },
      },
      nats: { trace: true },
      // The policy knows the workload beside this proxy. Nobody else may be taken for it.
      serverProxy: { metadata: { NAMESPACE: "shop", SERVICE_ACCOUNT: "orders-api" } },
    });
  });

  after(() => stand.stop());

  const refused: readonly (RefusedPeer & { title: string })[] = [
    {
      title: "PEER: a client without TLS",
      listener: "permissive",
      speaksFirst: true,
      principal: "unknown",
      reason: "unauthenticated",
    },
    {
      title: "PEER: a certificate of a foreign trust domain, though the mesh's root signed it",
      listener: "peer",
      certificate: PARTNER,
      principal: PARTNER,
      reason: "unauthenticated",
    },
    {
      title: "PEER: a principal that no rule names",
      listener: "peer",
      certificate: STRANGER,
      principal: STRANGER,
      reason: "no_rule",
    },
    {
      title: "PEER: a client whose principal only a waypoint knows",
      listener: "peerAtWaypoint",
      localAddress: KNOWN_ADDRESS,
      principal: "unknown",
      reason: "unauthenticated",
    },
    {
      title: "WAYPOINT: a principal that no rule names",
      listener: "waypoint",
      localAddress: OTHER_ADDRESS,
      principal: `spiffe://cluster.local/ns/clients/sa/${OTHER_ADDRESS}`,
      reason: "no_rule",
    },
    {
      title: "WAYPOINT: a client that only has a certificate",
      listener: "waypointAtMtls",
      certificate: ORDERS_API,
      principal: "unknown",
      reason: "unauthenticated",
    },
    {
      title: "WAYPOINT: a client about which nothing is known",
      listener: "waypointAtPlain",
      principal: "unknown",
      reason: "unauthenticated",
    },
    {
      title: "a rule of not… fields alone: a client without TLS",
      listener: "notOnly",
      speaksFirst: true,
      principal: "unknown",
      reason: "unauthenticated",
    },
    {
      title: "a rule of not… fields alone: a certificate of a foreign trust domain",
      listener: "notOnly",
      certificate: PARTNER,
      principal: PARTNER,
      reason: "unauthenticated",
    },
    {
      title: "a rule of not… fields alone: a client that it excludes",
      listener: "notOnly",
      certificate: "spiffe://cluster.local/ns/audit/sa/reader",
      principal: "spiffe://cluster.local/ns/audit/sa/reader",
      reason: "no_rule",
    },
  ];
  for (const peer of refused) {
    it(`refuses ${peer.title}, counts it and writes an audit record`, () => assertRefused(stand, peer));
  }

  const admitted: readonly (Peer & { title: string })[] = [
    { title: "PEER: the principal of a certificate", listener: "peer", certificate: ORDERS_API },
    { title: "WAYPOINT: the principal in filter state", listener: "waypoint", localAddress: KNOWN_ADDRESS },
    { title: "WORKLOAD: the workload beside the proxy", listener: "workload" },
    { title: "a rule of not… fields alone: an authenticated client", listener: "notOnly", certificate: STRANGER },
  ];
  for (const peer of admitted) {
    it(`admits ${peer.title}`, () => assertAdmitted(stand, peer));
  }

  it("sends nats-server nothing of what a refused peer sent", () => {
    const log = stand.nats.log();
    // The trace shows what an admitted peer sent, so it would also show this.
    assert.match(log, /<<- \[PUB shop\.a 2\]/);
    assert.doesNotMatch(log, /a-peer-without-rights/);
    assert.equal(log.match(/<<- \[PUB shop\.a 2\]/g)?.length, admitted.length);
  });

  it("reports the refusal to a real client in its own error", async () => {
    const { url } = await stand.sidecar(STRANGER, { listener: "peer" });
    assert.match((await failureOf(() => new NatsJs().connect({ url }))) ?? "", /authorization violation/i);
  });

  it("shows INFO to a client that has sent nothing, before and after its handshake with mTLS", async () => {
    const behindSidecar = await connect(stand, { listener: "peer", certificate: ORDERS_API });
    await behindSidecar.expect("INFO");
    const tls = await stand.identity(ORDERS_API);
    const speaksTls = await RawClient.connect(stand.port("peer"), { tls });
    await speaksTls.expect("INFO");
    behindSidecar.close();
    speaksTls.close();
  });

  it("never sees a peer of an authority that the mesh does not know: Envoy ends the handshake", async () => {
    const opened = await settled(() => stand.envoy.stat("istio_nats_connections_opened_total"));
    const failures = await stand.envoy.stat("envoy_listener_ssl_fail_verify_error");
    const sidecar = await stand.sidecar(await stand.wrongIdentity(ORDERS_API), { listener: "peer" });
    const client = await RawClient.connect(sidecar.port);
    await client.send("CONNECT {}\r\nPING\r\n").catch(() => undefined);
    assert.deepEqual(await client.untilClosed(), []);
    await stand.envoy.waitForStat("envoy_listener_ssl_fail_verify_error", {}, (count) => count === failures + 1);
    // The count of a later connection has arrived, so this one's would have arrived too.
    await assertAdmitted(stand, { listener: "peer", certificate: ORDERS_API });
    await stand.envoy.waitForStat("istio_nats_connections_opened_total", {}, (count) => count > opened);
    assert.equal(await stand.envoy.stat("istio_nats_connections_opened_total"), opened + 1);
  });
});

describe("identity WORKLOAD, in a proxy that does not know its own workload", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: listener("STRICT", "WORKLOAD"), waypoint: listener("WAYPOINT", "WORKLOAD") },
    });
  });

  after(() => stand.stop());

  it("is not taken from the peer's certificate instead", () =>
    assertRefused(stand, {
      listener: "mtls",
      certificate: ORDERS_API,
      principal: "unknown",
      reason: "unauthenticated",
    }));

  it("is not taken from a waypoint's principal instead", () =>
    assertRefused(stand, {
      listener: "waypoint",
      localAddress: KNOWN_ADDRESS,
      principal: "unknown",
      reason: "unauthenticated",
    }));
});
