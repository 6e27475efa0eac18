/**
 * What a policy permits, judged the slow and plain way: every entry is walked token by token. It is written from docs/reference/policy.md,
 * docs/reference/parity.md and nats-server's client.go (pubAllowedFullCheck, canSubscribe, deliverMsg), independent of the filter's matcher,
 * to judge what the filter has let through.
 */
import type { Operation } from "./nats-parser.ts";
import { LIMITS } from "./policies.ts";

interface Lists {
  allow?: string[] | "ALL";
  deny?: string[];
}

export interface Rule {
  publish?: Lists;
  subscribe?: Lists;
  allow_responses?: { max: number; expires: string };
  replies?: "OWN" | "ANY";
  rollup?: "SUB" | "ALL";
}

export interface Policy {
  name: string;
  rules: Rule[];
}

/** Whether the pattern matches the subject, every byte of which is literal. A subject with an empty token matches nothing. */
export function matchesLiterally(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const given = subject.split(".");
  if (given.includes("")) return false;
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return i < given.length;
    if (i >= given.length || (token !== "*" && token !== given[i])) return false;
  }
  return wanted.length === given.length;
}

const STATUS_FIELD = "Status[^!-\\xff]*:[^!-\\xff]*100(?![!-\\xff])";
/** The status 100 as a client's library may read it, by any library's way to part lines, where the first is the version alone. */
const CONTROL_LINE = new RegExp(`[\\r\\n][^!-\\xff]*${STATUS_FIELD}`);
/**
 * The same behind a status: JetStream takes a status away up to the first CR, and nats-py passes over ten bytes. To jnats any status is
 * one if it reads a name that ends so.
 */
const CONTROL_BEHIND_STATUS = new RegExp(`^NATS/1\\.0(?:[^\\r]*\\r)?[^\\n!-\\x7f]*100|${STATUS_FIELD}|-Stalled`);

function readsAsControl(block: string): boolean {
  return (block.startsWith("NATS/1.0\r\n") ? CONTROL_LINE : CONTROL_BEHIND_STATUS).test(block);
}

/** Whether `outer` matches everything that `inner` matches. */
function contains(outer: string, inner: string): boolean {
  const wanted = outer.split(".");
  const given = inner.split(".");
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return i < given.length;
    if (i >= given.length || given[i] === ">") return false;
    if (token !== "*" && token !== given[i]) return false;
  }
  return wanted.length === given.length;
}

/**
 * sublist.go `isSubsetMatchTokenized`: whether `inner` is within `outer`, where a token of `outer` that merely begins with `*`
 * accepts any token.
 */
function isSubset(inner: readonly string[], outer: readonly string[]): boolean {
  for (const [i, wanted] of outer.entries()) {
    const given = inner[i];
    if (wanted === "" || given === undefined) return false;
    if (wanted === ">") return true;
    if (given === "" || given === ">") return false;
    if (given === "*" ? wanted !== "*" : !wanted.startsWith("*") && wanted !== given) return false;
  }
  return inner.length === outer.length;
}

/**
 * Whether one subject can match both patterns. Like nats-server's check (sublist.go `SubjectsCollide`), a false answer is always
 * right.
 */
function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split("."), b.split(".")];
  const hasWildcard = (tokens: readonly string[]): boolean => tokens.some((token) => token === "*" || token === ">");
  if (a === b) return true;
  if (!hasWildcard(left)) return hasWildcard(right) && isSubset(left, right);
  if (!hasWildcard(right)) return isSubset(right, left);
  const [shorter, longer] = left.length < right.length ? [left, right] : [right, left];
  if (shorter.length < longer.length && !shorter.includes(">")) return false;
  // tokensCanMatch: a token that merely begins with a wildcard counts as one.
  return shorter.every((token, i) => token === longer[i] || /^[*>]/.test(token) || /^[*>]/.test(longer[i]!));
}

/** No empty token, and `>` only last. Otherwise nats-server answers `Invalid Subject` and does not subscribe. */
export function isInsertable(subject: string): boolean {
  const tokens = subject.split(".");
  return !tokens.includes("") && !tokens.slice(0, -1).includes(">");
}

function isLiteral(subject: string): boolean {
  return !subject.split(".").some((token) => token === "" || token === "*" || token === ">");
}

/** Whether no stream's transform can make a pattern of it either. */
function staysLiteral(subject: string): boolean {
  return isLiteral(subject) && !/[*>]/.test(subject);
}

/** Whether JetStream's API reads wildcards in this subject as such. */
function isPattern(subject: string): boolean {
  return subject.startsWith("$JS.") && !subject.split(".").includes("") && !isLiteral(subject);
}

/** All that JetStream may find by a pattern: more than it matches, if it misreads it (assembly/policy/published-pattern.ts). */
function found(pattern: string): string {
  const tokens = pattern.split(".");
  if (isInsertable(pattern) && !/[^.][*>]$/.test(pattern)) return pattern;
  const wildcard = tokens.findIndex((token) => token === "*" || token === ">");
  return [...tokens.slice(0, isInsertable(pattern) ? wildcard : Math.min(wildcard, 5)), ">"].join(".");
}

/** An entry of what may not be published, and the same with a domain of JetStream, which nats-server would take out. */
function inEveryDomain(entry: string): string[] {
  if (entry.startsWith("$JS.API.")) return [entry, entry.replace("$JS.", () => "$JS.*.")];
  return /^\$(?:KV|OBJ)\./.test(entry) ? [entry, `$JS.*.API.${entry}`] : [entry];
}

/** client.go `queueMatches`. */
function queueMatches(pattern: string, queue: string): boolean {
  if (pattern === queue) return true;
  const tokens = pattern.split(".");
  return (tokens.includes("*") || tokens.includes(">")) && isSubset(queue.split("."), tokens);
}

/** An entry of a subscribe list. */
function parts(entry: string): { subject: string; queue?: string } {
  const [subject = "", queue] = entry.split(" ");
  return queue === undefined ? { subject } : { subject, queue };
}

function isReserved(subject: string): boolean {
  return subject.startsWith("$NRG.") || /^(?:_GR_|\$GR)\../s.test(subject);
}

function isReservedReply(reply: string): boolean {
  return /^(?:_R_|\$NRG|\$JSC|\$SYS\.[^.]*)\./.test(reply) || /^(?:_GR_|\$GR|\$JS)\../s.test(reply);
}

/**
 * Headers with which nats-server acts on other subjects (docs/adr/0005-headers.md), with the values in the
 * order of the block.
 */
const ACTING_HEADER =
  /\r\n(Nats-Trace-Dest|Nats-Schedule-Target|Nats-Schedule-Source|Nats-Schedule-Rollup|Nats-Scheduler|Nats-Schedule|Nats-Schedule-Time-Zone|Nats-TTL|Nats-Incr|Nats-Rollup|Nats-Request-Info|Nats-Stream-Source|Nats-Counter-Sources|Nats-Trace-Origin-Account|Nats-Expected-Last-Msg-Id|Nats-Consumer-Stalled|Nmqtt-Subject|Nmqtt-Mapped):([^\r]*(?:\r(?!\n)[^\r]*)*)/g;

/** A field of a schedule that is nothing but commas, in the bytes of whichever blanks, so that nats-server tries each second of years. */
const LONE_COMMA = /(?:^|[\0-\x20,\x80-\xff]),(?:[\0-\x20,\x80-\xff]|$)/;

/** Nanoseconds of the units of Go's durations. Behind a number the filter takes any other byte for the beginning of microseconds. */
const NANOSECONDS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, n: 1 };
const IN_MICROSECOND = 1e3;
/** Of a hundred years. */
const LONGEST_SCHEDULE = 876_600 * 3.6e12;

/** Does nats-server's clock of nanoseconds end before a schedule of this duration is due, or does a list take it long to read? */
function keepsBusy(schedule: string): boolean {
  const terms = schedule.matchAll(/(?<![\d.])(\d+)(?:\.[\d.]*)?(ms|[^\d.])/g);
  const sum = [...terms].reduce(
    (so, [, number, unit]) => so + Number(number) * (NANOSECONDS[unit!] ?? IN_MICROSECOND),
    0,
  );
  return LONE_COMMA.test(schedule) || schedule.length > 512 || sum > LONGEST_SCHEDULE;
}

/** Bytes of a message that leaves room for what a trace adds to it (docs/reference/policy.md). */
const LARGEST_TRACED = LIMITS.payload - Math.min(4096, Math.floor(LIMITS.payload / 16));

/** Those that name a schedule, or where one leads to or from. */
const SCHEDULED: ReadonlySet<string> = new Set(["Nats-Schedule-Target", "Nats-Schedule-Source", "Nats-Scheduler"]);

/**
 * Has a block a name of nats-server's twice in a row, with a byte between at most, so that nats-server misses what follows of it? Or one
 * behind a lone LF, which takes what follows with it when nats-server removes it? Or a line without a colon, behind which it traces nothing
 * until that is removed?
 */
function hidesLines(block: string): boolean {
  const places = [...block.matchAll(/Nats-/g)].map(({ index }) => index).filter((at) => at + 5 < block.length);
  return (
    places.slice(1).some((at, i) => {
      const name = block.slice(places[i], at - 1);
      return block.slice(at - 2, at) !== "\r\n" && block.startsWith(name, at);
    }) ||
    places.some((at) => /(?:^|[^\r])\n$/.test(block.slice(0, at))) ||
    /\r\nNats-[^:\r]*\r/.test(block)
  );
}

/** Has a subject, which JetStream may write into a header, such a name twice in a row? */
function repeatsName(subject: string): boolean {
  const places = [...subject.matchAll(/Nats-/g)].map(({ index }) => index);
  return places.slice(1).some((at, i) => subject.startsWith(subject.slice(places[i], at - 1), at));
}

/** Judges the operations of one connection. */
export class NaivePolicy {
  readonly #rules: readonly Rule[];

  constructor(policy: Policy) {
    this.#rules = policy.rules;
  }

  /** Whether this operation may reach nats-server. `granted` holds the reply subjects that deliveries have granted. */
  permits(operation: Operation, granted: ReadonlySet<string> = new Set()): boolean {
    switch (operation.verb) {
      case "PUB":
      case "HPUB":
        return this.#permitsPublish(operation, granted);
      case "SUB":
        return this.#permitsSubscribe(operation);
      case "ERR":
      case "HMSG":
        return false;
    }
    return true;
  }

  /** Whether a message on this subject is withheld from a connection whose deliveries are filtered. */
  deniesDelivery(subject: string, queue: string): boolean {
    return this.#denies("subscribe").some((entry) => {
      const deny = parts(entry);
      if (!matchesLiterally(deny.subject, subject)) return false;
      return deny.queue === undefined || (queue !== "" && queueMatches(deny.queue, queue));
    });
  }

  /** The same for a subscription that nobody knows any more, which may have had any queue. */
  deniesDeliveryOfAny(subject: string): boolean {
    return this.#denies("subscribe").some((entry) => matchesLiterally(parts(entry).subject, subject));
  }

  /** Whether an accepted subscription to it turns the filtering of deliveries on. */
  filtersDeliveries(subject: string, queue: string): boolean {
    const wide = queue !== "" || !isLiteral(subject);
    return wide && this.#denies("subscribe").some((deny) => overlap(parts(deny).subject, subject));
  }

  /** Whether the lists alone let the peer publish there. */
  listsPermit(subject: string): boolean {
    if (this.deniesPublish(subject)) return false;
    if (isPattern(subject)) {
      return this.#rules.some(({ publish }) => {
        return publish?.allow === "ALL" || (publish?.allow ?? []).some((entry) => contains(entry, found(subject)));
      });
    }
    return this.#allowing(subject).length > 0;
  }

  deniesPublish(subject: string): boolean {
    const covers = isPattern(subject) ? (entry: string) => overlap(entry, found(subject)) : matchesLiterally;
    return this.#denies("publish")
      .flatMap(inEveryDomain)
      .some((entry) => covers(entry, subject));
  }

  #denies(direction: "publish" | "subscribe"): string[] {
    return this.#rules.flatMap((rule) => rule[direction]?.deny ?? []);
  }

  /** The rules that let the peer publish there. */
  #allowing(subject: string): Rule[] {
    return this.#rules.filter(({ publish }) => {
      if (publish?.allow === "ALL") return true;
      return publish?.allow?.some((entry) => matchesLiterally(entry, subject)) ?? false;
    });
  }

  #permitsPublish({ subject, reply, payload = "", headers, verb }: Operation, granted: ReadonlySet<string>): boolean {
    if (isReserved(subject)) return false;
    const byGrant = granted.has(subject) && !this.deniesPublish(subject);
    if (!this.listsPermit(subject) && !byGrant) return false;
    const allowing = this.#allowing(subject);
    if (reply !== "") {
      if (isReservedReply(reply)) return false;
      if (!this.#receives(reply) && !allowing.some((rule) => rule.replies === "ANY")) return false;
    }
    return verb !== "HPUB" || this.#permitsHeaders(payload, headers, allowing, subject, reply);
  }

  #permitsHeaders(
    message: string,
    headers: number,
    allowing: readonly Rule[],
    subject: string,
    reply: string,
  ): boolean {
    const ofOneSubject = staysLiteral(subject);
    const block = message.slice(0, headers);
    // A client library writes at least the version and an empty line, which nats-server takes for granted.
    if (block !== "" && !(/^NATS\/1\.0[^]*\r\n\r\n$/.test(block) && block.length >= 12)) return false;
    if (readsAsControl(block)) return false;
    let traces = false;
    let tracesToOthers = false;
    let poses = false;
    let isWritten = false;
    for (const { 0: line, 1: name, 2: text = "", index } of block.matchAll(ACTING_HEADER)) {
      const value = text.replace(/^ +/, "");
      if (value === "") continue;
      if (name === "Nats-Counter-Sources" || name === "Nats-Trace-Origin-Account") return false;
      if (name === "Nats-Schedule" && keepsBusy(value)) return false;
      if (name === "Nats-Incr" && value.length > 128) return false;
      if (name === "Nats-Schedule-Time-Zone") {
        if (value.includes(".")) return false;
        continue;
      }
      if (name === "Nats-Request-Info") poses = true;
      else if (/^Nats-(?:Rollup|Schedule|Schedule-Rollup|Stream-Source|TTL|Incr|Expected-Last-Msg-Id)$/.test(name!)) {
        const ofAll =
          name === "Nats-Expected-Last-Msg-Id" ||
          (name === "Nats-Rollup" && /^all$/i.test(value)) ||
          (/^Nats-(?:Schedule-Rollup|Stream-Source)$/.test(name!) && !/^sub$/i.test(value));
        const purgesMore = !ofOneSubject || ofAll;
        isWritten = true;
        if (purgesMore && !allowing.some((rule) => rule.rollup === "ALL")) return false;
      } else if (SCHEDULED.has(name!) && (!staysLiteral(value) || /[\t\n\f\r ]/.test(value))) {
        return false;
      } else if (name === "Nats-Schedule-Source") {
        if (!this.#receives(value)) return false;
      } else if (name === "Nats-Trace-Dest") {
        const destination = text.replace(/^[ \t]+|[ \t]+$/g, "");
        // msgtrace.go reads no value that the end of the block cuts off; others do. JetStream removes a status when it stores the message.
        const isRead = index + line.length < block.length && block.startsWith("NATS/1.0") && destination !== "";
        if (!isRead || destination === "trace disabled") continue;
        traces = true;
        if (!this.#receives(destination)) tracesToOthers = true;
        const isSubject = isLiteral(destination) && !/[\t\n\f\r ]/.test(destination);
        if (!isSubject || isReserved(destination) || !this.listsPermit(destination)) return false;
      } else if (isReserved(value) || !this.listsPermit(value)) return false;
    }
    if (traces && (poses || !block.startsWith("NATS/1.0\r\n") || message.length > LARGEST_TRACED)) return false;
    const isOfFastBatch = /.\.\$FI$/s.test(reply);
    const isOfAtomicBatch = block.includes("\nNats-Batch-Id:");
    if ((traces || isOfFastBatch) && isOfAtomicBatch) return false;
    if (traces && isOfFastBatch) return false;
    if (tracesToOthers && block.includes("\nAccept-Encoding:")) return false;
    if (isWritten && repeatsName(subject)) return false;
    return !hidesLines(block);
  }

  /** Whether the peer itself may receive on this reply subject, and on all that a stream may make of one with wildcards. */
  #receives(subject: string): boolean {
    const tokens = subject.split(".");
    if (tokens.includes("")) return false;
    const wildcard = tokens.findIndex((token) => /[*>]/.test(token));
    const pattern = wildcard < 0 ? subject : [...tokens.slice(0, wildcard), ">"].join(".");
    const denies = wildcard < 0 ? matchesLiterally : overlap;
    const allowed = this.#rules.some(({ subscribe }) => {
      if (subscribe?.allow === "ALL") return true;
      return subscribe?.allow?.some((entry) => !entry.includes(" ") && contains(entry, pattern)) ?? false;
    });
    return allowed && !this.#denies("subscribe").some((entry) => !entry.includes(" ") && denies(entry, pattern));
  }

  #permitsSubscribe({ subject, queue }: Operation): boolean {
    // nats-server answers `Invalid Subject` and there is no subscription.
    if (!isInsertable(subject)) return true;
    if (queue === "_sys_" || subject.startsWith("$LDS.")) return false;
    const allowed = this.#rules.some(({ subscribe }) => {
      if (subscribe?.allow === "ALL") return true;
      const matching = (subscribe?.allow ?? []).map(parts).filter((entry) => matchesLiterally(entry.subject, subject));
      const containing = matching.filter((entry) => contains(entry.subject, subject));
      if (queue === "" || !matching.some((entry) => entry.queue !== undefined)) {
        return containing.some((entry) => entry.queue === undefined);
      }
      return containing.some((entry) => entry.queue !== undefined && queueMatches(entry.queue, queue));
    });
    if (!allowed) return false;
    return !this.#denies("subscribe").some((entry) => {
      const deny = parts(entry);
      const fits = deny.queue === undefined || (queue !== "" && queueMatches(deny.queue, queue));
      if (!fits) return false;
      if (matchesLiterally(deny.subject, subject)) return true;
      return queue !== "" && !isLiteral(subject) && overlap(deny.subject, subject);
    });
  }
}
