import { connect, jwtAuthenticator, nkeys, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { ORDERS_API } from "./policy.ts";
import { linesOf } from "./frames.ts";

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** A JWT as nats-server takes them (jwt/v2 `ClaimsData.encode`): `issuer` says about `subject` what `nats` has. */
function jwtOf(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { jti: randomUUID(), iat: now, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name: "test" };
  const encoded = [
    { typ: "JWT", alg: "ed25519-nkey" },
    { ...claims, nats: { version: 2, ...nats } },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = Buffer.from(issuer.sign(Buffer.from(encoded.join(".")))).toString("base64url");
  return [...encoded, signature].join(".");
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 };
const operator = nkeys.createOperator();
const accounts = [nkeys.createAccount(), nkeys.createAccount()] as const;
const ACCOUNT_LIMITS = { ...NO_LIMITS, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };

/** A nats-server in operator mode, which takes longer lines than it would unless configured. */
function natsConfig(): string {
  const claims = { type: "account", limits: ACCOUNT_LIMITS };
  const preload = accounts.map((account) => `${account.getPublicKey()}: "${jwtOf(operator, account, claims)}"`);
  return `max_control_line: 16384
operator: "${jwtOf(operator, operator, { type: "operator" })}"
resolver: MEMORY
resolver_preload: { ${preload.join(", ")} }
`;
}

/** Credentials of a new user of an account, whose JWT has so many permissions. */
function credentials(account: KeyPair, permissions: number): { jwt: string; seed: Uint8Array } {
  const user = nkeys.createUser();
  const allow = Array.from({ length: permissions }, (_, i) => `orders.region-${i}.>`);
  const claims = { type: "user", pub: { allow }, sub: { allow: [">"] }, ...NO_LIMITS };
  return { jwt: jwtOf(account, user, claims), seed: user.getSeed() };
}

const RULE = {
  name: "orders-api",
  from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
  publish: { allow: ["orders.*.new"] },
  subscribe: { allow: ["orders.>"] },
};
const POLICY = { mode: "ENFORCE", trustDomains: ["cluster.local"], rules: [RULE] };

describe("a client with credentials of nats-server's own, in operator mode", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: {
        alike: { filter: { config: { ...POLICY, limits: { controlLine: 16_384 } } } },
        shorter: { filter: { config: POLICY } },
      },
      nats: { config: natsConfig(), jetStream: false },
    });
  });

  after(() => stand.stop());

  async function connectWith(
    { jwt, seed }: { jwt: string; seed: Uint8Array },
    listener: string,
  ): Promise<NatsConnection> {
    const { url } = await stand.sidecar(ORDERS_API, { listener });
    return connect({ servers: url, authenticator: jwtAuthenticator(jwt, seed), reconnect: false });
  }

  it("may do what both its JWT, of 6 KB, and the policy allow, and reads the refusals of either", async () => {
    const long = credentials(accounts[0], 200);
    assert.ok(long.jwt.length > 6000, String(long.jwt.length));
    const client = await connectWith(long, "alike");
    const received = client.subscribe("orders.>", { max: 1 });
    const refusals: string[] = [];
    const listening = (async () => {
      for await (const status of client.status()) if (status.type === "error") refusals.push(status.error.message);
    })();
    for (const subject of ["orders.region-1.old", "orders.region-777.new", "orders.region-1.new"])
      client.publish(subject);
    await client.flush();
    for await (const { subject } of received) assert.equal(subject, "orders.region-1.new");
    await client.close();
    await listening;
    assert.deepEqual(refusals, [
      `Permissions Violation for Publish to "orders.region-1.old"`,
      `Permissions Violation for Publish to "orders.region-777.new"`,
    ]);
  });

  it("reads that its CONNECT is too long for `limits.controlLine`, also where nats-server would have taken it", async () => {
    await assert.rejects(() => connectWith(credentials(accounts[0], 200), "shorter"), /maximum control line exceeded/);
    await stand.waitForAudit(({ event, kind }) => event === "unreadable" && kind === "control_line");
    assert.equal(await stand.envoy.stat("istio_nats_server_errors_total", { kind: "authorization_violation" }), 0);
  });

  it("reads nothing more of its account once a further CONNECT has moved it to another one, and is judged there as before", async () => {
    const client = await RawClient.connect(stand.port("alike"), { tls: await stand.identity(ORDERS_API) });
    const { nonce } = JSON.parse((await client.expect("INFO")).line.slice("INFO".length)) as { nonce: string };
    const move = async (account: KeyPair): Promise<void> => {
      const { jwt, seed } = credentials(account, 1);
      const sig = Buffer.from(nkeys.fromSeed(seed).sign(Buffer.from(nonce))).toString("base64url");
      await client.send(`CONNECT ${JSON.stringify({ verbose: false, headers: true, protocol: 1, jwt, sig })}\r\n`);
    };
    const first = credentials(accounts[0], 1);
    const authenticator = jwtAuthenticator(first.jwt, first.seed);
    const other = await connect({ port: stand.nats.port, authenticator, reconnect: false });
    const publish = async (): Promise<string[]> => {
      other.publish("orders.region-0.new");
      await other.flush();
      return linesOf(await client.flush());
    };

    await move(accounts[0]);
    await client.send("SUB orders.> 1\r\n");
    await client.flush();
    assert.deepEqual(await publish(), ["MSG orders.region-0.new 1 0"]);
    await move(accounts[1]);
    await client.send("SUB secret.> 2\r\nPUB orders.region-0.old 0\r\n\r\n");
    assert.deepEqual(linesOf(await client.flush()), [
      `-ERR 'Permissions Violation for Subscription to "secret.>"'`,
      `-ERR 'Permissions Violation for Publish to "orders.region-0.old"'`,
    ]);
    assert.deepEqual(await publish(), []);
    client.close();
    await other.close();
  });
});
