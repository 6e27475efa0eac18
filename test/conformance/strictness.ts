import type { NatsPermissions, NatsSubjects } from "./nats-permissions.ts";
import type { Operation, Publish, Subscribe } from "./script.ts";
import { collide, contains, hasWildcard, isInsertable, isLiteral, matches, queueMatches } from "./subjects.ts";

/** The refusals that nats-server does not make, by the names that `differences.ts` explains. */
export type Strictness =
  | "wildcards-outside-allow"
  | "queue-over-deny"
  | "grant-over-deny"
  | "jetstream-headers"
  | "bare-cr"
  | "lf-after-verb"
  | "err-from-client"
  | "hmsg-from-client"
  | "503-over-deny";

/** An operation that nats-server accepts and the filter refuses. */
export interface StrictOperation {
  why: Strictness;
  /** What the client reads instead, if the connection stays. */
  texts: string[];
  /** Otherwise a line that makes nats-server end the connection as the filter does. */
  instead?: string;
}

/** Which of the filter's own refusals an operation meets. Undefined if nats-server decides alike. */
export function strictnessOf(
  operation: Operation,
  permissions: NatsPermissions | null,
  pedantic: boolean,
): StrictOperation | undefined {
  switch (operation.op) {
    case "SUB":
      return strictSubscription(operation, permissions);
    case "PUB":
      return strictPublish(operation, permissions, pedantic);
    default:
      return undefined;
  }
}

export interface Entry {
  subject: string;
  queue: string | undefined;
}

/** nats-server treats an empty list as no list. */
function entriesOf(subjects: NatsSubjects | null | undefined, list: "allow" | "deny"): Entry[] | undefined {
  if (subjects === null || subjects === undefined || typeof subjects === "string" || Array.isArray(subjects)) {
    throw new Error("generated permissions have lists");
  }
  const entries = subjects[list] ?? [];
  if (entries.length === 0) return undefined;
  return [entries].flat().map((entry) => {
    const [subject = "", queue] = entry.split(" ");
    return { subject, queue };
  });
}

/** The deny entries that withhold deliveries from the client. */
export function deniesOf(permissions: NatsPermissions | null): Entry[] {
  return entriesOf(permissions?.subscribe ?? {}, "deny") ?? [];
}

/** Whether a deny entry whose subject matches withholds it from a subscription with this queue. */
export function refuses(entry: Entry, queue: string | undefined): boolean {
  return entry.queue === undefined || (queue !== undefined && queueMatches(entry.queue, queue));
}

function strictSubscription(sub: Subscribe, permissions: NatsPermissions | null): StrictOperation | undefined {
  const { subject, queue } = sub;
  const allow = entriesOf(permissions?.subscribe ?? {}, "allow");
  const deny = deniesOf(permissions);
  const text = `-ERR 'Permissions Violation for Subscription to "${quoted(subject)}"${queue === undefined ? "" : ` using queue "${quoted(queue)}"`}'`;

  const fits = (entry: Entry): boolean => entry.queue !== undefined && queueMatches(entry.queue, queue ?? "");
  const permits = (containing: boolean): boolean => {
    if (!allow) return true;
    const matching = allow.filter((entry) => matches(entry.subject, subject));
    const good = containing ? matching.filter((entry) => contains(entry.subject, subject)) : matching;
    const queued = matching.some((entry) => entry.queue !== undefined);
    if (queue !== undefined && queued) return good.some(fits);
    return good.some((entry) => entry.queue === undefined);
  };

  if (queue === "_sys_" || !permits(false)) return undefined;
  if (deny.some((entry) => matches(entry.subject, subject) && refuses(entry, queue))) return undefined;
  // nats-server answers `Invalid Subject` and does not subscribe.
  if (!isInsertable(subject)) return undefined;
  if (!permits(true)) return { why: "wildcards-outside-allow", texts: [text] };
  const overlaps = deny.some((entry) => collide(entry.subject, subject) && refuses(entry, queue));
  if (queue !== undefined && hasWildcard(subject) && overlaps) return { why: "queue-over-deny", texts: [text] };
  return undefined;
}

function strictPublish(
  pub: Publish,
  permissions: NatsPermissions | null,
  pedantic: boolean,
): StrictOperation | undefined {
  const allow = entriesOf(permissions?.publish ?? {}, "allow");
  const deny = entriesOf(permissions?.publish ?? {}, "deny") ?? [];
  const grants = permissions?.allow_responses !== undefined;
  const denied = (subject: string): boolean => deny.some((entry) => matches(entry.subject, subject));
  const refusal = (name: string): string => `-ERR 'Permissions Violation for Publish to "${quoted(name)}"'`;
  const { subject, headers } = pub;

  // Both refuse a trace destination without permission before they check the subject.
  if (grants && denied(subject) && headers?.kind !== "Nats-Trace-Dest") {
    const complaint = pedantic && !isLiteral(subject) ? ["-ERR 'Invalid Publish Subject'"] : [];
    return { why: "grant-over-deny", texts: [...complaint, refusal(subject)] };
  }
  if (headers?.kind === "Nats-Schedule-Target" || headers?.kind === "Nats-Schedule-Source") {
    const permitted = (name: string): boolean =>
      !denied(name) && (allow ? allow.some((entry) => matches(entry.subject, name)) : !grants);
    if (!permitted(subject)) return undefined;
    const name = headers.value;
    // A stream's subject_transform may make a token of a '*' or '>' within one.
    const stays = !/[*>]/.test(name);
    if (headers.kind === "Nats-Schedule-Target") {
      return stays && permitted(name) ? undefined : { why: "jetstream-headers", texts: [refusal(name)] };
    }
    const readable = entriesOf(permissions?.subscribe ?? {}, "allow");
    const unreadable = deniesOf(permissions);
    const received =
      stays &&
      (!readable || readable.some((entry) => entry.queue === undefined && matches(entry.subject, name))) &&
      !unreadable.some((entry) => entry.queue === undefined && matches(entry.subject, name));
    if (received) return undefined;
    return {
      why: "jetstream-headers",
      texts: [`-ERR 'Permissions Violation for Subscription to "${quoted(name)}"'`],
    };
  }
  return undefined;
}

/** Ends with `Unknown Protocol Operation` at every nats-server. */
const ILLEGAL = "?\r\n";

/** A line that ends the connection at the filter but not at nats-server, or not with that text. */
export function strictLine(text: string): StrictOperation | undefined {
  const line = text.slice(0, text.indexOf("\n"));
  const refused = (why: Strictness): StrictOperation => ({ why, texts: [], instead: ILLEGAL });
  if (/^-ERR/i.test(line)) return refused("err-from-client");
  if (/^HMSG/i.test(line)) return refused("hmsg-from-client");
  if (/^(PUB|HPUB|SUB|UNSUB)[ \t]+$/i.test(line)) return refused("lf-after-verb");
  if (/^(PUB|HPUB|SUB|UNSUB)[ \t].*\r[^]/i.test(line)) return refused("bare-cr");
  return undefined;
}

/** Go's `%q` for what the generator makes, which is printable except for quotes and backslashes. */
function quoted(text: string): string {
  return text.replaceAll(/["\\]/g, "\\$&");
}
