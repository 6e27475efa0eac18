import { readFileSync } from "node:fs";
import type { NatsPermissions } from "./nats-permissions.ts";

/**
 * A scripted session, as recorded from nats-server 2.15.2: a restricted client, an unrestricted observer and sometimes an
 * unrestricted peer, in an account of their own. All wire data are latin-1 strings, one character per byte.
 */
export interface Session {
  id: string;
  family: string;
  server: ServerOptions;
  permissions: NatsPermissions | null;
  /** Fields of the CONNECT that the runner sends, without credentials. If null, `send` carries everything. */
  connect: Record<string, unknown> | null;
  /** CONNECT and PING are sent first, and their answers are not recorded. */
  handshake: boolean;
  observers?: { subject: string; queue?: string }[];
  peer_connect?: Record<string, unknown>;
  send: (string | Step)[];
  expect: Outcome;
}

export interface ServerOptions {
  auth?: "user" | "none" | "no_auth_user";
  max_payload?: number;
  max_control_line?: number;
  max_subscriptions?: number;
  max_sub_tokens?: number;
  mappings?: Record<string, string>;
  /** The peer is in an account of its own, and the others' account imports all that is published there. */
  imports?: boolean;
  timeout?: number;
  ping_interval?: string;
  ping_max?: number;
}

export interface Step {
  data?: string;
  from?: "client" | "peer";
  /** Lengths of the first writes. The rest is sent in one. */
  chunks?: number[];
  /** Cut into writes of this many bytes. */
  each?: number;
  gap_ms?: number;
  /** PINGs inside `data`. */
  pings?: number;
  barrier?: "ping" | "quiet";
  quiet_ms?: number;
  sleep_ms?: number;
}

export interface Delivery {
  sub: string;
  subject: string;
  reply?: string;
  hdr?: string;
  payload: string;
  size: string;
}

/** What was received, and whether the client's connection ended. */
export interface Outcome {
  client: string[];
  delivered: Delivery[];
  closed: boolean;
  peer?: string[];
  observer_odd?: string[];
  client_tail?: string;
}

/** The recorded sessions. `timing` are those whose outcome depends on time. */
export function recordedSessions(file: "sessions" | "timing"): Session[] {
  const text = readFileSync(new URL(`./sessions/${file}.json`, import.meta.url), "utf8");
  return (JSON.parse(text) as { cases: Session[] }).cases;
}
