import { decimal } from "../bytes/digits";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { Operation } from "../nats/operation";
import { Reason, REASON_NAMES } from "../policy/reason";
import { setTextProperty } from "../proxy/properties";
import { OPERATION_NAMES } from "../telemetry/operations";
import { quotedBytes } from "../telemetry/quoted-bytes";
import { Connection } from "./connection";

/**
 * A connection's summary as filter state, for the access log: `wasm.nats_denied` and so on. It is set at the first refusal
 * and before the connection is let go; Envoy writes the access log after that.
 */
const PRINCIPAL: FixedText = fixedText("nats_principal");
const CLIENT_ID: FixedText = fixedText("nats_client_id");
const MESSAGES_IN: FixedText = fixedText("nats_messages_in");
const BYTES_IN: FixedText = fixedText("nats_bytes_in");
const MESSAGES_OUT: FixedText = fixedText("nats_messages_out");
const BYTES_OUT: FixedText = fixedText("nats_bytes_out");
const REFUSED: FixedText = fixedText("nats_refused");
const DENIED: FixedText = fixedText("nats_denied");
const LAST_REFUSAL: FixedText = fixedText("nats_last_refusal");

/** Bytes of a subject that are shown at most. */
const SHOWN: i32 = 128;

/**
 * Sets what the access log tells of a refusal, in place of the one before, such as `PUB orders.admin denied orders-api`: operation,
 * subject, reason and rule. Subjects hold no blank.
 */
export function summarizeRefusal(operation: Operation, name: usize, length: i32, reason: Reason, rule: string): void {
  const subject = length > 0 ? " " + quotedBytes(name, length, SHOWN) : "";
  const by = rule == "" ? "" : " " + rule;
  setTextProperty(DENIED, "1");
  setTextProperty(LAST_REFUSAL, OPERATION_NAMES[operation] + subject + " " + REASON_NAMES[reason] + by);
}

/** Sets the whole summary of a connection that ends. */
export function summarize(connection: Connection, principal: string): void {
  if (principal != "") setTextProperty(PRINCIPAL, principal);
  if (connection.clientId != 0) setTextProperty(CLIENT_ID, decimal(connection.clientId));
  setTextProperty(MESSAGES_IN, decimal(connection.messagesIn));
  setTextProperty(BYTES_IN, decimal(connection.bytesIn));
  setTextProperty(MESSAGES_OUT, decimal(connection.messagesOut));
  setTextProperty(BYTES_OUT, decimal(connection.bytesOut));
  setTextProperty(REFUSED, decimal(connection.refused));
  setTextProperty(DENIED, connection.refused > 0 ? "1" : "0");
}
