import { OPERATION_NAMES, PROTOCOL_ERROR_NAMES, ProtocolError } from "./stats";
import { Operation } from "../nats/operation";
import { writeQuoted } from "../nats/quote";
import { Reason, REASON_NAMES } from "../policy/reason";
import { LogLevel, logText } from "../proxy/log";

/** Bytes of a subject, reply or queue that a record shows; the rest is cut and marked. */
const SHOWN: i32 = 256;
/** SHOWN * QUOTED_GROWTH bytes. */
const quoteArea: usize = memory.data(1024);

/** UTF-16 units of one field; a certificate may name any URI. */
const LONGEST: i32 = 2048;

/** The version of the records' form: a field is only ever added within one. */
const VERSION: string = "1";

/** Who a record is about. Strings are "" and numbers 0 where unknown. */
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
 * Audit records: one JSON line each, at the level that Istio shows. Refusals can come by the hundred thousand, so a
 * bucket lets `burst` through at once and `perSecond` in the long run; what is left out is counted and told with the
 * next record, or by the tick.
 */
@final
export class Audit {
  private tokens: f64;
  private filledAt: i64 = 0;
  private suppressed: u64 = 0;

  constructor(
    private readonly perSecond: i32,
    private readonly burst: i32,
  ) {
    this.tokens = burst;
  }

  /** May one record be written now? If not it is counted as left out. */
  admits(now: i64): bool {
    if (this.filledAt != 0 && now > this.filledAt) {
      this.tokens = Math.min(this.burst, this.tokens + (<f64>(now - this.filledAt) * this.perSecond) / 1000);
    }
    this.filledAt = now;
    if (this.tokens < 1) {
      this.suppressed++;
      return false;
    }
    this.tokens -= 1;
    return true;
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
    let record = begin(dryRun ? "would_refuse" : "refused", who);
    record += field("operation", OPERATION_NAMES[operation]) + field("reason", REASON_NAMES[reason]);
    if (nameLength > 0) record += bytesField("subject", name, nameLength);
    if (queueLength > 0) record += bytesField("queue", queue, queueLength);
    record += rule == "" ? ',"rule":null' : field("rule", rule);
    this.write(record);
  }

  /** A peer may not connect at all. */
  connectionRefused(who: AuditSubject, dryRun: bool, reason: Reason, remedy: string): void {
    this.write(
      begin(dryRun ? "would_refuse_connection" : "connection_refused", who) +
        field("reason", REASON_NAMES[reason]) +
        field("remedy", remedy),
    );
  }

  /** A newer policy has ended a subscription, or with no subject the connection. */
  revoked(
    who: AuditSubject,
    reason: Reason,
    rule: string,
    name: usize,
    nameLength: i32,
    queue: usize,
    queueLength: i32,
  ): void {
    let record = begin("revoked", who) + field("reason", REASON_NAMES[reason]);
    if (nameLength > 0) record += bytesField("subject", name, nameLength);
    if (queueLength > 0) record += bytesField("queue", queue, queueLength);
    record += rule == "" ? ',"rule":null' : field("rule", rule);
    this.write(record);
  }

  /** A stream could not be read. */
  unreadable(who: AuditSubject, dryRun: bool, kind: ProtocolError, remedy: string): void {
    this.write(
      begin(dryRun ? "unreadable_passed" : "unreadable", who) +
        field("kind", PROTOCOL_ERROR_NAMES[kind]) +
        field("remedy", remedy),
    );
  }

  /** Tells what was left out, if no record came to tell it. */
  onTick(now: i64): void {
    if (this.suppressed == 0 || now - this.filledAt < 1000) return;
    this.write('{"istio_nats_audit":' + VERSION + ',"event":"suppressed"');
  }

  private write(record: string): void {
    if (this.suppressed > 0) {
      record += ',"suppressed":' + this.suppressed.toString();
      this.suppressed = 0;
    }
    logText(LogLevel.WARN, record + "}");
  }
}

function begin(event: string, who: AuditSubject): string {
  let record = '{"istio_nats_audit":' + VERSION + field("event", event);
  record += field("source_principal", who.principal == "" ? "unknown" : who.principal);
  if (who.sourceAddress != "") record += field("source_address", who.sourceAddress);
  if (who.connectionId != 0) record += ',"connection_id":' + who.connectionId.toString();
  if (who.clientId != 0) record += ',"client_id":' + who.clientId.toString();
  return record;
}

function field(name: string, value: string): string {
  if (value.length > LONGEST) value = value.substring(0, LONGEST) + "…";
  return ',"' + name + '":"' + escape(value) + '"';
}

/** Bytes of a client are shown as nats-server quotes them, so that the record and the client's error agree. */
function bytesField(name: string, pointer: usize, length: i32): string {
  const shown = min(length, SHOWN);
  const size = writeQuoted(pointer, shown, quoteArea);
  const text = String.UTF8.decodeUnsafe(quoteArea, <usize>size);
  return field(name, length > shown ? text + "…" : text);
}

/** JSON string escapes; `text` comes from quoting, configuration or certificates. */
function escape(text: string): string {
  let plain = true;
  for (let i = 0; i < text.length && plain; i++) {
    const c = text.charCodeAt(i);
    plain = c >= 0x20 && c != 0x22 && c != 0x5c && c != 0x7f;
  }
  if (plain) return text;
  let escaped = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x22 || c == 0x5c) escaped += "\\" + String.fromCharCode(c);
    else if (c < 0x20 || c == 0x7f) escaped += "\\u" + c.toString(16).padStart(4, "0");
    else escaped += String.fromCharCode(c);
  }
  return escaped;
}
