import type { NatsPermissions } from "./nats-permissions.ts";
import type { Session } from "./session.ts";

/** A session for the listed differences that the recorded ones do not show. Only the live nats-server judges it. */
function session(
  id: string,
  permissions: NatsPermissions,
  send: Session["send"],
  more: Partial<Session> = {},
): Session {
  return {
    id,
    family: "own",
    server: {},
    permissions,
    connect: { verbose: true, pedantic: false, headers: true, protocol: 1, echo: true },
    handshake: true,
    observers: [{ subject: ">" }],
    send,
    expect: { client: [], delivered: [], closed: false },
    ...more,
  };
}

function hpub(subject: string, block: string, payload = "x"): string {
  return `HPUB ${subject} ${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`;
}

/** One header, as a client library writes it. */
function header(name: string, value: string): string {
  return `NATS/1.0\r\n${name}: ${value}\r\n\r\n`;
}

const EVERYTHING: NatsPermissions = {};

export const OWN_SESSIONS: readonly Session[] = [
  session("own-grant-over-deny", { publish: { deny: ["admin.>"] }, allow_responses: { max: 1 } }, [
    "SUB service 1\r\n",
    { from: "peer", data: "PUB service admin.stop 1\r\nx\r\n" },
    "PUB admin.stop 1\r\nx\r\n",
  ]),
  session("own-schedule-target", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", header("Nats-Schedule-Target", "admin.stop")),
  ]),
  session("own-schedule-source", { subscribe: { allow: ["_INBOX.>"] } }, [
    hpub("jobs.a", header("Nats-Schedule-Source", "secrets.a")),
  ]),
  session("own-second-trace-dest", { publish: { allow: ["jobs.>", "trace"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nNats-Trace-Dest: trace\r\nNats-Trace-Dest: admin\r\n\r\n"),
  ]),
  session("own-trace-dest-behind-status", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0 100 x\r\nNats-Trace-Dest: admin\r\n\r\n"),
  ]),
  session("own-unclosed-target", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nNats-Schedule-Target: jobs.b\r\n"),
  ]),
  session("own-traced-request-info", { publish: { allow: ["jobs.>", "trace"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nNats-Trace-Dest: trace\r\nNats-Request-Info: {}\r\n\r\n"),
  ]),
  session(
    "own-trace-without-room",
    { publish: { allow: ["jobs.>", "trace"] } },
    [hpub("jobs.a", header("Nats-Trace-Dest", "trace"), "x".repeat(27))],
    { server: { max_payload: 64 } },
  ),
  session("own-sub-to-loop", EVERYTHING, ["SUB $LDS.a 1\r\n"]),
  session("own-unclosed-ttl", { publish: { allow: ["jobs.>"] } }, [hpub("jobs.a", "NATS/1.0\r\nNats-TTL: 1s\r\n")]),
  session("own-hidden-ttl", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nNats-Request-Info: Nats-TTLNats-TTL\r\nNats-TTL: x\r\n\r\n"),
  ]),
  session("own-lone-lf", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nA: x\nNats-Expected-y\r\nNats-TTL: 1s\r\nNats-TTL: x\r\n\r\n"),
  ]),
  session("own-headers-without-end", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0\r\nNats-Expected-Stream: S"),
  ]),
  session("own-status-without-cr", { publish: { allow: ["jobs.>"] } }, [hpub("jobs.a", "NATS/1.0 100 x")]),
  session("own-control-status", { publish: { allow: ["jobs.>"] } }, [
    hpub("jobs.a", "NATS/1.0 100 Idle Heartbeat\r\n\r\n"),
    hpub("jobs.a", "NATS/1.0\r\nA: b\nStatus: 100\r\n\r\n"),
  ]),
  session("own-reply-to-jetstream", EVERYTHING, ["PUB ask $JS.API.STREAM.DELETE.S 0\r\n\r\n"]),
  session(
    "own-form-feed-to-python",
    EVERYTHING,
    ["SUB orders.* 1\r\n", "PUB orders.a\f2 0\r\n\r\n", "PUB orders.a _INBOX.a\vb 0\r\n\r\n"],
    { connect: { verbose: true, pedantic: false, headers: true, protocol: 1, echo: true, lang: "python3" } },
  ),
  session("own-reply-to-raft", EVERYTHING, ["PUB ask $NRG.P.S-R3F-group 0\r\n\r\n"]),
  session("own-reply-to-server", EVERYTHING, [
    "PUB ask $SYS.SERVER.NAX.SHUTDOWN 0\r\n\r\n",
    "PUB ask $JSC.R.hash 0\r\n\r\n",
  ]),
  session("own-grant-to-jetstream", { publish: { allow: ["ok"] }, allow_responses: { max: 1 } }, [
    "SUB ask 1\r\n",
    { from: "peer", data: "PUB ask $JS.API.STREAM.DELETE.S 0\r\n\r\n" },
    "PUB $JS.API.STREAM.DELETE.S 0\r\n\r\n",
  ]),
  session("own-jetstream-pattern", { publish: { allow: ["$JS.API.>"], deny: ["$JS.API.DIRECT.GET.S.orders.admin"] } }, [
    "PUB $JS.API.DIRECT.GET.S.orders.* 1\r\nx\r\n",
  ]),
  session("own-err-from-client", EVERYTHING, [{ data: "-ERR 'x'\r\n", barrier: "quiet" }]),
  session("own-hmsg-from-client", EVERYTHING, [{ data: "HMSG x 1 2 3\r\n\r\n", barrier: "quiet" }]),
  session("own-headers-behind-sub", EVERYTHING, [
    "SUB a 1\r\n",
    { data: 'CONNECT {"headers":false,"user":"{USER}","pass":"{PASS}"}\r\n', barrier: "quiet" },
  ]),
  session("own-padding", EVERYTHING, [
    { data: `PUB${" ".repeat(70_000)}a 1\r\nx\r\n`, barrier: "quiet", quiet_ms: 500 },
  ]),
  session("own-large-headers", EVERYTHING, [hpub("a", header("A", "b".repeat(20_000)))]),
  session("own-pipelined-answer", { publish: { allow: ["ask"] }, allow_responses: true }, [
    "SUB ask 1\r\n",
    "PUB ask answer 1\r\nq\r\nPUB answer 1\r\na\r\n",
  ]),
  session("own-trace-dest-then-grant", { allow_responses: { max: 5, expires: "1m" } }, [
    hpub("any", header("Nats-Trace-Dest", "answer")),
    "SUB ask 1\r\n",
    { from: "peer", data: "PUB ask answer 1\r\nq\r\n" },
    "PUB answer 1\r\na\r\n",
  ]),
  session("own-reused-sid", { subscribe: { deny: ["a.b workers"] } }, [
    "SUB a.* 1\r\nSUB c others 1\r\n",
    { from: "peer", data: "PUB a.b 1\r\nx\r\n" },
  ]),
  session("own-reused-behind-maximum", { subscribe: { deny: ["a.>"] } }, [
    "SUB > 1\r\n",
    "PUB a 1\r\nx\r\nUNSUB 1 1\r\nSUB * 1\r\n",
    { from: "peer", data: "PUB b 1\r\nx\r\n" },
  ]),
  session("own-grant-expires-in-mid-payload", { allow_responses: { max: 5, expires: "400ms" } }, [
    "SUB ask 1\r\n",
    { from: "peer", data: "PUB ask answer 1\r\nq\r\n" },
    { data: "PUB answer 4\r\nlate\r\n", chunks: [16], gap_ms: 900 },
  ]),
  session(
    "own-filtered-responder",
    { subscribe: { deny: ["service.secret"] } },
    ["SUB service.* 1\r\n", { from: "peer", data: "SUB inbox 1\r\nPUB service.secret inbox 1\r\nq\r\n" }],
    { observers: [{ subject: "elsewhere" }], peer_connect: { no_responders: true } },
  ),
  session(
    "own-responder-at-its-maximum",
    { subscribe: { deny: ["a.secret"] } },
    [
      "SUB a.* 1\r\nSUB service 2\r\nUNSUB 2 1\r\n",
      { from: "peer", data: "SUB inbox 1\r\nPUB service inbox 1\r\nq\r\n", barrier: "quiet" },
      { from: "peer", data: "PUB service inbox 1\r\nq\r\n", barrier: "quiet" },
    ],
    { observers: [{ subject: "elsewhere" }], peer_connect: { no_responders: true } },
  ),
  session("own-503-over-deny", { subscribe: { deny: ["a.secret"] } }, ["SUB a.* 1\r\n", "PUB b a.secret 0\r\n\r\n"], {
    connect: { verbose: false, pedantic: false, headers: true, protocol: 1, echo: true, no_responders: true },
    observers: [{ subject: "elsewhere" }],
  }),
];
