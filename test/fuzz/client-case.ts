/**
 * Judges one input of a client through the compiled filter. However what comes out is cut, nats-server must read it as those
 * operations of the client that the policy permits, in order, and nothing else.
 */
import type { Connection, Host } from "../host/host.ts";
import { PEER } from "../host/wire.ts";
import { isInsertable, NaivePolicy } from "./naive-policy.ts";
import { parseChunks, type Limits, type NatsParser, type Operation } from "./nats-parser.ts";
import { INFO, LIMITS, MOST_HEADERS } from "./policies.ts";

/** What the filter forwarded, one element for each call. */
export interface Forwarded {
  chunks: Uint8Array[];
  /** How nats-server reads exactly these chunks. */
  read: NatsParser;
}

export function connect(host: Host, root: number): Connection {
  const connection = host.connect({ root, properties: { "connection.uri_san_peer_certificate": PEER } });
  connection.fromServer(INFO);
  return connection;
}

/** Sends the chunks through a new connection, which ends with them: by a FIN, or if their bytes are odd in number by a reset. */
export function forward(host: Host, root: number, chunks: readonly Uint8Array[]): Uint8Array[] {
  const connection = connect(host, root);
  const forwarded: Uint8Array[] = [];
  const take = (out: Uint8Array): void => {
    if (out.length > 0) forwarded.push(out);
  };
  for (const chunk of chunks) {
    take(connection.fromClient(chunk));
    // A filter that waits for refusals to be read is given the PONGs that make it continue.
    while (connection.heldDownstream > 0) {
      const held = connection.heldDownstream;
      connection.fromServer("PONG\r\n".repeat(64));
      take(connection.takeToServer());
      if (connection.heldDownstream === held) throw new Error(`${held} bytes are held for ever`);
    }
  }
  if (chunks.reduce((sum, { length }) => sum + length, 0) % 2 === 0) take(connection.fromClient("", { eos: true }));
  connection.close("client");
  return forwarded;
}

/** Whether `b` may be what the filter makes of `a`: an UNSUB of an ended subscription goes on without its maximum. */
function equal(a: Operation, b: Operation): boolean {
  const argument = b.verb === "UNSUB" && b.argument === a.sid ? a.sid : a.argument;
  return a.verb === b.verb && argument === b.argument && (a.payload === b.payload || b.payload === undefined);
}

function show({ verb, argument, payload }: Operation): string {
  return JSON.stringify(`${verb} ${argument}${payload === undefined ? "" : ` with payload ${payload}`}`);
}

/** Operations that the filter decides on. It lets the others pass, answers them or generates them itself. */
function isDecided({ verb }: Operation): boolean {
  return (
    verb === "PUB" || verb === "HPUB" || verb === "SUB" || verb === "UNSUB" || verb === "CONNECT" || verb === "INFO"
  );
}

/** A header block that is longer than `limits.headers` is refused unread. */
function isTooLong({ headers }: Operation): boolean {
  return headers > MOST_HEADERS;
}

/**
 * A PING may go on in place of an UNSUB with a maximum, because the filter then counts itself (docs/reference/parity.md). A SUB that cannot
 * be inserted does not subscribe. Both may be missing at the server, but nothing may be there that the client did not send.
 */
function mayBeMissing({ verb, argument, subject }: Operation): boolean {
  return verb === "UNSUB" ? /[ \t]0*[1-9]\d*[ \t]*$/.test(argument) : verb === "SUB" && !isInsertable(subject);
}

/** Why the filter's answer to this stream is wrong, or undefined if it is right. */
function judge(policy: NaivePolicy, sent: NatsParser, forwarded: NatsParser): string | undefined {
  const asked = sent.operations.filter(isDecided);
  const passed = forwarded.operations.filter(isDecided);
  const undecided = forwarded.operations.find(({ verb }) => verb === "ERR" || verb === "HMSG" || verb === "OK");
  if (undecided !== undefined) return `${show(undecided)} was let through`;
  let next = 0;
  // Sids of UNSUBs that were taken for one with a maximum. Another one after it may be what came instead.
  const ended = new Set<string>();
  const mayLack = (operation: Operation): boolean =>
    mayBeMissing(operation) || (operation.verb === "UNSUB" && ended.has(operation.argument));
  for (const operation of passed) {
    if (!isPermitted(policy, operation)) return `${show(operation)} reached the server against the policy`;
    let source = asked[next++];
    while (source !== undefined && !equal(source, operation)) {
      if (isPermitted(policy, source) && !mayLack(source))
        return `${show(source)} was withheld, ${show(operation)} came`;
      source = asked[next++];
    }
    if (source === undefined) return `${show(operation)} reached the server, and the client did not send it`;
    if (operation.verb === "SUB") ended.delete(operation.sid);
    else if (source.argument !== operation.argument) ended.add(operation.argument);
  }
  // A stream that the filter has ended lacks whatever comes after the end.
  if (forwarded.error !== undefined) return undefined;
  if (sent.error !== undefined)
    return `nats-server would have closed the connection (${sent.error}), the filter did not`;
  const missing = asked.slice(next).find((operation, i, rest) => {
    const isLast = i === rest.length - 1 && sent.isUnfinished;
    return !isLast && isPermitted(policy, operation) && !mayLack(operation);
  });
  return missing === undefined ? undefined : `${show(missing)} was withheld`;
}

function isPermitted(policy: NaivePolicy, operation: Operation): boolean {
  return !isTooLong(operation) && policy.permits(operation);
}

/** The operations as one text, to compare readings of the same bytes. */
function reading({ operations, error }: NatsParser): string {
  return `${operations.map(({ verb, argument, payload }) => `${verb} ${argument} ${payload ?? "…"}`).join("\n")}\n${error ?? ""}`;
}

/** Puts one input through the filter. */
export function runClientCase(
  host: Host,
  root: number,
  policy: NaivePolicy,
  chunks: readonly Uint8Array[],
  limits: Limits = LIMITS,
): { forwarded: Forwarded; problem: string | undefined } {
  const out = forward(host, root, chunks);
  const whole = Buffer.concat(out);
  const read = parseChunks(out, limits);
  const sent = parseChunks([Buffer.concat(chunks)], limits);
  const problem = judge(policy, sent, read) ?? differs(read, whole, limits);
  return { forwarded: { chunks: out, read }, problem };
}

/** The same bytes in one read, and byte by byte if that is cheap, must be the same operations. */
function differs(read: NatsParser, whole: Uint8Array, limits: Limits): string | undefined {
  const once = parseChunks([whole], limits);
  if (reading(once) !== reading(read))
    return `what was let through is read differently in one piece: ${reading(once)} not ${reading(read)}`;
  if (whole.length > 300) return undefined;
  const single = parseChunks(
    Array.from(whole, (byte) => Uint8Array.of(byte)),
    limits,
  );
  if (reading(single) === reading(read)) return undefined;
  return `what was let through is read differently byte by byte: ${reading(single)} not ${reading(read)}`;
}
