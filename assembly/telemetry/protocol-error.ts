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
  /**
   * A delivery whose subject holds a CR or LF, or what the client's library alone takes for a blank, or whose headers are so short that
   * the library reads nothing more. It alone is dropped, or passes in DRY_RUN.
   */
  LINE_BREAK = 14,
  /** nats-server requires TLS inside the stream (`tls_required` in INFO). */
  SERVER_TLS = 15,
  /** A CONNECT turns headers on or off after a SUB. */
  HEADERS_CHANGED = 16,
}

/** In place of a ProtocolError: there is none. */
export const NO_PROTOCOL_ERROR: i32 = -1;

/** How stats and audit records call them (`kind`), by `ProtocolError`. */
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
  "headers_changed",
];

/** What an operator should do about each, for the audit, by `ProtocolError`. */
export const PROTOCOL_ERROR_REMEDIES: StaticArray<string> = [
  "bytes that are no NATS operation: is something else than a NATS client sent to this port?",
  "a NATS operation with wrong arguments, which nats-server would not take either: correct the client",
  "a control line longer than limits.controlLine: raise it together with nats-server's max_control_line",
  "a payload larger than nats-server's max_payload or limits.payload: raise them, or send less",
  "a payload that does not end with CR LF where its size says: correct the client",
  "a CONNECT that is no JSON object of the right types: correct the client",
  "HPUB without headers in CONNECT or INFO: turn them on in both",
  "TLS inside the stream: the mesh encrypts, so turn NATS TLS off in client and nats-server (tls_required, handshake_first)",
  "HTTP on the NATS client port: the WebSocket port is another one",
  "a PROXY protocol header: remove it before this filter",
  "nats-server sent bytes that are no NATS operation: is the destination a NATS client port?",
  "the stream ended inside an operation: see why the client left",
  "limits.memory is used up, or left in gaps that are too small, or rules have no room: raise it, look for clients that do not read, shorten lists",
  "the proxy would not hand over or take bytes; please report this",
  "a subject has a line break, or what this client's library alone takes for a blank, or headers are too short for it to read on; ENFORCE drops the message: see who sends so",
  "nats-server requires TLS inside the stream (tls_required in its INFO), which the mesh has encrypted already: turn its tls block off",
  "a CONNECT that turns headers on or off behind a SUB: say in the first CONNECT, before any SUB, whether the client takes headers",
];

/** The number of kinds. */
export const PROTOCOL_ERROR_COUNT: i32 = ProtocolError.HEADERS_CHANGED + 1;
