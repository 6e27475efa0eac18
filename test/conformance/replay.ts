import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE } from "../stand/wait.ts";
import type { Delivery, Outcome, Session, Step } from "./session.ts";
import { Wire } from "./wire.ts";

/** Where a session runs. The client goes through what is tested, while observer and peer always go straight to the broker. */
export interface Route {
  clientPort: number;
  brokerPort: number;
  /** The client's own loopback address, by which Envoy knows its principal. */
  clientAddress?: string;
}

const FULL = { verbose: false, pedantic: false, headers: true, protocol: 1, echo: true };
const QUIET_MILLISECONDS = 150;
/**
 * The earliest time at which nats-server first checks whether a client is alive (server.go `firstClientPingInterval`), unless
 * `ping_interval` is shorter.
 */
const FIRST_PING_MILLISECONDS = 2000;

/** How long a quiet may last at most on a machine that stands still, in milliseconds. */
const PATIENT_MILLISECONDS = 2000;

/**
 * The same session, but a quiet is only over when nothing at all comes for long or the connection has ended. On a machine that
 * stood still, the end came after what was sent next.
 */
export function patient(session: Session): Session {
  const send = session.send.map((step) =>
    typeof step !== "string" && "barrier" in step && step.barrier === "quiet"
      ? { ...step, quiet_ms: PATIENT_MILLISECONDS }
      : step,
  );
  return { ...session, send };
}

/**
 * Runs one session by the rules of the runner that recorded it. If it is known what the session ends with, a quiet is not over
 * before as much has come, unless that takes long.
 */
export async function replay(session: Session, route: Route, expected?: Outcome): Promise<Outcome> {
  const hasAccount = (session.server.auth ?? "user") !== "none";
  const credentials = (who: "c" | "o" | "p"): Record<string, string> =>
    hasAccount ? { user: `${who}-${session.id}`, pass: "p" } : {};
  const observer = await Wire.open(route.brokerPort);
  await handshake(observer, { ...FULL, ...credentials("o") });
  for (const [index, { subject, queue }] of (session.observers ?? []).entries()) {
    observer.send(`SUB ${subject}${queue ? ` ${queue}` : ""} ${index + 1}\r\n`);
  }
  await observer.barrier();
  const client = await Wire.open(route.clientPort, route.clientAddress);
  let peer: Wire | undefined;
  const quiet = async (milliseconds = QUIET_MILLISECONDS): Promise<void> => {
    if (expected) await arrived(expected, client, observer);
    await client.quiet(milliseconds);
  };
  try {
    const connect = session.connect === null ? null : { ...session.connect, ...credentials("c") };
    if (connect !== null && !session.handshake) {
      await handshake(client, null);
      client.send(connectLine(connect));
    } else await handshake(client, connect);
    for (const step of session.send) {
      const { data, ...how } = typeof step === "string" ? { data: step } : (step as Step & { data?: string });
      if (how.sleep_ms !== undefined) await sleep(how.sleep_ms);
      if (data === undefined) continue;
      const bytes = data.replaceAll("{USER}", `c-${session.id}`).replaceAll("{PASS}", "p");
      if (how.from === "peer") {
        if (!peer) {
          peer = await Wire.open(route.brokerPort);
          await handshake(peer, {
            ...FULL,
            ...session.peer_connect,
            ...credentials(session.server.imports ? "p" : "o"),
          });
        }
        peer.send(bytes);
        await peer.barrier(how.pings);
        if (!client.closed && (how.barrier ?? "ping") === "ping") await client.barrier();
        else await quiet();
        continue;
      }
      // A step that is sent in pieces may be answered before its last piece.
      const mark = client.frames.length;
      await write(client, bytes, how);
      if ((how.barrier ?? "ping") === "ping") await client.barrier(how.pings, mark);
      else await quiet(how.quiet_ms);
    }
    if (!client.closed && client.rest !== "") await client.quiet(QUIET_MILLISECONDS);
    if (!client.closed) await client.change(15);
    await observer.barrier();
    await peer?.barrier();
    if (session.server.ping_interval === undefined) {
      for (const wire of [client, peer]) if (wire) withoutFirstPing(wire);
    }
    return outcome(client, observer, peer);
  } finally {
    client.close();
    observer.close();
    peer?.close();
  }
}

/** Waits until as much has come as is expected at the end, or for long. */
async function arrived({ client, delivered, closed }: Outcome, wire: Wire, observer: Wire): Promise<void> {
  const isThere = (): boolean =>
    (wire.closed || !closed) &&
    wire.frames.length >= client.length &&
    observer.frames.filter(isMessage).length >= delivered.length;
  const end = performance.now() + PATIENT_MILLISECONDS;
  while (!isThere() && performance.now() < end) await sleep(5);
}

/**
 * On a machine that stood still, a session may last until nats-server's first PING, which no other run of it gets. An earlier PING
 * and a second one stay.
 */
function withoutFirstPing(wire: Wire): void {
  const at = wire.frames.indexOf("PING");
  if (at >= 0 && wire.age >= FIRST_PING_MILLISECONDS) wire.frames.splice(at, 1);
}

async function write(client: Wire, bytes: string, how: Step): Promise<void> {
  const sizes =
    how.each === undefined ? (how.chunks ?? []) : Array<number>(Math.floor(bytes.length / how.each)).fill(how.each);
  let at = 0;
  for (const size of sizes) {
    client.send(bytes.slice(at, at + size));
    at += size;
    await sleep(how.gap_ms ?? 3);
  }
  client.send(bytes.slice(at));
}

function isMessage(frame: string): boolean {
  return frame.startsWith("MSG") || frame.startsWith("HMSG");
}

function outcome(client: Wire, observer: Wire, peer: Wire | undefined): Outcome {
  const isPlain = (frame: string): boolean => !frame.startsWith("PONG") && !frame.startsWith("INFO");
  const delivered = observer.frames.filter(isMessage).map(deliveryOf);
  delivered.sort((a, b) => (a.sub < b.sub ? -1 : a.sub > b.sub ? 1 : 0));
  const result: Outcome = {
    client: client.frames.map((frame) => (frame.toUpperCase().startsWith("INFO ") ? "INFO" : frame)),
    delivered,
    closed: client.closed,
  };
  if (peer) {
    const frames = peer.frames.filter(isPlain);
    if (frames.length > 0) result.peer = frames;
  }
  const odd = observer.frames.filter((frame) => !isMessage(frame) && isPlain(frame));
  if (odd.length > 0) result.observer_odd = odd;
  if (client.rest !== "") result.client_tail = client.rest;
  return result;
}

function connectLine(options: Record<string, unknown>): string {
  return `CONNECT ${JSON.stringify(options)}\r\n`;
}

/** INFO, CONNECT, PING and their answers, none of which is recorded. `null` waits only for INFO. */
async function handshake(wire: Wire, options: Record<string, unknown> | null): Promise<void> {
  await answered(wire, () => wire.frames.length > 0);
  const wantsInfo = Number(options?.["protocol"] ?? 0) >= 1 && sendsConnectInfo(wire.frames[0] ?? "");
  wire.frames = [];
  if (options === null) return;
  wire.send(`${connectLine(options)}PING\r\n`);
  await answered(wire, () => {
    const pong = wire.frames.indexOf("PONG");
    return pong >= 0 && (!wantsInfo || wire.frames.slice(pong).some((frame) => frame.startsWith("INFO")));
  });
  wire.frames = [];
}

/** Waits until a step of the handshake is answered. What came later would be taken for an answer to what follows. */
async function answered(wire: Wire, condition: () => boolean): Promise<void> {
  if ((await wire.waitFor(condition, PATIENCE)) || wire.closed) return;
  throw new Error(`the handshake was not answered in ${PATIENCE} ms: ${JSON.stringify(wire.frames)}`);
}

/** nats-server since 2.12 also answers the first PING after CONNECT with a second INFO. */
function sendsConnectInfo(info: string): boolean {
  const [, major, minor] = /"version":"(\d+)\.(\d+)/.exec(info) ?? [];
  return Number(major) > 2 || Number(minor) >= 12;
}

function deliveryOf(frame: string): Delivery {
  const end = frame.indexOf("\r\n");
  const tokens = frame.slice(0, end).split(" ");
  const body = frame.slice(end + 2);
  const [verb, subject = "", sub = ""] = tokens;
  const reply = tokens.length === (verb === "MSG" ? 5 : 6) ? { reply: tokens[3] ?? "" } : {};
  if (verb === "MSG") return { sub, subject, ...reply, payload: body, size: tokens.at(-1) ?? "" };
  const headers = Number(tokens.at(-2));
  const size = tokens.slice(-2).join(" ");
  return { sub, subject, ...reply, hdr: body.slice(0, headers), payload: body.slice(headers), size };
}
