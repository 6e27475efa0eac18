import { Operation } from "../nats/operation";
import { Reason, REASON_NAMES } from "../policy/reason";
import { LogLevel, logText } from "../proxy/log";
import { bytesField, numberField, textField } from "./audit-fields";
import { FilterStats } from "./filter-stats";
import { orUnknown } from "./names";
import { OPERATION_NAMES } from "./operations";
import { PROTOCOL_ERROR_NAMES, ProtocolError } from "./protocol-error";
import { RateLimit } from "./rate-limit";
import { Totals } from "./totals";

/** The version of the records' form, `istio_nats_audit`. Within one version fields are only added. */
const FORM: string = "1";

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

/**
 * Audit records: one JSON line each, at the level that Istio shows. docs/reference/audit.schema.json describes them. Refusals can
 * come by the hundred thousand, and connections too, so both are limited, each on its own: what is left out is counted and
 * told with the next record of that kind, or by the tick.
 */
@final
export class Audit {
  /** Limits records of what is refused or unreadable. Connections hold its address. */
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
        numberField("duration_ms", <u64>max<i64>(milliseconds, 0)) +
        numberField("messages_in", totals.messagesIn) +
        numberField("bytes_in", totals.bytesIn) +
        numberField("messages_out", totals.messagesOut) +
        numberField("bytes_out", totals.bytesOut) +
        numberField("refused", totals.refused) +
        numberField("would_refuse", totals.wouldRefuse),
    );
  }

  /** One of `sample` allowed operations and deliveries. */
  allowed(who: AuditSubject, operation: Operation, rule: string, name: usize, nameLength: i32, bytes: i32): void {
    this.writeActivity(
      begin("allowed", who) +
        textField("operation", OPERATION_NAMES[operation]) +
        (nameLength > 0 ? bytesField("subject", name, nameLength) : "") +
        numberField("bytes", <u64>bytes) +
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
    const record = begin(dryRun ? "would_refuse" : "refused", who) + textField("operation", OPERATION_NAMES[operation]);
    this.writeJudgement(record, reason, rule, name, nameLength, queue, queueLength);
  }

  /** A peer may not connect at all. */
  connectionRefused(who: AuditSubject, dryRun: bool, reason: Reason, remedy: string): void {
    this.write(
      begin(dryRun ? "would_refuse_connection" : "connection_refused", who) +
        textField("reason", REASON_NAMES[reason]) +
        textField("remedy", remedy),
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
        textField("kind", PROTOCOL_ERROR_NAMES[kind]) +
        textField("remedy", remedy),
    );
  }

  /**
   * Tells what was left out, if no record came to tell it for a second. `stats` counts it in any case. `now` is in
   * milliseconds.
   */
  onTick(now: i64, stats: FilterStats): void {
    this.tell(this.refusals.isQuiet(now), this.activity.isQuiet(now), stats);
  }

  /** All root contexts are gone, so that no tick comes: tells and counts all that was left out. */
  finish(stats: FilterStats): void {
    this.tell(true, true, stats);
  }

  /** Tells in a record of its own what was left out, of one kind or both. Counts what was left out of either. */
  private tell(refusals: bool, activity: bool, stats: FilterStats): void {
    const record =
      (refusals ? suppressedField(SUPPRESSED, this.refusals) : "") +
      (activity ? suppressedField(SUPPRESSED_ACTIVITY, this.activity) : "");
    if (record != "") logText(LogLevel.WARN, START + textField("event", "suppressed") + record + "}");
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
    let record = start + textField("reason", REASON_NAMES[reason]);
    if (nameLength > 0) record += bytesField("subject", name, nameLength);
    if (queueLength > 0) record += bytesField("queue", queue, queueLength);
    this.write(record + ruleField(rule));
  }

  private write(record: string): void {
    logText(LogLevel.WARN, record + suppressedField(SUPPRESSED, this.refusals) + "}");
  }

  private writeActivity(record: string): void {
    logText(LogLevel.WARN, record + suppressedField(SUPPRESSED_ACTIVITY, this.activity) + "}");
  }
}

const START: string = '{"istio_nats_audit":' + FORM;

/** The names of the fields that tell how many refusals were left out, and how many records of connections and samples. */
const SUPPRESSED: string = "suppressed";
const SUPPRESSED_ACTIVITY: string = "suppressed_activity";

/** A field that tells what `limit` has held back since a record told it last; "" for nothing. */
function suppressedField(name: string, limit: RateLimit): string {
  const count = limit.take();
  return count > 0 ? numberField(name, <u64>count) : "";
}

function ruleField(rule: string): string {
  return rule == "" ? ',"rule":null' : textField("rule", rule);
}

function begin(event: string, who: AuditSubject): string {
  let record = START + textField("event", event);
  record += textField("source_principal", orUnknown(who.principal));
  if (who.sourceAddress != "") record += textField("source_address", who.sourceAddress);
  if (who.connectionId != 0) record += numberField("connection_id", who.connectionId);
  if (who.clientId != 0) record += numberField("client_id", who.clientId);
  return record;
}
