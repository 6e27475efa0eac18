import { ClientLine } from "../nats/client-line";
import { Operation } from "../nats/operation";
import { NONE } from "../policy/matcher";
import { Reason } from "../policy/reason";
import { numberProperty, propertyPath, textProperty } from "../proxy/properties";
import { actOn } from "../proxy/stream";
import { AuditSubject } from "../telemetry/audit";
import { ProtocolError } from "../telemetry/stats";
import { Access } from "./access";
import { callbackTime } from "./callback-time";
import { clientOf } from "./client";
import { Connection } from "./connection";
import { queueLengthOf, queueOf, subjectLengthOf, subjectOf as subjectOfSubscription } from "./subscriptions";

const CONNECTION_ID: StaticArray<u8> = propertyPath(["connection", "id"]);
const SOURCE_ADDRESS: StaticArray<u8> = propertyPath(["source", "address"]);

/** Properties are read only for a record that is written: two host calls, at most `refusalsPerSecond` times. */
function subjectOf(connection: Connection): AuditSubject {
  return new AuditSubject(
    clientOf(connection.id).principal,
    textProperty(SOURCE_ADDRESS),
    numberProperty(CONNECTION_ID),
    connection.clientId,
  );
}

function ruleName(connection: Connection, rule: i32): string {
  return rule == NONE ? "" : clientOf(connection.id).rules.document.rules[rule].name;
}

function audit(
  connection: Connection,
  dryRun: bool,
  operation: Operation,
  reason: Reason,
  access: Access,
  queue: usize,
  queueLength: i32,
): void {
  const audit = clientOf(connection.id).plugin.audit;
  if (!audit.admits(callbackTime())) return;
  audit.refusal(
    subjectOf(connection),
    dryRun,
    operation,
    reason,
    ruleName(connection, access.rule),
    access.name,
    access.nameLength,
    queue,
    queueLength,
  );
}

/** A client's operation was refused: count it and write a record. `bytes` is the payload's size. */
export function reportRefusal(connection: Connection, line: ClientLine, reason: Reason, access: Access): void {
  const operation = line.operation;
  const meter = connection.meter;
  const bytes = operation == Operation.SUB ? 0 : line.size;
  if (meter != null) meter.refused(operation, reason, bytes);
  const queueLength = operation == Operation.SUB ? line.queueLength : 0;
  audit(connection, false, operation, reason, access, line.queue, queueLength);
}

/** The same for what passed, and that dry-run rules would have refused. */
export function reportDryRun(connection: Connection, line: ClientLine, reason: Reason, access: Access): void {
  const meter = connection.meter;
  if (meter != null) meter.wouldRefuse(line.operation, reason);
  const queueLength = line.operation == Operation.SUB ? line.queueLength : 0;
  audit(connection, true, line.operation, reason, access, line.queue, queueLength);
}

/** A delivery was kept back, or in DRY_RUN would have been. */
export function reportDelivery(
  connection: Connection,
  dryRun: bool,
  operation: Operation,
  bytes: i32,
  access: Access,
): void {
  const meter = connection.meter;
  if (meter != null) {
    if (dryRun) meter.wouldRefuse(operation, Reason.DENIED);
    else meter.refused(operation, Reason.DENIED, bytes);
  }
  audit(connection, dryRun, operation, Reason.DENIED, access, 0, 0);
}

/** A newer policy has ended a subscription. */
export function reportRevoked(connection: Connection, sub: usize, reason: Reason, rule: i32): void {
  const plugin = clientOf(connection.id).plugin;
  plugin.policy.stats.revokedSubscription();
  if (!plugin.audit.admits(callbackTime())) return;
  actOn(connection.id);
  plugin.audit.revoked(
    subjectOf(connection),
    reason,
    ruleName(connection, rule),
    subjectOfSubscription(sub),
    subjectLengthOf(sub),
    queueOf(sub),
    queueLengthOf(sub),
  );
}

/** A newer policy has ended the connection itself. */
export function reportRevokedConnection(connection: Connection, reason: Reason): void {
  const plugin = clientOf(connection.id).plugin;
  plugin.policy.stats.revokedConnection();
  if (!plugin.audit.admits(callbackTime())) return;
  actOn(connection.id);
  plugin.audit.revoked(subjectOf(connection), reason, "", 0, 0, 0, 0);
}

/** What an operator should look at when a peer may not connect. */
function remedyOf(reason: Reason): string {
  return reason == Reason.UNAUTHENTICATED
    ? "the peer has no certificate of a trust domain in trustDomains: require mTLS (PeerAuthentication STRICT) or add the alias"
    : "no rule with an allow matches this principal: add it to the from of a rule";
}

export function reportConnectionRefused(connection: Connection, dryRun: bool, reason: Reason): void {
  const audit = clientOf(connection.id).plugin.audit;
  const meter = connection.meter;
  if (meter != null) {
    if (dryRun) meter.wouldRefuse(Operation.CONNECT, reason);
    else meter.refused(Operation.CONNECT, reason, 0);
  }
  if (!audit.admits(callbackTime())) return;
  audit.connectionRefused(subjectOf(connection), dryRun, reason, remedyOf(reason));
}

const REMEDIES: StaticArray<string> = [
  "bytes that are no NATS operation: is something else than a NATS client sent to this port?",
  "a NATS operation with wrong arguments: nats-server would close the connection too",
  "a control line longer than limits.controlLine: raise it together with nats-server's max_control_line",
  "a payload larger than nats-server's max_payload or limits.payload",
  "a payload that does not end with CR LF where its size says",
  "a CONNECT that is no JSON object of the right types",
  "HPUB without headers in CONNECT or INFO",
  "TLS inside the stream: the mesh encrypts, so turn NATS TLS off in client and nats-server (tls_required, handshake_first)",
  "HTTP on the NATS client port: the WebSocket port is another one",
  "a PROXY protocol header: remove it before this filter",
  "nats-server sent bytes that are no NATS operation: is the destination a NATS client port?",
  "the stream ended inside an operation",
  "limits.memory of this VM is used up: raise it, or look for clients that do not read",
  "the proxy would not hand over or take bytes; please report this",
  "a publisher put a line break into a subject; the message was dropped: put that publisher behind the filter too",
  "nats-server requires TLS inside the stream (tls_required in its INFO), which the mesh has encrypted already: turn its tls block off, or use allow_non_tls",
];

export function reportUnreadable(connection: Connection, kind: ProtocolError): void {
  const meter = connection.meter;
  if (meter != null) meter.protocolError(kind);
  const audit = clientOf(connection.id).plugin.audit;
  if (!audit.admits(callbackTime())) return;
  audit.unreadable(subjectOf(connection), connection.observing, kind, REMEDIES[kind]);
}
