import { startsWith } from "../bytes/compare";
import { utf8 } from "../bytes/text";

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
const TEXTS: StaticArray<StaticArray<u8>> = [
  utf8("'Permissions Violation"),
  utf8("'Authorization Violation"),
  utf8("'Authentication Timeout"),
  utf8("'User Authentication Expired"),
  utf8("'Account Authentication Expired"),
  utf8("'User Authentication Revoked"),
  utf8("'Unknown Protocol Operation"),
  utf8("'maximum control line exceeded"),
  utf8("'Maximum Payload Violation"),
  utf8("'maximum subscriptions exceeded"),
  utf8("'maximum connections exceeded"),
  utf8("'maximum account active connections exceeded"),
  utf8("'Stale Connection"),
  utf8("'Slow Consumer"),
  utf8("'Secure Connection - TLS Required"),
  utf8("'Connection throttling is active"),
  utf8("'Invalid Subject"),
  utf8("'Invalid Publish Subject"),
  utf8("'invalid client protocol"),
  utf8("'no responders requires headers support"),
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
    if (startsWith(pointer, length, TEXTS[i])) return KINDS[i];
  }
  return ServerError.OTHER;
}
