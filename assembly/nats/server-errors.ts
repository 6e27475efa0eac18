import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";

/** What a `-ERR` of nats-server is about. The numbers index SERVER_ERROR_NAMES. */
export const enum ServerError {
  OTHER = 0,
  PERMISSIONS_VIOLATION = 1,
  AUTHORIZATION_VIOLATION = 2,
  AUTHENTICATION_TIMEOUT = 3,
  AUTHENTICATION_EXPIRED = 4,
  AUTHENTICATION_REVOKED = 5,
  UNKNOWN_OPERATION = 6,
  CONTROL_LINE = 7,
  PAYLOAD = 8,
  SUBSCRIPTIONS = 9,
  CONNECTIONS = 10,
  STALE_CONNECTION = 11,
  SLOW_CONSUMER = 12,
  TLS_REQUIRED = 13,
  THROTTLED = 14,
  INVALID_SUBJECT = 15,
  INVALID_CLIENT = 16,
}

/** How stats call them (label `kind`), by `ServerError`. */
export const SERVER_ERROR_NAMES: StaticArray<string> = [
  "other",
  "permissions_violation",
  "authorization_violation",
  "authentication_timeout",
  "authentication_expired",
  "authentication_revoked",
  "unknown_operation",
  "control_line",
  "payload",
  "subscriptions",
  "connections",
  "stale_connection",
  "slow_consumer",
  "tls_required",
  "throttled",
  "invalid_subject",
  "invalid_client",
];

/** The number of kinds. */
export const SERVER_ERROR_COUNT: i32 = ServerError.INVALID_CLIENT + 1;

/** Beginnings of the texts in nats-server 2.10 to 2.15 (errors.go, client.go, auth.go, parser.go), each with its kind. */
const TEXTS: StaticArray<FixedText> = [
  fixedText("'Permissions Violation"),
  fixedText("'Authorization Violation"),
  fixedText("'Authentication Timeout"),
  fixedText("'User Authentication Expired"),
  fixedText("'Account Authentication Expired"),
  fixedText("'User Authentication Revoked"),
  fixedText("'Unknown Protocol Operation"),
  fixedText("'maximum control line exceeded"),
  fixedText("'Maximum Payload Violation"),
  fixedText("'maximum subscriptions exceeded"),
  fixedText("'maximum connections exceeded"),
  fixedText("'maximum account active connections exceeded"),
  fixedText("'Stale Connection"),
  fixedText("'Slow Consumer"),
  fixedText("'Secure Connection - TLS Required"),
  fixedText("'Connection throttling is active"),
  fixedText("'Invalid Subject"),
  fixedText("'Invalid Publish Subject"),
  fixedText("'invalid client protocol"),
  fixedText("'no responders requires headers support"),
];
const KINDS: StaticArray<ServerError> = [
  ServerError.PERMISSIONS_VIOLATION,
  ServerError.AUTHORIZATION_VIOLATION,
  ServerError.AUTHENTICATION_TIMEOUT,
  ServerError.AUTHENTICATION_EXPIRED,
  ServerError.AUTHENTICATION_EXPIRED,
  ServerError.AUTHENTICATION_REVOKED,
  ServerError.UNKNOWN_OPERATION,
  ServerError.CONTROL_LINE,
  ServerError.PAYLOAD,
  ServerError.SUBSCRIPTIONS,
  ServerError.CONNECTIONS,
  ServerError.CONNECTIONS,
  ServerError.STALE_CONNECTION,
  ServerError.SLOW_CONSUMER,
  ServerError.TLS_REQUIRED,
  ServerError.THROTTLED,
  ServerError.INVALID_SUBJECT,
  ServerError.INVALID_SUBJECT,
  ServerError.INVALID_CLIENT,
  ServerError.INVALID_CLIENT,
];

/** The kind of a `-ERR` whose text, with its opening quote, is these bytes; OTHER for a text that is not known. */
export function serverErrorOf(pointer: usize, length: i32): ServerError {
  for (let i = 0; i < TEXTS.length; i++) {
    if (startsWith(pointer, length, unchecked(TEXTS[i]))) return KINDS[i];
  }
  return ServerError.OTHER;
}
