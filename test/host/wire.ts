import assert from "node:assert/strict";
import { recordOf } from "../stand/audit.ts";
import { configure } from "./configure.ts";
import { filterModule } from "./filter.ts";
import { Host, type Connection, type HostOptions, type PropertyValue } from "./host.ts";

/** The peer of every connection by default. */
export const PEER = "spiffe://cluster.local/ns/shop/sa/orders-api";

/** What nats-server 2.15 says first, shortened to what a filter can act on. */
export const INFO = 'INFO {"server_id":"N","version":"2.15.2","headers":true,"max_payload":1048576,"client_id":7} \r\n';

/** CONNECT as clients send it. Without it nats-server is verbose and pedantic. */
export const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1}\r\n';
export const VERBOSE_CONNECT = 'CONNECT {"verbose":true,"pedantic":false,"headers":true,"protocol":1}\r\n';

/** The PING with which the filter replaces an operation, and nats-server's answer to any PING. */
export const PING = "PING\r\n";
export const PONG = "PONG\r\n";

export interface Policy {
  mode?: "ENFORCE" | "DRY_RUN";
  /** Fields that are added to a rule that matches everybody and allows `ok.>` both ways and `_INBOX.>` for replies. */
  rule?: object;
  limits?: object;
  audit?: object;
  telemetry?: object;
}

/** A whole pluginConfig. */
export function policy({ mode = "ENFORCE", rule, limits, audit, telemetry }: Policy = {}): object {
  return {
    mode,
    trustDomains: ["cluster.local"],
    rules: [
      {
        name: "everybody",
        from: [{ principals: ["*"] }],
        publish: { allow: ["ok.>"] },
        subscribe: { allow: ["ok.>", "_INBOX.>"] },
        ...rule,
      },
    ],
    ...(limits && { limits }),
    ...(audit && { audit }),
    ...(telemetry && { telemetry }),
  };
}

/** A VM that has accepted this policy. Throws if it refuses. */
export function configuredHost(config: Policy = {}, options: HostOptions = {}, module = filterModule()): Host {
  const host = new Host(module, options);
  configure(host, policy(config));
  return host;
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** One connection. Texts are latin-1, so that each character is a byte. */
export class Wire {
  readonly connection: Connection;

  constructor(
    readonly host: Host,
    peer: PropertyValue | null = PEER,
    root?: number,
  ) {
    const properties: Record<string, PropertyValue> = { "connection.id": 11, "source.address": "10.0.0.9:5" };
    if (peer !== null) properties["connection.uri_san_peer_certificate"] = peer;
    this.connection = host.connect({ properties, ...(root !== undefined && { root }) });
  }

  /** A connection whose INFO and CONNECT have passed. */
  static connected(
    host: Host,
    { info = INFO, connect = CONNECT, peer = PEER }: { info?: string; connect?: string; peer?: string } = {},
  ): Wire {
    const wire = new Wire(host, peer);
    wire.server(info);
    wire.client(connect);
    return wire;
  }

  /** The client sends. Returns what nats-server reads. */
  client(text: string | Uint8Array, eos = false): string {
    return latin1(this.connection.fromClient(typeof text === "string" ? Buffer.from(text, "latin1") : text, { eos }));
  }

  /** nats-server sends. Returns what the client reads. */
  server(text: string | Uint8Array): string {
    return latin1(this.connection.fromServer(typeof text === "string" ? Buffer.from(text, "latin1") : text));
  }

  /** What the bytes of a client that resumes have become. */
  released(): string {
    return latin1(this.connection.takeToServer());
  }
}

/** `PUB subject size CR LF payload CR LF`. */
export function pub(subject: string, payload = "", reply = ""): string {
  return `PUB ${subject} ${reply}${reply && " "}${payload.length}\r\n${payload}\r\n`;
}

export function hpub(subject: string, headers: string, payload = "", reply = ""): string {
  const total = headers.length + payload.length;
  return `HPUB ${subject} ${reply}${reply && " "}${headers.length} ${total}\r\n${headers}${payload}\r\n`;
}

export function msg(subject: string, sid: string, payload = "", reply = ""): string {
  return `MSG ${subject} ${sid} ${reply}${reply && " "}${payload.length}\r\n${payload}\r\n`;
}

export function hmsg(subject: string, sid: string, headers: string, payload = "", reply = ""): string {
  return hpub(`${subject} ${sid}`, headers, payload, reply).replace("HPUB", "HMSG");
}

/** nats-server's line for a publish without permission (client.go `publishPermissionViolation`). */
export function publishViolation(subject: string): string {
  return `-ERR 'Permissions Violation for Publish to "${subject}"'\r\n`;
}

/** nats-server's line for a subscription without permission. */
export function subscriptionViolation(subject: string, queue?: string): string {
  const using = queue === undefined ? "" : ` using queue "${queue}"`;
  return `-ERR 'Permissions Violation for Subscription to "${subject}"${using}'\r\n`;
}

/** The names of all that the filter counts, as the host has them, after a tick. */
export function rawNames(host: Host): string[] {
  host.tick();
  return [...host.metrics.keys(), ...host.histograms.keys()];
}

/** Whether the host's name for a series is of this stat, with these labels. */
export function isSeries(raw: string, name: string, labels: Record<string, string>): boolean {
  return (
    raw.endsWith(`;.;${name}`) &&
    Object.entries(labels).every(([label, value]) => raw.includes(`${label}=.=${value};.;`))
  );
}

/** The sum of a stat over all series that have these labels, after the counts have gone to the host. */
export function stat(host: Host, name: string, labels: Record<string, string> = {}): number {
  host.tick();
  let sum = 0;
  for (const [raw, value] of host.metrics) if (isSeries(raw, name, labels)) sum += value;
  return sum;
}

/** The values that a histogram has, over all series with these labels, after the durations have gone to the host. */
export function valuesOf(host: Host, name: string, labels: Record<string, string> = {}): number[] {
  host.tick();
  return [...host.histograms].filter(([raw]) => isSeries(raw, name, labels)).flatMap(([, values]) => values);
}

/** Audit records logged so far. Throws if one violates the published schema. */
export function auditOf(host: Host): Record<string, unknown>[] {
  return host.logs
    .filter(({ message }) => message.startsWith('{"istio_nats_audit":'))
    .map(({ message }) => recordOf(message));
}

/** Asserts that long texts are equal. A difference shows only what is around it. */
export function assertSame(actual: string, expected: string, what: string): void {
  if (actual === expected) return;
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 40), at + 60));
  assert.fail(
    `${what}: ${actual.length} bytes instead of ${expected.length}, at ${at}: ${around(actual)} not ${around(expected)}`,
  );
}
