import { decimal, hexDigit } from "../bytes/digits";
import { beginning } from "../bytes/text";
import { Operation } from "../nats/operation";
import { Reason, REASON_NAMES } from "../policy/reason";
import { LogLevel, logText } from "../proxy/log";
import { FilterStats } from "./filter-stats";
import { OPERATION_NAMES } from "./operations";
import { PROTOCOL_ERROR_NAMES, ProtocolError } from "./protocol-error";
import { quotedBytes } from "./quoted-bytes";
import { RateLimit } from "./rate-limit";

/** Bytes of a subject, reply or queue that a record shows; the rest is cut and marked. */
const SHOWN: i32 = 256;

/** UTF-16 units of a field that are shown, since a certificate may name any URI. */
const LONGEST: i32 = 2048;

/** The version of the records' form, `istio_nats_audit`. Within one version fields are only added. */
const VERSION: string = "1";

/** Whom a record is about. Texts are "" and numbers 0 where unknown. */
@final
export class AuditSubject {
  constructor(
    readonly principal: string,
    readonly sourceAddress: string,
    readonly connectionId: u64,
    readonly clientId: u64,
  ) {}
}

/** What a connection has done, for its last record and for the access log. */
@unmanaged
@final
export class Totals {
  /**
   * From the client to nats-server (`in`), and from nats-server to the client (`out`). Bytes are those of payloads with their
   * headers.
   */
  messagesIn: u64 = 0;
  bytesIn: u64 = 0;
  messagesOut: u64 = 0;
  bytesOut: u64 = 0;
  /** Operations and deliveries that were refused, and those that rules or a configuration in DRY_RUN would have refused. */
  refused: u64 = 0;
  wouldRefuse: u64 = 0;

  /** Gives back the object itself. */
  destroy(): void {
    heap.free(changetype<usize>(this));
  }
}

/**
 * Audit records: one JSON line each, at the level that Istio shows. docs/audit.schema.json describes them. Refusals can
 * come by the hundred thousand, and connections too, so both are limited, each on its own: what is left out is counted and
 * told with the next record of that kind, or by the tick.
 */
@final
export class Audit {
  /** Limits records of what is refused or unreadable. Connections hold its address until `finish` gives it back. */
  readonly refusals: RateLimit = new RateLimit();
  private readonly activity: RateLimit = new RateLimit();

  /** Allows `perSecond` records of each kind in the long run, and `burst` at once after a quiet time. */
  setRate(perSecond: i32, burst: i32): void {
    this.refusals.setRate(perSecond, burst);
    this.activity.setRate(perSecond, burst);
  }

  /**
   * May a record of something refused or unreadable be written at this time, in milliseconds? If not, it is counted as left
   * out.
   */
  admits(now: i64): bool {
    return this.refusals.admits(now);
  }

  /** The same for a record of a connection, or of something allowed. */
  admitsActivity(now: i64): bool {
    return this.activity.admits(now);
  }

  /** A peer may connect. */
  connected(who: AuditSubject): void {
    this.writeActivity(begin("connected", who));
  }

  /** The connection of a peer that was let in has ended. `milliseconds` are negative where the host's clock was set back since. */
  disconnected(who: AuditSubject, totals: Totals, milliseconds: i64): void {
    this.writeActivity(
      begin("disconnected", who) +
        number("duration_ms", <u64>max<i64>(milliseconds, 0)) +
        number("messages_in", totals.messagesIn) +
        number("bytes_in", totals.bytesIn) +
        number("messages_out", totals.messagesOut) +
        number("bytes_out", totals.bytesOut) +
        number("refused", totals.refused) +
        number("would_refuse", totals.wouldRefuse),
    );
  }

  /** One of `sample` allowed operations and deliveries. */
  allowed(who: AuditSubject, operation: Operation, rule: string, name: usize, nameLength: i32, bytes: i32): void {
    this.writeActivity(
      begin("allowed", who) +
        field("operation", OPERATION_NAMES[operation]) +
        (nameLength > 0 ? bytesField("subject", name, nameLength) : "") +
        number("bytes", <u64>bytes) +
        ruleField(rule),
    );
  }

  /** An operation was refused, or in DRY_RUN would have been. `rule` is "" when no rule decided. */
  refusal(
    who: AuditSubject,
    dryRun: bool,
    operation: Operation,
    reason: Reason,
    rule: string,
    name: usize,
    nameLength: i32,
    queue: usize,
    queueLength: i32,
  ): void {
    const record = begin(dryRun ? "would_refuse" : "refused", who) + field("operation", OPERATION_NAMES[operation]);
    this.writeJudgement(record, reason, rule, name, nameLength, queue, queueLength);
  }

  /** A peer may not connect at all. */
  connectionRefused(who: AuditSubject, dryRun: bool, reason: Reason, remedy: string): void {
    this.write(
      begin(dryRun ? "would_refuse_connection" : "connection_refused", who) +
        field("reason", REASON_NAMES[reason]) +
        field("remedy", remedy),
    );
  }

  /** A newer policy has ended a subscription; with `nameLength` 0, the connection. */
  revoked(
    who: AuditSubject,
    reason: Reason,
    rule: string,
    name: usize,
    nameLength: i32,
    queue: usize,
    queueLength: i32,
  ): void {
    this.writeJudgement(begin("revoked", who), reason, rule, name, nameLength, queue, queueLength);
  }

  /** A stream could not be read. */
  unreadable(who: AuditSubject, dryRun: bool, kind: ProtocolError, remedy: string): void {
    this.write(
      begin(dryRun ? "unreadable_passed" : "unreadable", who) +
        field("kind", PROTOCOL_ERROR_NAMES[kind]) +
        field("remedy", remedy),
    );
  }

  /**
   * Tells what was left out, if no record came to tell it for a second. `stats` counts it in any case. `now` is in
   * milliseconds.
   */
  onTick(now: i64, stats: FilterStats): void {
    this.tell(this.refusals.isQuiet(now), this.activity.isQuiet(now), stats);
  }

  /** No record will come any more. Tells and counts all that was left out, and gives back what is not the collector's. */
  finish(stats: FilterStats): void {
    this.tell(true, true, stats);
    this.refusals.destroy();
    this.activity.destroy();
  }

  /** Tells in a record of its own what was left out, of one kind or both. Counts what was left out of either. */
  private tell(refusals: bool, activity: bool, stats: FilterStats): void {
    const record = (refusals ? suppressedField(this.refusals) : "") + (activity ? activityField(this.activity) : "");
    if (record != "") logText(LogLevel.WARN, START + field("event", "suppressed") + record + "}");
    stats.auditSuppressed(this.refusals.takeUncounted() + this.activity.takeUncounted());
  }

  private writeJudgement(
    start: string,
    reason: Reason,
    rule: string,
    name: usize,
    nameLength: i32,
    queue: usize,
    queueLength: i32,
  ): void {
    let record = start + field("reason", REASON_NAMES[reason]);
    if (nameLength > 0) record += bytesField("subject", name, nameLength);
    if (queueLength > 0) record += bytesField("queue", queue, queueLength);
    this.write(record + ruleField(rule));
  }

  private write(record: string): void {
    logText(LogLevel.WARN, record + suppressedField(this.refusals) + "}");
  }

  private writeActivity(record: string): void {
    logText(LogLevel.WARN, record + activityField(this.activity) + "}");
  }
}

const START: string = '{"istio_nats_audit":' + VERSION;

function suppressedField(limit: RateLimit): string {
  return limit.suppressed > 0 ? number("suppressed", <u64>limit.take()) : "";
}

function activityField(limit: RateLimit): string {
  return limit.suppressed > 0 ? number("suppressed_activity", <u64>limit.take()) : "";
}

function ruleField(rule: string): string {
  return rule == "" ? ',"rule":null' : field("rule", rule);
}

function begin(event: string, who: AuditSubject): string {
  let record = START + field("event", event);
  record += field("source_principal", who.principal == "" ? "unknown" : who.principal);
  if (who.sourceAddress != "") record += field("source_address", who.sourceAddress);
  if (who.connectionId != 0) record += number("connection_id", who.connectionId);
  if (who.clientId != 0) record += number("client_id", who.clientId);
  return record;
}

function number(name: string, value: u64): string {
  return ',"' + name + '":' + decimal(value);
}

function field(name: string, value: string): string {
  if (value.length > LONGEST) value = beginning(value, LONGEST) + "…";
  return ',"' + name + '":"' + escape(value) + '"';
}

function bytesField(name: string, pointer: usize, length: i32): string {
  const text = quotedBytes(pointer, length, SHOWN);
  return field(name, length > SHOWN ? text + "…" : text);
}

/** JSON string escapes; `text` comes from quoting, configuration or certificates. */
function escape(text: string): string {
  let length = text.length;
  for (let i = 0; i < text.length; i++) length += growthOf(text.charCodeAt(i));
  if (length == text.length) return text;
  // Written into one block: a string to which units are added is copied for each of them.
  const area = heap.alloc((<usize>length) << 1);
  let p = area;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const growth = growthOf(c);
    if (growth > 0) {
      store<u16>(p, 0x5c);
      p += 2;
    }
    if (growth > 1) {
      // `u00` and the higher digit of two, which is at most 7.
      store<u64>(p, 0x0030_0030_0030_0075 + ((<u64>(c >> 4)) << 48));
      p += 8;
    }
    store<u16>(p, growth > 1 ? hexDigit(c) : c);
    p += 2;
  }
  const escaped = String.UTF16.decodeUnsafe(area, (<usize>length) << 1);
  heap.free(area);
  return escaped;
}

/** By how many units a unit is longer when it is escaped: as `\"`, `\\` or `\u0001`. */
function growthOf(c: i32): i32 {
  if (c == 0x22 || c == 0x5c) return 1;
  return c < 0x20 || c == 0x7f ? 5 : 0;
}
