import { PING } from "./wire.ts";

/**
 * Lines that nats-server refuses whatever came before, each with its answer (`parse` and its `parseErr` in nats-server's
 * parser.go). The filter sends one of them in place of what it could not read, so that the client gets nats-server's own answer.
 */
export const UNKNOWN = "?\r\n"; // -ERR 'Unknown Protocol Operation'
/** The same answer, also before authentication, where nats-server asks for more than the first byte only if that is a C. */
export const UNKNOWN_CONNECT = "C?\r\n";
export const SILENT = "PUB x\r\n"; // closes without a word: wrong number of arguments
const SILENT_CONNECT = "CONNECT {\r\n"; // closes without a word: no JSON
/** The client's last line comes in place of the PONG. */
export const WITH_TEXT = `${PING}${UNKNOWN}`;

export interface Malformed {
  name: string;
  bytes: string;
  kind: string;
  /** What nats-server reads in its place. */
  becomes: string;
  /** The first bytes of a client, before any CONNECT. */
  first?: true;
  /**
   * nats-server accepts it, perhaps as something else when it is cut differently. The filter refuses it on purpose
   * (docs/reference/parity.md).
   */
  stricter?: true;
}

export const LONG = "x".repeat(4097);

// What nats-server reads in place of most of a kind.
const UNKNOWN_OPERATION = { kind: "unknown_operation", becomes: UNKNOWN };
const BAD_ARGUMENTS = { kind: "bad_arguments", becomes: SILENT };
const CONTROL_LINE = { kind: "control_line", becomes: WITH_TEXT };
const PAYLOAD_SIZE = { kind: "payload_size", becomes: WITH_TEXT };
const CONNECT_JSON = { kind: "connect_json", becomes: SILENT_CONNECT };
const HTTP = { kind: "http", becomes: UNKNOWN };
const PROXY_PROTOCOL = { kind: "proxy_protocol", becomes: UNKNOWN };

/** What no client may send, and what becomes of it. The policy allows `ok.>` and nothing else. */
export const MALFORMED: readonly Malformed[] = [
  { name: "an unknown verb", bytes: "BOGUS 1\r\n", ...UNKNOWN_OPERATION },
  { name: "an empty line", bytes: "\r\n", ...UNKNOWN_OPERATION },
  { name: "a lone LF", bytes: "\n", ...UNKNOWN_OPERATION },
  { name: "a blank before a verb", bytes: " PING\r\n", ...UNKNOWN_OPERATION },
  { name: "a server's MSG", bytes: "MSG ok.1 1 0\r\n\r\n", ...UNKNOWN_OPERATION },
  { name: "a route's RS+", bytes: "RS+ $G ok.1\r\n", ...UNKNOWN_OPERATION },
  { name: "a leaf's LS+", bytes: "LS+ ok.1\r\n", ...UNKNOWN_OPERATION },
  { name: "a gateway's A+", bytes: "A+ $G\r\n", ...UNKNOWN_OPERATION },
  { name: "an HMSG", bytes: "HMSG ok.1 1 12 12\r\n\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "an -ERR", bytes: "-ERR 'x'\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a verb that goes wrong in its last letter", bytes: "UNSUX 1\r\n", ...UNKNOWN_OPERATION },
  { name: "PUB without a blank", bytes: "PUB\r\n", ...UNKNOWN_OPERATION },
  { name: "PUBX", bytes: "PUBX ok.1 0\r\n\r\n", ...UNKNOWN_OPERATION },
  { name: "a LF right after a verb", bytes: "PUB \nok.1 2\r\nab\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a LF right after SUB", bytes: "SUB \nok.1 2\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a CR inside a PUB", bytes: "PUB ok\r.1 12\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a CR inside a SUB", bytes: "SUB ok.1\r 1\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a CONNECX", bytes: "CONNECX {}\r\n", kind: "unknown_operation", becomes: UNKNOWN_CONNECT },
  {
    name: "a CR inside a CONNECT",
    bytes: "CONNECT {\r}\r\n",
    kind: "unknown_operation",
    becomes: UNKNOWN_CONNECT,
    stricter: true,
  },
  { name: "two CRs before the LF", bytes: "UNSUB 1\r\r\n", ...UNKNOWN_OPERATION, stricter: true },
  { name: "a PUB without arguments", bytes: "PUB \r\n", ...BAD_ARGUMENTS },
  { name: "a PUB with one argument", bytes: "PUB ok.1\r\n", ...BAD_ARGUMENTS },
  { name: "a PUB with four arguments", bytes: "PUB ok.1 r 1 1\r\n", ...BAD_ARGUMENTS },
  { name: "a PUB with a hundred arguments", bytes: `PUB ${"a ".repeat(100)}\r\n`, ...BAD_ARGUMENTS },
  { name: "a size that is not a number", bytes: "PUB ok.1 1a\r\n", ...BAD_ARGUMENTS },
  { name: "a negative size", bytes: "PUB ok.1 -1\r\n", ...BAD_ARGUMENTS },
  { name: "a hexadecimal size", bytes: "PUB ok.1 0x1\r\n", ...BAD_ARGUMENTS },
  { name: "a size of ten digits", bytes: "PUB ok.1 0000000001\r\n", ...BAD_ARGUMENTS },
  { name: "a size beyond 32 bits", bytes: "PUB ok.1 4294967297\r\n", ...BAD_ARGUMENTS },
  { name: "a size of forty digits", bytes: `PUB ok.1 ${"9".repeat(40)}\r\n`, ...BAD_ARGUMENTS },
  { name: "an HPUB with two arguments", bytes: "HPUB ok.1 1\r\n", ...BAD_ARGUMENTS },
  { name: "an HPUB with five arguments", bytes: "HPUB ok.1 r 1 1 1\r\n", ...BAD_ARGUMENTS },
  { name: "more header bytes than payload", bytes: "HPUB ok.1 13 12\r\n", ...BAD_ARGUMENTS },
  {
    name: "more header bytes than payload, all of which are there",
    bytes: "HPUB ok.1 18 12\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n",
    ...BAD_ARGUMENTS,
  },
  { name: "a header length that is not a number", bytes: "HPUB ok.1 +2 12\r\n", ...BAD_ARGUMENTS },
  { name: "a SUB with one argument", bytes: "SUB ok.1\r\n", ...BAD_ARGUMENTS },
  { name: "a SUB with four arguments", bytes: "SUB ok.1 q 1 1\r\n", ...BAD_ARGUMENTS },
  { name: "an UNSUB without arguments", bytes: "UNSUB \r\n", ...BAD_ARGUMENTS },
  { name: "an UNSUB with three arguments", bytes: "UNSUB 1 2 3\r\n", ...BAD_ARGUMENTS },
  { name: "a control line of 4097 bytes", bytes: `SUB ${LONG}\r\n`, ...CONTROL_LINE },
  { name: "a control line without end", bytes: `SUB ${LONG}`, ...CONTROL_LINE },
  { name: "a CONNECT of 4097 bytes", bytes: `CONNECT {"name":"${LONG}"}\r\n`, ...CONTROL_LINE },
  { name: "a PING with an endless tail", bytes: `PING${LONG}x`, ...CONTROL_LINE, stricter: true },
  { name: "a payload above INFO's max_payload", bytes: "PUB ok.1 1048577\r\n", ...PAYLOAD_SIZE },
  { name: "the largest size", bytes: "PUB ok.1 999999999\r\n", ...PAYLOAD_SIZE },
  { name: "a refused publish above it", bytes: "PUB no.1 1048577\r\n", ...PAYLOAD_SIZE },
  { name: "a CONNECT that is not JSON", bytes: "CONNECT {verbose}\r\n", ...CONNECT_JSON },
  { name: "a CONNECT that is an array", bytes: "CONNECT []\r\n", ...CONNECT_JSON },
  { name: "a CONNECT without JSON", bytes: "CONNECT \r\n", ...CONNECT_JSON },
  { name: "a CONNECT with two values", bytes: "CONNECT {} {}\r\n", ...CONNECT_JSON },
  { name: "a CONNECT with verbose as text", bytes: 'CONNECT {"verbose":"a"}\r\n', ...CONNECT_JSON },
  { name: "a CONNECT with protocol 1.5", bytes: 'CONNECT {"protocol":1.5}\r\n', ...CONNECT_JSON },
  { name: "a CONNECT with a number as name", bytes: 'CONNECT {"name":1}\r\n', ...CONNECT_JSON },
  { name: "a CONNECT of 1,500 nested arrays", bytes: `CONNECT {"a":${"[".repeat(1500)}\r\n`, ...CONNECT_JSON },
  {
    name: "a CONNECT that turns headers off behind a SUB",
    bytes: 'SUB ok.1 1\r\nCONNECT {"headers":false}\r\n',
    kind: "headers_changed",
    becomes: `SUB ok.1 1\r\n${UNKNOWN}`,
    stricter: true,
  },
  { name: "a TLS handshake", bytes: "\x16\x03\x01\x02\x00\x01\x00", kind: "tls", becomes: UNKNOWN, first: true },
  { name: "an HTTP request", bytes: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ...HTTP, first: true },
  { name: "HTTP/2", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ...HTTP, first: true },
  { name: "an HTTP PUT", bytes: "PUT /x HTTP/1.1\r\n", ...HTTP, first: true },
  { name: "PROXY protocol 1", bytes: "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", ...PROXY_PROTOCOL, first: true },
  { name: "PROXY protocol 2", bytes: "\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c", ...PROXY_PROTOCOL, first: true },
  { name: "NUL bytes", bytes: "\0\0\0\0", ...UNKNOWN_OPERATION, first: true },
  { name: "bytes above 127", bytes: "\xff\xfe\xc3\x28", ...UNKNOWN_OPERATION, first: true },
];
