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

export const PROTOCOL_ERROR_COUNT: i32 = 16;
