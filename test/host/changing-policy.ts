import assert from "node:assert/strict";
import { filterModule } from "./filter.ts";
import { fnv1a } from "./fnv.ts";
import { Host, SharedData } from "./host.ts";
import { CONNECT, PING, PONG, pub, publishViolation, Wire } from "./wire.ts";

/** Shared by the tests of a changing policy: policies, hosts under them, publishes, and the notices of what ends. */

/** Milliseconds between a worker's ticks, and between its ticks while it has work left that it does in slices. */
export const TICK = 500;
export const HURRIED = 10;

/** Milliseconds that a worker rests behind a slice until it brings further connections under a newer policy. */
export const REST = 5;

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

/** A VM of the proxy whose shared data is this. */
export function vm(shared = new SharedData(), properties = {}, module = filterModule()): Host {
  return new Host(module, { shared, properties });
}

/** Runs a tick of each host. */
export function tick(...hosts: Host[]): void {
  for (const host of hosts) {
    host.advance(TICK);
    host.tick();
  }
}

/** The host, with a connection under that policy. */
export function connected(config: object, connect = CONNECT): { host: Host; wire: Wire } {
  const host = vm();
  assert.ok(host.configure(config).accepted);
  return { host, wire: Wire.connected(host, { connect }) };
}

/** Whether the connection forwards a publish to `token.x`. If it is refused, its text must say so. */
function allows(wire: Wire, token: string): boolean {
  const forwarded = wire.client(pub(`${token}.x`));
  if (forwarded === pub(`${token}.x`)) return true;
  assert.equal(forwarded, PING);
  assert.equal(wire.server(PONG), publishViolation(`${token}.x`));
  return false;
}

/** Asserts that the connection may publish below `token` and below none of the other tokens. */
export function assertOnly(wire: Wire, token: string, others: string[], what = ""): void {
  assert.ok(allows(wire, token), `${what} ${token}`);
  for (const other of others) assert.ok(!allows(wire, other), `${what} not ${other}`);
}

/** The key of the policy in force in shared data, and the value that shows a change of it. */
export const KEY = "istio-nats/policy/istio-nats/";

export const CHANGE_KEY = "istio-nats/change/istio-nats/";

/** The text as a module publishes it (policy/envelope.ts), or a text that is invalid in one respect. */
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

/** nats-server's text for a subscription that a reload has ended (client.go `processSubsOnConfigReload`). */
export function ended(subject: string, sid: string, queue?: string): string {
  const using = queue === undefined ? "" : ` using queue "${queue}"`;
  return `-ERR 'Permissions Violation for Subscription to "${subject}"${using} (sid "${sid}")'\r\n`;
}

/** How the server learns of it. The PONG for the PING shows that it has read the UNSUB. */
export function unsub(...sids: string[]): string {
  return `${sids.map((sid) => `UNSUB ${sid}\r\n`).join("")}${PING}`;
}
