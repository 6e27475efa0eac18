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

/** How a text of nats-server begins, with its kind: the address of its bytes in the lower half, the kind in the upper one. */
function known(kind: ServerError, beginning: string): u64 {
  return ((<u64>kind) << 32) | (<u64>changetype<usize>(fixedText(beginning)));
}

/** Beginnings of the texts in nats-server 2.10 to 2.15 (errors.go, client.go, auth.go, parser.go). */
const TEXTS: StaticArray<u64> = [
  known(ServerError.PERMISSIONS_VIOLATION, "'Permissions Violation"),
  known(ServerError.AUTHORIZATION_VIOLATION, "'Authorization Violation"),
  known(ServerError.AUTHENTICATION_TIMEOUT, "'Authentication Timeout"),
  known(ServerError.AUTHENTICATION_EXPIRED, "'User Authentication Expired"),
  known(ServerError.AUTHENTICATION_EXPIRED, "'Account Authentication Expired"),
  known(ServerError.AUTHENTICATION_REVOKED, "'User Authentication Revoked"),
  known(ServerError.UNKNOWN_OPERATION, "'Unknown Protocol Operation"),
  known(ServerError.CONTROL_LINE, "'maximum control line exceeded"),
  known(ServerError.PAYLOAD, "'Maximum Payload Violation"),
  known(ServerError.SUBSCRIPTIONS, "'maximum subscriptions exceeded"),
  known(ServerError.CONNECTIONS, "'maximum connections exceeded"),
  known(ServerError.CONNECTIONS, "'maximum account active connections exceeded"),
  known(ServerError.STALE_CONNECTION, "'Stale Connection"),
  known(ServerError.SLOW_CONSUMER, "'Slow Consumer"),
  known(ServerError.TLS_REQUIRED, "'Secure Connection - TLS Required"),
  known(ServerError.THROTTLED, "'Connection throttling is active"),
  known(ServerError.INVALID_SUBJECT, "'Invalid Subject"),
  known(ServerError.INVALID_SUBJECT, "'Invalid Publish Subject"),
  known(ServerError.INVALID_CLIENT, "'invalid client protocol"),
  known(ServerError.INVALID_CLIENT, "'no responders requires headers support"),
];

/** The kind of a `-ERR` whose text, with its opening quote, is these bytes; OTHER for a text that is not known. */
export function serverErrorOf(pointer: usize, length: i32): ServerError {
  for (let i = 0; i < TEXTS.length; i++) {
    const text = unchecked(TEXTS[i]);
    if (startsWith(pointer, length, changetype<FixedText>(<usize>text))) return <ServerError>(text >> 32);
  }
  return ServerError.OTHER;
}
