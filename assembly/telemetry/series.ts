import { Operation } from "../nats/operation";
import { SERVER_ERROR_COUNT, SERVER_ERROR_NAMES } from "../nats/server-errors";
import { Mode, MODES } from "../policy/rules";
import { MetricKind } from "../proxy/metrics";
import { label } from "./names";
import { OPERATION_COUNT, OPERATION_NAMES, Verdict, VERDICT_NAMES } from "./operations";
import { PROTOCOL_ERROR_COUNT, PROTOCOL_ERROR_NAMES, ProtocolError } from "./protocol-error";
import {
  BYTES,
  CONNECTIONS_ACTIVE,
  CONNECTIONS_CLOSED,
  CONNECTIONS_OPENED,
  DURATIONS_LEFT_OUT,
  MESSAGES,
  NO_RESPONDERS,
  OVER_MAXIMUM,
  PROTOCOL_ERRORS,
  REQUESTS_UNANSWERED,
  SERVER_ERRORS,
  SUBSCRIPTIONS_ACTIVE,
  UNTESTED_SERVERS,
} from "./stat-names";

/** Series of one principal, numbered so that counting is one addition into an array. */

/** Why a request has no answer. */
export const enum Unanswered {
  /** It may have one, which nobody here has seen: it is in no series. */
  UNSEEN = -1,
  EXPIRED = 0,
  EVICTED = 1,
  CLOSED = 2,
}

const UNANSWERED_NAMES: StaticArray<string> = ["expired", "evicted", "closed"];

/** What durations are of; the numbers index the histograms of a class. */
export const enum Duration {
  REQUEST = 0,
  SERVICE = 1,
  /** Of no class. */
  PING = 2,
}

const DURATION_NAMES: StaticArray<string> = ["request", "service", "ping"];

/** Series of a principal and a class of subjects: for each operation and verdict messages, then bytes; then requests. */
export const NO_RESPONDERS_AT: i32 = OPERATION_COUNT * 4;
/** One series for each `Unanswered`. */
export const UNANSWERED_AT: i32 = NO_RESPONDERS_AT + 1;
/** Durations that the histograms do not have, one series for each `Duration`. */
export const LEFT_OUT_AT: i32 = UNANSWERED_AT + Unanswered.CLOSED + 1;
export const CLASS_SERIES: i32 = LEFT_OUT_AT + Duration.PING + 1;

/** The number of the series that counts an operation's messages. That of its bytes is the next one. */
// @ts-ignore: decorator
@inline
export function messagesOf(operation: Operation, verdict: Verdict): i32 {
  return ((<i32>operation) << 2) + ((<i32>verdict) << 1);
}

/** The raw name of a series from 0 to before CLASS_SERIES, without the labels of principal and class that stand before it. */
export function classSeriesName(series: i32): string {
  if (series >= LEFT_OUT_AT) return label("kind", DURATION_NAMES[series - LEFT_OUT_AT]) + DURATIONS_LEFT_OUT;
  if (series >= UNANSWERED_AT) {
    return label("reason", UNANSWERED_NAMES[series - UNANSWERED_AT]) + REQUESTS_UNANSWERED;
  }
  if (series == NO_RESPONDERS_AT) return NO_RESPONDERS;
  return (
    label("operation", OPERATION_NAMES[series >> 2]) +
    label("verdict", VERDICT_NAMES[(series >> 1) & 1]) +
    ((series & 1) == 0 ? MESSAGES : BYTES)
  );
}

/** Series of a principal alone. Of connections that were opened there is one for each `Verdict`. */
export const OPENED_AT: i32 = 0;
export const CLOSED_AT: i32 = OPENED_AT + Verdict.REFUSED + 1;
export const ACTIVE_AT: i32 = CLOSED_AT + 1;
export const SUBSCRIPTIONS_AT: i32 = ACTIVE_AT + 1;
export const UNTESTED_AT: i32 = SUBSCRIPTIONS_AT + 1;
export const OVER_MAXIMUM_AT: i32 = UNTESTED_AT + 1;
const PROTOCOL_ERRORS_AT: i32 = OVER_MAXIMUM_AT + 1;
export const SERVER_ERRORS_AT: i32 = PROTOCOL_ERRORS_AT + PROTOCOL_ERROR_COUNT * 2;
export const OWN_SERIES: i32 = SERVER_ERRORS_AT + SERVER_ERROR_COUNT;

/** The number of the series that counts streams of that kind, of a connection under a policy of that mode. */
export function protocolErrorsOf(kind: ProtocolError, mode: Mode): i32 {
  return PROTOCOL_ERRORS_AT + ((<i32>kind) << 1) + <i32>mode;
}

/** The kind of a series from 0 to before OWN_SERIES. */
export function ownSeriesKind(series: i32): MetricKind {
  return series == ACTIVE_AT || series == SUBSCRIPTIONS_AT ? MetricKind.GAUGE : MetricKind.COUNTER;
}

/** The raw name of a series from 0 to before OWN_SERIES, without the principal's labels that stand before it. */
export function ownSeriesName(series: i32): string {
  if (series < CLOSED_AT) return label("verdict", VERDICT_NAMES[series - OPENED_AT]) + CONNECTIONS_OPENED;
  if (series == CLOSED_AT) return CONNECTIONS_CLOSED;
  if (series == ACTIVE_AT) return CONNECTIONS_ACTIVE;
  if (series == SUBSCRIPTIONS_AT) return SUBSCRIPTIONS_ACTIVE;
  if (series == UNTESTED_AT) return UNTESTED_SERVERS;
  if (series == OVER_MAXIMUM_AT) return OVER_MAXIMUM;
  if (series < SERVER_ERRORS_AT) {
    const at = series - PROTOCOL_ERRORS_AT;
    return label("kind", PROTOCOL_ERROR_NAMES[at >> 1]) + label("mode", MODES[at & 1]) + PROTOCOL_ERRORS;
  }
  return label("kind", SERVER_ERROR_NAMES[series - SERVER_ERRORS_AT]) + SERVER_ERRORS;
}
