import { Operation } from "../nats/operation";
import { REASON_COUNT, REASON_NAMES } from "../policy/reason";

/** Whether an operation went through. */
export const enum Verdict {
  ALLOWED = 0,
  REFUSED = 1,
}

export const VERDICT_NAMES: StaticArray<string> = ["allowed", "refused"];

/** Names of operations in stats and audit records, by `Operation`. */
export const OPERATION_NAMES: StaticArray<string> = [
  "NONE",
  "CONNECT",
  "PUB",
  "HPUB",
  "SUB",
  "UNSUB",
  "PING",
  "PONG",
  "OK",
  "ERR",
  "INFO",
  "MSG",
  "HMSG",
];

const OPERATION_COUNT: i32 = 13;

/** What made a stream unreadable, or a connection end before its time. */
export const enum ProtocolError {
  UNKNOWN_OPERATION = 0,
  BAD_ARGUMENTS = 1,
  CONTROL_LINE = 2,
  PAYLOAD_SIZE = 3,
  PAYLOAD_END = 4,
  CONNECT_JSON = 5,
  HEADERS_UNSUPPORTED = 6,
  TLS = 7,
  HTTP = 8,
  PROXY_PROTOCOL = 9,
  SERVER = 10,
  UNFINISHED = 11,
  MEMORY = 12,
  HOST = 13,
  /** A delivery whose subject holds a CR or LF; it alone is dropped. */
  LINE_BREAK = 14,
  /** nats-server requires TLS inside the stream (`tls_required` in INFO). */
  SERVER_TLS = 15,
}

export const PROTOCOL_ERROR_NAMES: StaticArray<string> = [
  "unknown_operation",
  "bad_arguments",
  "control_line",
  "payload_size",
  "payload_end",
  "connect_json",
  "headers_unsupported",
  "tls",
  "http",
  "proxy_protocol",
  "server",
  "unfinished",
  "memory",
  "host",
  "line_break",
  "server_tls",
];

const PROTOCOL_ERROR_COUNT: i32 = 16;

/** One stat as operators see it. */
@final
export class Stat {
  constructor(
    readonly name: string,
    readonly kind: string,
    /** Labels beside `reporter`, `source_principal` and `source_workload_namespace`, which all have. */
    readonly labels: StaticArray<string>,
    readonly help: string,
  ) {}
}

export const MESSAGES: Stat = new Stat(
  "istio_nats_messages_total",
  "counter",
  ["operation", "verdict"],
  "Operations of clients (PUB, HPUB, SUB, UNSUB, CONNECT, PING) and deliveries to them (MSG, HMSG).",
);
export const BYTES: Stat = new Stat(
  "istio_nats_bytes_total",
  "counter",
  ["operation", "verdict"],
  "Payload bytes of PUB, HPUB, MSG and HMSG, header blocks included.",
);
export const REFUSALS: Stat = new Stat(
  "istio_nats_refusals_total",
  "counter",
  ["operation", "reason"],
  "Operations refused, by the reason.",
);
export const DRY_RUN_REFUSALS: Stat = new Stat(
  "istio_nats_dry_run_refusals_total",
  "counter",
  ["operation", "reason"],
  "Operations that passed and that a policy or rule in DRY_RUN would have refused.",
);
export const CONNECTIONS_OPENED: Stat = new Stat(
  "istio_nats_connections_opened_total",
  "counter",
  ["verdict"],
  "Connections whose client sent something, by whether the policy let it in.",
);
export const CONNECTIONS_CLOSED: Stat = new Stat(
  "istio_nats_connections_closed_total",
  "counter",
  [],
  "Connections that ended, among those counted as opened.",
);
export const PROTOCOL_ERRORS: Stat = new Stat(
  "istio_nats_protocol_errors_total",
  "counter",
  ["kind"],
  "Streams that could not be read as NATS and were ended (or, in DRY_RUN, passed unread).",
);

export const UNTESTED_SERVERS: Stat = new Stat(
  "istio_nats_untested_servers_total",
  "counter",
  [],
  "Connections to a nats-server of a version with which this filter has not been tested.",
);

/** Series of one principal, numbered so that counting is one addition into an array. */
export const MESSAGES_AT: i32 = 0;
export const BYTES_AT: i32 = MESSAGES_AT + OPERATION_COUNT * 2;
export const REFUSALS_AT: i32 = BYTES_AT + OPERATION_COUNT * 2;
export const DRY_RUN_AT: i32 = REFUSALS_AT + OPERATION_COUNT * REASON_COUNT;
export const OPENED_AT: i32 = DRY_RUN_AT + OPERATION_COUNT * REASON_COUNT;
export const CLOSED_AT: i32 = OPENED_AT + 2;
export const PROTOCOL_ERRORS_AT: i32 = CLOSED_AT + 1;
export const UNTESTED_AT: i32 = PROTOCOL_ERRORS_AT + PROTOCOL_ERROR_COUNT;
export const SERIES_COUNT: i32 = UNTESTED_AT + 1;

/** Istio's form of a label inside a raw stat name: `extraStatTags` makes Prometheus labels of it. */
export function label(name: string, value: string): string {
  return name + "=.=" + value + ";.;";
}

/** The part of a series' raw name that is its own: labels, then the stat's name. */
export function seriesName(series: i32): string {
  if (series < BYTES_AT) return operationAndVerdict(series - MESSAGES_AT) + MESSAGES.name;
  if (series < REFUSALS_AT) return operationAndVerdict(series - BYTES_AT) + BYTES.name;
  if (series < DRY_RUN_AT) return operationAndReason(series - REFUSALS_AT) + REFUSALS.name;
  if (series < OPENED_AT) return operationAndReason(series - DRY_RUN_AT) + DRY_RUN_REFUSALS.name;
  if (series < CLOSED_AT) return label("verdict", VERDICT_NAMES[series - OPENED_AT]) + CONNECTIONS_OPENED.name;
  if (series < PROTOCOL_ERRORS_AT) return CONNECTIONS_CLOSED.name;
  if (series == UNTESTED_AT) return UNTESTED_SERVERS.name;
  return label("kind", PROTOCOL_ERROR_NAMES[series - PROTOCOL_ERRORS_AT]) + PROTOCOL_ERRORS.name;
}

function operationAndVerdict(index: i32): string {
  return label("operation", OPERATION_NAMES[index >> 1]) + label("verdict", VERDICT_NAMES[index & 1]);
}

function operationAndReason(index: i32): string {
  return (
    label("operation", OPERATION_NAMES[index / REASON_COUNT]) + label("reason", REASON_NAMES[index % REASON_COUNT])
  );
}

// @ts-ignore: decorator
@inline
export function messagesOf(operation: Operation, verdict: Verdict): i32 {
  return MESSAGES_AT + ((<i32>operation) << 1) + <i32>verdict;
}

// @ts-ignore: decorator
@inline
export function bytesOf(operation: Operation, verdict: Verdict): i32 {
  return BYTES_AT + ((<i32>operation) << 1) + <i32>verdict;
}
