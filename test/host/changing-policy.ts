import assert from "node:assert/strict";
import { filterModule } from "./filter.ts";
import { fnv1a } from "./fnv.ts";
import { Host, SharedData } from "./host.ts";
import { CONNECT, PING, PONG, pub, publishViolation, Wire } from "./wire.ts";

/** What the tests of a policy that changes share: policies, hosts under them, what is published, and what ends by it. */

/** Milliseconds between a worker's ticks, and while it has work left that it does in slices. */
export const TICK = 500;
export const HURRIED = 10;

export const OTHER_PEER = "spiffe://cluster.local/ns/shop/sa/other";

/** A policy that allows everybody to publish below that token. */
export function only(token: string, more: object = {}): object {
  return policyOf({ publish: { allow: [`${token}.>`] }, subscribe: { allow: ["_INBOX.>"] } }, more);
}

/** A policy with these permissions for everybody. */
export function policyOf(permissions: object, more: object = {}): object {
  const rule = { name: "everybody", from: [{ principals: ["*"] }], ...permissions };
  return { trustDomains: ["cluster.local"], rules: [rule], ...more };
}

/** A VM of the proxy that has this shared data. */
export function vm(shared = new SharedData(), properties = {}): Host {
  return new Host(filterModule(), { shared, properties });
}

/** A tick of each host. */
export function tick(...hosts: Host[]): void {
  for (const host of hosts) {
    host.advance(TICK);
    host.tick();
  }
}

/** The host with a connection under that policy. */
export function connected(config: object, connect = CONNECT): { host: Host; wire: Wire } {
  const host = vm();
  assert.ok(host.configure(config).accepted);
  return { host, wire: Wire.connected(host, { connect }) };
}

/** Does the connection forward a publish to `token.x`? What is refused has its text told. */
export function allows(wire: Wire, token: string): boolean {
  const forwarded = wire.client(pub(`${token}.x`));
  if (forwarded === pub(`${token}.x`)) return true;
  assert.equal(forwarded, PING);
  assert.equal(wire.server(PONG), publishViolation(`${token}.x`));
  return false;
}

/** The connection may publish below the one token and below none of the others. */
export function assertOnly(wire: Wire, token: string, others: string[], what = ""): void {
  assert.ok(allows(wire, token), `${what} ${token}`);
  for (const other of others) assert.ok(!allows(wire, other), `${what} not ${other}`);
}

/** Under which the policy in force lies in shared data, and what tells of a change of it. */
export const KEY = "istio-nats/policy/istio-nats/";

export const CHANGE_KEY = "istio-nats/change/istio-nats/";

/** The text as a module publishes it (policy/envelope.ts), or what is none in one respect. */
export function envelope(
  text: string,
  { magic = "inatspol", version = 1, length = text.length, hash = fnv1a(text) } = {},
): Buffer {
  const head = Buffer.alloc(40);
  head.write(magic, "latin1");
  head.writeUInt32LE(version, 8);
  head.writeUInt32LE(0, 12);
  head.writeBigUInt64LE(99n, 16);
  head.writeBigUInt64LE(hash, 24);
  head.writeBigUInt64LE(BigInt(length), 32);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** The text about a subscription that a reload of nats-server has ended (client.go `processSubsOnConfigReload`). */
export function ended(subject: string, sid: string, queue?: string): string {
  const using = queue === undefined ? "" : ` using queue "${queue}"`;
  return `-ERR 'Permissions Violation for Subscription to "${subject}"${using} (sid "${sid}")'\r\n`;
}

/** How the server hears of it: the PONG for the PING shows that it has taken it. */
export function unsub(...sids: string[]): string {
  return `${sids.map((sid) => `UNSUB ${sid}\r\n`).join("")}${PING}`;
}
