import { FixedText, fixedText } from "../bytes/fixed-text";
import { ClientLine } from "../nats/client-line";
import { Operation } from "../nats/operation";
import { ServerError } from "../nats/server-errors";
import { ServerLine } from "../nats/server-line";
import { classOf, reasonOf, ruleOf } from "../policy/answer";
import { NONE } from "../policy/none";
import { Reason } from "../policy/reason";
import { NO_SUBJECT } from "../policy/subject-classes";
import { numberProperty, textProperty } from "../proxy/properties";
import { actOn } from "../proxy/stream";
import { AuditSubject } from "../telemetry/audit";
import { Meter } from "../telemetry/meter";
import { UNKNOWN } from "../telemetry/names";
import { PROTOCOL_ERROR_REMEDIES, ProtocolError } from "../telemetry/protocol-error";
import { Access } from "./access";
import { callbackTime } from "./callback-time";
import { clientOf } from "./client";
import { Connection } from "./connection";
import { RootTelemetry } from "./root-telemetry";
import { queueLengthOf, queueOf, subjectLengthOf, subjectOf } from "./subscription";
import { summarize, summarizeRefusal } from "./summary";

const CONNECTION_ID: FixedText = fixedText("connection\0id");
const SOURCE_ADDRESS: FixedText = fixedText("source\0address");

/**
 * Whom a record is about. Two properties are read from the host for that, so only for a record that is written, at most
 * `refusalsPerSecond` times. The host is turned to the connection for them, as the tick and callbacks of others must.
 */
function auditSubjectOf(connection: Connection): AuditSubject {
  actOn(connection.id);
  return new AuditSubject(
    clientOf(connection.id).principal,
    textProperty(SOURCE_ADDRESS),
    numberProperty(CONNECTION_ID),
    connection.clientId,
  );
}

function telemetryOf(connection: Connection): RootTelemetry {
  return clientOf(connection.id).telemetry;
}

/**
 * Who counts what nats-server says. It speaks first, and what it says before the client has sent anything may be its last word:
 * that there are too many connections, or that it is no nats-server.
 */
function listenerOf(connection: Connection): Meter {
  const meter = connection.meter;
  return meter != null ? meter : telemetryOf(connection).unknownPeer;
}

function ruleName(connection: Connection, rule: i32): string {
  return rule == NONE ? "" : clientOf(connection.id).rules.document.names.of(rule);
}

/** The number under which stats know the rule that decided. Nearly always it is the rule of the refusal before, and so kept. */
// @ts-ignore: decorator
@inline
function ruleLabel(connection: Connection, access: Access): i32 {
  return access.rule == access.labelled ? access.label : labelAnew(connection, access);
}

function labelAnew(connection: Connection, access: Access): i32 {
  const client = clientOf(connection.id);
  const rule = access.rule;
  access.label = <u16>(rule == NONE ? UNKNOWN : client.telemetry.ruleLabel(client.rules.document, rule));
  access.labelled = rule;
  return access.label;
}

/**
 * Writes a record of a refusal, unless there were too many, and keeps for the access log the first refusal and each of which there is
 * a record. What was refused, and by which rule, is in `access`.
 */
export function recordRefusal(
  connection: Connection,
  dryRun: bool,
  operation: Operation,
  reason: Reason,
  access: Access,
  queue: usize,
  queueLength: i32,
): void {
  const rate = connection.refusalRate;
  const admitted = rate != null && rate.admits(callbackTime());
  if (!admitted && (dryRun || connection.refused > 1)) return;
  const rule = ruleName(connection, access.rule);
  if (!dryRun) summarizeRefusal(operation, access.name, access.nameLength, reason, rule);
  if (!admitted) return;
  telemetryOf(connection).audit.refusal(
    auditSubjectOf(connection),
    dryRun,
    operation,
    reason,
    rule,
    access.name,
    access.nameLength,
    queue,
    queueLength,
  );
}

/** A client's operation was refused: counts it and writes a record. */
export function reportRefusal(connection: Connection, line: ClientLine, reason: Reason, access: Access): void {
  const operation = line.operation;
  const isSub = operation == Operation.SUB;
  connection.refused++;
  const meter = connection.meter;
  if (meter != null) {
    // Refused by the lists alone, which have been asked about this subject last, and have found its class with the answer.
    const isKnown = !isSub && (reason == Reason.DENIED || reason == Reason.NOT_ALLOWED);
    const subjectClass = isKnown
      ? access.permissions.subjectClass
      : connection.classOf(line.subject, line.subjectLength);
    meter.refused(operation, subjectClass, reason, ruleLabel(connection, access), isSub ? 0 : <u64>line.size);
  }
  recordRefusal(connection, false, operation, reason, access, line.queue, isSub ? line.queueLength : 0);
}

/** Counts `count` publishes that the lists have refused by this answer, with `bytes` of payload together. */
export function countRefusedPublishes(
  connection: Connection,
  access: Access,
  meter: Meter,
  answer: u64,
  count: u64,
  bytes: u64,
): void {
  if (count == 0) return;
  access.rule = ruleOf(answer);
  const label = ruleLabel(connection, access);
  meter.refused(Operation.PUB, classOf(answer), reasonOf(answer), label, bytes, count);
}

/** A client's operation passed that rules in DRY_RUN would have refused: counts it and writes a record. */
export function reportDryRun(connection: Connection, line: ClientLine, reason: Reason, access: Access): void {
  countDryRun(connection, line.operation, line.subject, line.subjectLength, reason, access);
  const queueLength = line.operation == Operation.SUB ? line.queueLength : 0;
  recordRefusal(connection, true, line.operation, reason, access, line.queue, queueLength);
}

/** A delivery was kept back, or in DRY_RUN would have been. */
export function reportDelivery(connection: Connection, dryRun: bool, line: ServerLine, access: Access): void {
  const operation = line.operation;
  if (dryRun) countDryRun(connection, operation, line.subject, line.subjectLength, Reason.DENIED, access);
  else countRefusedDelivery(connection, line, Reason.DENIED, ruleLabel(connection, access));
  recordRefusal(connection, dryRun, operation, Reason.DENIED, access, 0, 0);
}

/**
 * A message for a subscription that a newer policy has ended was kept back: counts it, and keeps it for the access log if it is the
 * connection's first refusal. The audit has told of that end.
 */
export function reportRevokedDelivery(connection: Connection, line: ServerLine): void {
  countRefusedDelivery(connection, line, Reason.REVOKED, UNKNOWN);
  if (connection.refused == 1) {
    summarizeRefusal(line.operation, line.subject, line.subjectLength, Reason.REVOKED, "");
  }
}

/** A newer policy has ended a subscription. */
export function reportRevoked(connection: Connection, sub: usize, reason: Reason, rule: i32): void {
  const telemetry = telemetryOf(connection);
  telemetry.stats.revokedSubscription();
  if (!telemetry.audit.admits(callbackTime())) return;
  telemetry.audit.revoked(
    auditSubjectOf(connection),
    reason,
    ruleName(connection, rule),
    subjectOf(sub),
    subjectLengthOf(sub),
    queueOf(sub),
    queueLengthOf(sub),
  );
}

/** A newer policy has ended the connection itself. */
export function reportRevokedConnection(connection: Connection, reason: Reason): void {
  const telemetry = telemetryOf(connection);
  telemetry.stats.revokedConnection();
  if (!telemetry.audit.admits(callbackTime())) return;
  telemetry.audit.revoked(auditSubjectOf(connection), reason, "", 0, 0, 0, 0);
}

/** Counts a delivery that was kept back. `label` is the number of a rule's name in stats. */
function countRefusedDelivery(connection: Connection, line: ServerLine, reason: Reason, label: i32): void {
  connection.refused++;
  const meter = connection.meter;
  if (meter == null) return;
  const subjectClass = connection.classOf(line.subject, line.subjectLength);
  meter.refused(line.operation, subjectClass, reason, label, <u64>line.size);
}

function countDryRun(
  connection: Connection,
  operation: Operation,
  subject: usize,
  length: i32,
  reason: Reason,
  access: Access,
): void {
  connection.wouldRefuse++;
  const meter = connection.meter;
  if (meter == null) return;
  meter.wouldRefuse(operation, connection.classOf(subject, length), reason, ruleLabel(connection, access));
}

/**
 * Audits an allowed operation if it is one of `audit.sample`. Not to be called for one that rules in DRY_RUN would have refused: of it
 * `reportDryRun` has written, and the rule that decided last is the one that refused.
 */
// @ts-ignore: decorator
@inline
export function sample(connection: Connection, line: ClientLine): void {
  const sampler = connection.sampler;
  if (sampler == null || !sampler.picks()) return;
  const access = connection.judging;
  const bytes = line.operation == Operation.SUB ? 0 : line.size;
  reportAllowed(
    connection,
    line.operation,
    line.subject,
    line.subjectLength,
    bytes,
    access == null ? NONE : access.rule,
  );
}

/** The same for a delivery, which no single rule has allowed. */
// @ts-ignore: decorator
@inline
export function sampleDelivery(connection: Connection, line: ServerLine): void {
  const sampler = connection.sampler;
  if (sampler == null || !sampler.picks()) return;
  reportAllowed(connection, line.operation, line.subject, line.subjectLength, line.size, NONE);
}

function reportAllowed(
  connection: Connection,
  operation: Operation,
  subject: usize,
  length: i32,
  bytes: i32,
  rule: i32,
): void {
  const audit = telemetryOf(connection).audit;
  if (!audit.admitsActivity(callbackTime())) return;
  audit.allowed(auditSubjectOf(connection), operation, ruleName(connection, rule), subject, length, bytes);
}

/** nats-server tells the client of an error of its own: counts it. */
export function reportServerError(connection: Connection, kind: ServerError): void {
  listenerOf(connection).serverError(kind);
}

/** What an operator should look at when a peer may not connect. */
function remedyOf(reason: Reason): string {
  return reason == Reason.UNAUTHENTICATED
    ? "the peer has no certificate of a trust domain in trustDomains: require mTLS (PeerAuthentication STRICT) or add the alias"
    : "no rule that allows anything matches this principal: add it to the from of one";
}

/** A peer may not connect, or with `dryRun` might not: stats, summary for the access log, and audit within its rate. */
export function reportConnectionRefused(connection: Connection, dryRun: bool, reason: Reason): void {
  const audit = telemetryOf(connection).audit;
  const meter = connection.meter;
  if (dryRun) connection.wouldRefuse++;
  else connection.refused++;
  if (meter != null) {
    if (dryRun) meter.wouldRefuse(Operation.CONNECT, NO_SUBJECT, reason, UNKNOWN);
    else meter.refused(Operation.CONNECT, NO_SUBJECT, reason, UNKNOWN, 0);
  }
  if (!dryRun) summarizeRefusal(Operation.CONNECT, 0, 0, reason, "");
  if (!audit.admits(callbackTime())) return;
  audit.connectionRefused(auditSubjectOf(connection), dryRun, reason, remedyOf(reason));
}

/** The peer may connect. */
export function reportConnected(connection: Connection): void {
  const now = callbackTime();
  connection.openedAt = now;
  const audit = telemetryOf(connection).audit;
  if (audit.admitsActivity(now)) audit.connected(auditSubjectOf(connection));
}

/**
 * A connection has ended of whose peer something is known: its summary goes to the access log, and to the audit if the peer was
 * let in.
 */
export function reportConnectionClosed(connection: Connection): void {
  if (connection.meter == null) return;
  const client = clientOf(connection.id);
  summarize(connection, client.principal);
  if (connection.openedAt == 0) return;
  const now = callbackTime();
  const audit = client.telemetry.audit;
  if (!audit.admitsActivity(now)) return;
  audit.disconnected(auditSubjectOf(connection), connection, now - connection.openedAt);
}

/**
 * A stream could not be read, its connection is ended for another reason, or a delivery is dropped (LINE_BREAK): counts it, and
 * writes a record with the remedy unless there were too many.
 */
export function reportUnreadable(connection: Connection, kind: ProtocolError): void {
  // A delivery alone passes wherever it is observed.
  const passes = kind == ProtocolError.LINE_BREAK ? connection.observing : connection.passesUnread;
  listenerOf(connection).protocolError(kind, passes);
  const audit = telemetryOf(connection).audit;
  if (!audit.admits(callbackTime())) return;
  audit.unreadable(auditSubjectOf(connection), passes, kind, PROTOCOL_ERROR_REMEDIES[kind]);
}
