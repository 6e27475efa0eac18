import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "./host.ts";
import { freshSeed, Random } from "./random.ts";
import {
  assertSame,
  configuredHost,
  CONNECT,
  hpub,
  INFO,
  msg,
  PING,
  PONG,
  pub,
  publishViolation,
  subscriptionViolation,
  VERBOSE_CONNECT,
  Wire,
  type Policy,
} from "./wire.ts";

const HEADERS = "NATS/1.0\r\nA: b\r\n\r\n";
const TRACED = "NATS/1.0\r\nNats-Trace-Dest: no.trace\r\n\r\n";

interface Operation {
  name: string;
  client: string;
  /** What nats-server reads of it. */
  toServer: string;
}

function passes(name: string, client: string): Operation {
  return { name, client, toServer: client };
}

function replaced(name: string, client: string): Operation {
  return { name, client, toServer: PING };
}

/** Each operation as a client may write it, with what the filter puts in place of what it refuses. */
const OPERATIONS: Operation[] = [
  passes("PUB", pub("ok.1", "hello")),
  passes("PUB with a reply", pub("ok.1", "hello", "_INBOX.1")),
  passes("PUB of nothing", pub("ok.1")),
  passes("PUB in lower case with tabs and a lone LF", "pub\tok.1\t \t5 \nhello\r\n"),
  passes("PUB whose payload looks like operations", pub("ok.1", "PUB no.1 2\r\nxx\r\nPING\r\n\r\n")),
  passes("HPUB", hpub("ok.1", HEADERS, "hello")),
  passes("HPUB with a reply and an empty body", hpub("ok.1", HEADERS, "", "_INBOX.1")),
  passes("SUB", "SUB ok.a 7\r\n"),
  passes("SUB with a queue", "SUB ok.a q 8\r\n"),
  passes("UNSUB", "UNSUB 7\r\n"),
  // The server must not keep a maximum for a subscription that has ended here.
  { name: "UNSUB with a maximum of what has ended", client: "UNSUB 7 3\r\n", toServer: "UNSUB 7\r\n" },
  passes("UNSUB with a maximum", "SUB ok.a 11\r\nUNSUB 11 3\r\n"),
  passes("PING", PING),
  passes("PONG", PONG),
  // The PING shows when the server has read it. Until then deliveries to old subscriptions are under way.
  { name: "a second CONNECT", client: CONNECT, toServer: CONNECT + PING },
  {
    name: "one without a blank",
    client: 'CONNECT{"headers":true}\r\n',
    toServer: 'CONNECT{"headers":true}\r\nPING\r\n',
  },
  passes("INFO", "INFO {}\r\n"),
  { name: "PING with a tail", client: "PINGfoo PUB no.1 1\r\n", toServer: PING },
  { name: "PONG with a tail", client: "PONG x\r\n", toServer: PONG },
  { name: "+OK", client: "+OK\r\n", toServer: "" },
  replaced("a refused PUB", pub("no.1", "hello")),
  replaced("a refused PUB of nothing", pub("no.1")),
  replaced("a PUB with a refused reply", pub("ok.1", "hello", "others.inbox")),
  replaced("a refused HPUB", hpub("no.1", HEADERS, "hello")),
  replaced("an HPUB with a refused trace destination", hpub("ok.1", TRACED, "hello")),
  replaced("a refused SUB", "SUB no.a 9\r\n"),
  replaced("a refused SUB with a queue", "SUB no.a q 10\r\n"),
];

/** nats-server's answers to all of the above, in order, with deliveries between them. */
const ANSWERS = [
  msg("ok.1", "7", "hello"),
  msg("ok.1", "7", "MSG ok.secret 1 2\r\n", "_INBOX.2"),
  PONG,
  `HMSG ok.1 7 _INBOX.3 ${HEADERS.length} ${HEADERS.length + 2}\r\n${HEADERS}ab\r\n`,
  "PING\r\n",
  "-ERR 'Invalid Subject'\r\n",
  PONG,
  "+OK\r\n",
  'INFO {"connect_info":true,"max_payload":1048576,"headers":true} \r\n',
  ...OPERATIONS.filter(({ toServer }) => toServer.endsWith(PING)).map(() => PONG + msg("ok.2", "7", "x")),
].join("");

function bytesOf(text: string): string[] {
  return Array.from({ length: text.length }, (_, at) => text.charAt(at));
}

interface Outcome {
  toServer: string;
  toClient: string;
  /** All counts, by the stat's raw name. */
  stats: string;
}

/** Plays a session on one of many connections of a VM, and returns only the differences of the counts. */
function play(
  host: Host,
  client: readonly string[],
  server: readonly string[],
  config: { connect?: string } = {},
): Outcome {
  host.tick();
  const before = new Map(host.metrics);
  const wire = Wire.connected(host, config);
  const toServer = client.map((piece) => wire.client(piece)).join("");
  const toClient = server.map((piece) => wire.server(piece)).join("");
  wire.connection.close("client");
  host.tick();
  const stats = [...host.metrics]
    // The filter's own counts depend on earlier sessions: memory that is kept for the next one, and audit records beyond the limit.
    .filter(([name]) => name.includes("source_principal=.="))
    .map(([name, value]) => `${name} ${value - (before.get(name) ?? 0)}`);
  return {
    toServer,
    toClient,
    stats: stats
      .filter((line) => !line.endsWith(" 0"))
      .sort()
      .join("\n"),
  };
}

function assertSameOutcome(actual: Outcome, expected: Outcome, what: string): void {
  assertSame(actual.toServer, expected.toServer, `${what}, to the server`);
  assertSame(actual.toClient, expected.toClient, `${what}, to the client`);
  assert.equal(actual.stats, expected.stats, what);
}

const POLICIES: [name: string, config: Policy][] = [
  ["ENFORCE", {}],
  ["DRY_RUN", { mode: "DRY_RUN" }],
  ["a deny that makes deliveries be filtered", { rule: { subscribe: { allow: ["ok.>"], deny: ["ok.2"] } } }],
];

describe("an operation of a client", () => {
  const host = configuredHost();
  for (const { name, client, toServer } of OPERATIONS) {
    it(`${name}: if it is cut at any byte, the server reads ${JSON.stringify(toServer)}`, () => {
      const after = pub("ok.after", "1");
      const whole = play(host, [client + after], [PONG]);
      assertSame(whole.toServer, toServer + after, name);
      for (let at = 1; at < client.length; at++) {
        assertSameOutcome(play(host, [client.slice(0, at), client.slice(at) + after], [PONG]), whole, `cut at ${at}`);
        const second = Math.min(client.length, at + 2);
        const three = [client.slice(0, at), client.slice(at, second), client.slice(second) + after];
        assertSameOutcome(play(host, three, [PONG]), whole, `cut at ${at} and ${second}`);
      }
      assertSameOutcome(play(host, [...bytesOf(client), after], [PONG]), whole, "byte by byte");
    });
  }
});

for (const [policyName, config] of POLICIES) {
  describe(`a session with every operation, with ${policyName}`, () => {
    const client = OPERATIONS.map((operation) => operation.client).join("");

    for (const connect of [CONNECT, VERBOSE_CONNECT]) {
      const mode = connect === CONNECT ? "plain" : "verbose";
      const host = configuredHost(config);
      const whole = play(host, [client], [ANSWERS], { connect });

      it(`is read alike if it is cut in two at any byte, in ${mode} mode`, () => {
        for (let at = 1; at < client.length; at++) {
          const pieces = [client.slice(0, at), client.slice(at)];
          assertSameOutcome(play(host, pieces, [ANSWERS], { connect }), whole, `the client's bytes cut at ${at}`);
        }
        for (let at = 1; at < ANSWERS.length; at++) {
          const pieces = [ANSWERS.slice(0, at), ANSWERS.slice(at)];
          assertSameOutcome(play(host, [client], pieces, { connect }), whole, `the server's bytes cut at ${at}`);
        }
        assertSameOutcome(play(host, bytesOf(client), bytesOf(ANSWERS), { connect }), whole, "byte by byte");
      });

      it(`is read alike if it is cut at random, in ${mode} mode`, (t) => {
        const random = new Random(freshSeed());
        t.diagnostic(`TEST_SEED=${random.seed}`);
        for (let round = 0; round < 300; round++) {
          const most = random.pick([2, 7, 40, 300]);
          const outcome = play(host, random.cut(client, most), random.cut(ANSWERS, most), { connect });
          assertSameOutcome(outcome, whole, `TEST_SEED=${random.seed}, round ${round}`);
        }
      });
    }
  });
}

it("a session in DRY_RUN passes byte for byte, in both directions", () => {
  const client = OPERATIONS.map((operation) => operation.client).join("");
  const { toServer, toClient } = play(configuredHost({ mode: "DRY_RUN" }), [client], [ANSWERS]);
  assertSame(toServer, client, "to the server");
  assertSame(toClient, ANSWERS, "to the client");
});

it("each refusal of a session is in the place of its operation", () => {
  const wire = Wire.connected(configuredHost());
  const client = pub("no.1") + PING + "SUB no.a 1\r\n" + "SUB no.b q 2\r\n" + hpub("no.2", HEADERS) + PING;
  assert.equal(wire.client(client), PING.repeat(6));
  assert.equal(
    wire.server(PONG + msg("ok.1", "7", "x") + PONG.repeat(5)),
    publishViolation("no.1") +
      msg("ok.1", "7", "x") +
      PONG +
      subscriptionViolation("no.a") +
      subscriptionViolation("no.b", "q") +
      publishViolation("no.2") +
      PONG,
  );
});

it("INFO, cut at any byte, reaches the client before it has sent anything", () => {
  const host = configuredHost();
  for (let at = 0; at < INFO.length; at++) {
    const wire = new Wire(host);
    assert.equal(wire.server(INFO.slice(0, at)) + wire.server(INFO.slice(at)), INFO);
  }
});
