import type { NatsPermissions } from "./nats-permissions.ts";
import type { Session, Step } from "./session.ts";
import { strictLine, strictnessOf, type StrictOperation } from "./strictness.ts";
import { isLiteral, matches } from "./subjects.ts";

/** How an operation is written. nats-server reads all of them alike. */
export interface Spelling {
  lower: boolean;
  blank: string;
  trailing: string;
  lineEnd: "\r\n" | "\n";
}

export const PLAIN: Spelling = { lower: false, blank: " ", trailing: "", lineEnd: "\r\n" };

export interface Publish {
  op: "PUB";
  subject: string;
  reply?: string;
  /** If present, the operation is an HPUB. */
  headers?: Headers;
  payload: string;
  spelling: Spelling;
}

/** `plain` is one header of no meaning, `none` an empty block, `text` bytes that are not headers. */
export interface Headers {
  kind: "plain" | "none" | "text" | "Nats-Trace-Dest" | "Nats-Schedule-Target" | "Nats-Schedule-Source";
  value: string;
}

export interface Subscribe {
  op: "SUB";
  subject: string;
  queue?: string;
  sid: string;
  spelling: Spelling;
}

export interface Unsubscribe {
  op: "UNSUB";
  sid: string;
  max?: string;
  spelling: Spelling;
}

/** A line that none of our operations describes, verbatim. */
export interface Raw {
  op: "RAW";
  text: string;
}

export type Operation = Publish | Subscribe | Unsubscribe | Raw | { op: "PING" };

export type ScriptStep =
  | { from: "client"; operations: Operation[]; cuts: number[] }
  | { from: "peer"; operations: Publish[] }
  /** A line that ends the connection. */
  | { last: string }
  /** Another CONNECT, with credentials or with those of the first. */
  | { from: "client"; connect: Record<string, boolean>; credentials: boolean };

/** A session before it is written out as bytes. */
export interface Script {
  permissions: NatsPermissions | null;
  connect: Record<string, unknown>;
  observers: { subject: string; queue?: string }[];
  steps: ScriptStep[];
}

export interface Rendered {
  session: Session;
  /** What the client must read in place of each PONG, in order. Undefined for the PONGs of its own PINGs. */
  pongs: (string[] | undefined)[];
  /** The operations that the filter refuses on purpose and nats-server accepts. */
  strict: StrictOperation["why"][];
}

/** Texts are UTF-8 on the wire, and wire data are latin-1 strings. */
function wireText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/**
 * Writes a script out. With `oracle` it is for nats-server itself: each operation that the filter refuses on purpose is replaced by
 * what a refusal is, either a PING, whose PONG stands for the refusal's text, or a line that ends the connection. The two runs must
 * then end alike, whatever else the session does.
 */
export function render(script: Script, id: string, oracle: boolean): Rendered {
  const pongs: Rendered["pongs"] = [];
  const strict: Rendered["strict"] = [];
  const send: Step[] = [];
  let pedantic = script.connect["pedantic"] === true;
  const take = (refused: StrictOperation | undefined): void => {
    if (refused) strict.push(refused.why);
  };
  for (const step of script.steps) {
    if ("last" in step) {
      const refused = strictLine(step.last);
      take(refused);
      // A PING after it could meet a closed socket, whose RST would discard what the client has not read.
      send.push({ data: oracle && refused ? refused.instead : step.last, barrier: "quiet", quiet_ms: 100 });
      continue;
    }
    if (step.from === "peer") {
      send.push({ from: "peer", data: step.operations.map(write).join("") });
      continue;
    }
    if ("connect" in step) {
      pedantic = step.connect["pedantic"] ?? pedantic;
      const credentials = step.credentials ? { user: "{USER}", pass: "{PASS}" } : {};
      send.push({ data: `CONNECT ${JSON.stringify({ ...step.connect, ...credentials })}\r\n` });
      continue;
    }
    let data = "";
    let pings = 0;
    for (const operation of step.operations) {
      const refused = strictnessOf(operation, script.permissions, pedantic);
      take(refused);
      if (operation.op === "PING") {
        pongs.push(undefined);
        pings += 1;
      }
      if (!refused || !oracle) data += write(operation);
      else {
        pongs.push(refused.texts.map(wireText));
        pings += 1;
        data += "PING\r\n";
      }
    }
    const chunks = step.cuts.filter((cut) => cut < data.length);
    send.push({ data, pings, ...(chunks.length > 0 ? { chunks, gap_ms: 1 } : {}) });
  }
  const session: Session = {
    id,
    family: "generated",
    server: {},
    permissions: script.permissions,
    connect: script.connect,
    handshake: true,
    observers: script.observers,
    send,
    expect: { client: [], delivered: [], closed: false },
  };
  return { session, pongs, strict };
}

function write(operation: Operation): string {
  if (operation.op === "PING") return "PING\r\n";
  if (operation.op === "RAW") return operation.text;
  const { blank, trailing, lineEnd, lower } = operation.spelling;
  const line = (verb: string, ...args: (string | undefined)[]): string => {
    const words = [lower ? verb.toLowerCase() : verb, ...args.filter((arg) => arg !== undefined)];
    return wireText(words.join(blank) + trailing) + lineEnd;
  };
  switch (operation.op) {
    case "SUB":
      return line("SUB", operation.subject, operation.queue, operation.sid);
    case "UNSUB":
      return line("UNSUB", operation.sid, operation.max);
    case "PUB": {
      const payload = wireText(operation.payload);
      const { subject, reply, headers } = operation;
      if (!headers) return `${line("PUB", subject, reply, String(payload.length))}${payload}\r\n`;
      const block = headerBlock(headers);
      const total = block.length + payload.length;
      return `${line("HPUB", subject, reply, String(block.length), String(total))}${block}${payload}\r\n`;
    }
  }
}

function headerBlock({ kind, value }: Headers): string {
  if (kind === "none") return "";
  if (kind === "text") return value;
  return `NATS/1.0\r\n${kind === "plain" ? "A" : kind}: ${wireText(value)}\r\n\r\n`;
}

/**
 * Removes from a script what ends by chance at nats-server:
 * - which of two members of a group gets a message,
 * - in which order two subscriptions with the same subject get it,
 * - the times in a trace event,
 * - how often pedantic mode complains about one publish (once more for each read that it is cut into: parser.go `clonePubArg`;
 *   reads may be as short as 64 bytes).
 *
 * The following are listed differences of their own:
 * - an answer that is pipelined after the client's own request, before the client has read the echo that grants it,
 * - a sid that is used again after its own maximum, before the messages that may have reached it have been read,
 * - a live sid that is used again with another queue under a deny entry with a queue.
 */
export function withoutChance(script: Script): Script {
  const lists = script.permissions?.subscribe as { deny?: string[] } | undefined;
  const filters = (lists?.deny?.length ?? 0) > 0;
  const deniesQueues = lists?.deny?.some((entry) => entry.includes(" ")) ?? false;
  const queues = new Set<string>();
  const firstOf = new Map<string, { sid: string; group: { queue?: string } }>();
  const settled = (operation: Operation): Operation => {
    if (operation.op === "SUB") {
      const { subject, queue, ...rest } = operation;
      const taken = queue === undefined || queues.has(queue);
      if (!taken) queues.add(queue);
      const group = taken ? {} : { queue };
      const sid = deniesQueues && !taken ? `${operation.sid}-${queue}` : operation.sid;
      const first = firstOf.get(subject) ?? { sid, group };
      firstOf.set(subject, first);
      return { ...rest, subject, sid: first.sid, ...(deniesQueues ? first.group : group) };
    }
    if (operation.op !== "PUB") return operation;
    const { headers, ...plain } = operation;
    // An HPUB ends the connection of a client that declined headers.
    if (script.connect["headers"] === false) return plain;
    const traces = headers?.kind === "Nats-Trace-Dest" && permitsPublish(script.permissions, headers.value);
    // With grants, nats-server's answer also depends on what it has traced before (differences.ts, trace-dest-cached).
    if (traces || script.permissions?.allow_responses !== undefined) {
      const plainly = untraced(operation);
      if (plainly !== operation) return plainly;
    }
    // The predicates cannot know whether a grant lets the publish pass and so makes the header matter.
    const needsGrant = !permitsPublish(script.permissions, operation.subject);
    const schedules = headers?.kind.startsWith("Nats-Schedule-") === true;
    if (schedules && needsGrant && script.permissions?.allow_responses !== undefined) return plainHeader(operation);
    return operation;
  };
  const pedantic = script.steps.some((step) => "connect" in step && step.connect["pedantic"]);
  const isolates = pedantic || script.connect["pedantic"] === true;
  const bounded = new Set<string>();
  const steps = script.steps.flatMap((step): ScriptStep[] => {
    if ("connect" in step || "last" in step) return [step];
    if (step.from === "peer") return [{ ...step, operations: step.operations.map(untraced) }];
    const settledOnes = step.operations.map(settled);
    return (filters ? beforeReuses(settledOnes, bounded) : [settledOnes]).flatMap((operations): ScriptStep[] => {
      if (isolates) return withIsolated(operations, step.cuts);
      return script.permissions?.allow_responses === undefined
        ? [{ ...step, operations }]
        : behindRequests(operations).map((some) => ({ ...step, operations: some }));
    });
  });
  return { ...script, steps };
}

/** Sends each publish that pedantic mode complains about in a short write of its own. */
function withIsolated(operations: Operation[], cuts: number[]): ScriptStep[] {
  const steps: ScriptStep[] = [];
  let together: Operation[] = [];
  const flush = (): void => {
    for (const some of behindRequests(together)) steps.push({ from: "client", operations: some, cuts });
    together = [];
  };
  for (const operation of operations) {
    if (operation.op !== "PUB" || isLiteral(operation.subject)) {
      together.push(operation);
      continue;
    }
    flush();
    const { headers: _headers, ...plain } = operation;
    steps.push({ from: "client", operations: [{ ...plain, payload: "p", spelling: PLAIN }], cuts: [] });
  }
  flush();
  return steps;
}

/** Cuts after each publish with a reply subject. What follows is sent when its echo has been read. */
function behindRequests(operations: Operation[]): Operation[][] {
  const pieces: Operation[][] = [];
  let start = 0;
  for (const [index, operation] of operations.entries()) {
    const asks = operation.op === "PUB" && operation.reply !== undefined;
    if (!asks && index < operations.length - 1) continue;
    pieces.push(operations.slice(start, index + 1));
    start = index + 1;
  }
  return pieces;
}

/**
 * Cuts before each SUB whose sid has ever had a maximum. It is sent when the messages that may reach the maximum have been read.
 * Adds the sids that get a maximum to `bounded`.
 */
function beforeReuses(operations: Operation[], bounded: Set<string>): Operation[][] {
  const pieces: Operation[][] = [[]];
  for (const [index, operation] of operations.entries()) {
    if (operation.op === "SUB" && bounded.has(operation.sid) && index > 0) pieces.push([]);
    if (operation.op === "UNSUB" && operation.max !== undefined) bounded.add(operation.sid);
    pieces.at(-1)?.push(operation);
  }
  return pieces;
}

/** Whether some UNSUB has a maximum. */
export function hasMaximum({ steps }: Script): boolean {
  const operations = steps.flatMap((step) => ("operations" in step ? step.operations : []));
  return operations.some((operation) => operation.op === "UNSUB" && operation.max !== undefined);
}

function untraced(publish: Publish): Publish {
  return publish.headers?.kind === "Nats-Trace-Dest" ? plainHeader(publish) : publish;
}

function plainHeader(publish: Publish): Publish {
  return publish.headers ? { ...publish, headers: { ...publish.headers, kind: "plain" } } : publish;
}

/** Decides only by the lists. Every trace destination that is not literal counts as permitted, because nats-server ignores it. */
function permitsPublish(permissions: NatsPermissions | null, subject: string): boolean {
  const publish = permissions?.publish as { allow?: string[]; deny?: string[] } | undefined;
  if (!isLiteral(subject)) return true;
  if (publish?.deny?.some((entry) => matches(entry, subject))) return false;
  const allow = publish?.allow ?? [];
  if (allow.length > 0) return allow.some((entry) => matches(entry, subject));
  return permissions?.allow_responses === undefined;
}
