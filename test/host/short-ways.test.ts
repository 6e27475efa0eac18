import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { buildLongFilter } from "../../tools/wasm.ts";
import { policyOf } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { freshSeed, Random } from "./random.ts";
import { assertSame, CONNECT, INFO, latin1, PING, PONG, VERBOSE_CONNECT, Wire } from "./wire.ts";

/**
 * Compares the filter with a build of it without its short ways and without its memory of decisions (tools/without-short-ways.mjs).
 * Random sessions under random policies, which change on the way, must give the same bytes, counts and records.
 */

/** `TEST_SESSIONS=10000` runs more sessions. */
const SESSIONS = Number(process.env["TEST_SESSIONS"] ?? 500);
const STEPS = 12;

/** All lengths of subjects that are remembered differently. */
const TOKENS = [
  "a",
  "bc",
  "orders",
  "orders",
  "_INBOX",
  "$JS",
  "ACK",
  "europe-central-1",
  // Tokens as clients write them in UTF-8, and as nobody should.
  "\xc3\xa9t\xc3\xa9",
  "\xff",
  "x".repeat(33),
  "y".repeat(70),
];
const RESERVED = ["_GR_.a", "$GR.a", "$NRG.a", "_R_.a", "$JS.ACK.a"];
/** Tokens that come seldom. */
const NUMBERS = 40;
/** Few enough that some have often been granted an answer. */
const INBOXES = 10;
/** Subjects that come again and again in a session. */
const AGAIN = 8;
const SIDS = ["1", "2", "33"];
const QUEUES = ["workers", "q"];
const ACTING = ["Nats-Trace-Dest", "Nats-Schedule-Target", "Nats-Rollup", "Nats-Scheduler"];
const HEADERS = [
  "Nats-Msg-Id: 7f3a9c2e\r\n",
  "traceparent: 00-4bf92f3577b34da6-00f067aa0ba902b7-01\r\n",
  "N: 1\r\n",
  "A:\r\n",
  `Nats-${"Long".repeat(12)}: x\r\n`,
  "odd\rN: line\n\r\n",
];

let again: string[] = [];

function subject(random: Random): string {
  return random.below(4) > 0 ? random.pick(again) : anySubject(random);
}

function anySubject(random: Random): string {
  const tokens = Array.from({ length: 1 + random.below(4) }, () =>
    random.below(4) === 0 ? `n${random.below(NUMBERS)}` : random.pick(TOKENS),
  );
  const odd = random.below(60);
  if (odd > 57) return random.pick(RESERVED);
  if (odd === 0) return `${tokens.join(".")}.`;
  if (odd === 1) return tokens.join("..");
  if (odd === 2) return `${tokens.join(".")}.*`;
  return tokens.join(".");
}

function pattern(random: Random): string {
  const tokens = anySubject(random)
    .split(".")
    .filter((token) => token !== "");
  if (random.below(3) === 0) tokens[random.below(tokens.length)] = "*";
  if (random.below(2) === 0) tokens[tokens.length - 1] = ">";
  return tokens.join(".");
}

function several<T>(most: number, random: Random, make: (random: Random) => T): T[] {
  return Array.from({ length: random.below(most + 1) }, () => make(random));
}

function subscribePattern(random: Random): string {
  return random.below(8) === 0 ? `${pattern(random)} ${random.pick(QUEUES)}` : pattern(random);
}

function rule(random: Random, number: number): object {
  return {
    name: `rule-${number}`,
    from: [{ principals: ["*"] }],
    publish: { allow: [...several(3, random, pattern), "orders.>"], deny: several(2, random, pattern) },
    subscribe: {
      allow: [...several(3, random, subscribePattern), "_INBOX.>"],
      deny: several(2, random, random.below(3) === 0 ? subscribePattern : pattern),
    },
    ...(random.below(3) === 0 && { allow_responses: { max: 1 + random.below(3), expires: random.pick(["1s", "5s"]) } }),
    ...(random.below(4) === 0 && { replies: "ANY" }),
    ...(random.below(8) === 0 && { rollup: "ALL" }),
    ...(random.below(10) === 0 && { mode: "DRY_RUN" }),
  };
}

function policy(random: Random): object {
  // A pattern may be in one class only.
  const patterns = [...new Set(several(6, random, pattern))];
  const classes = patterns.map((one, i) => ({ name: `class-${i}`, patterns: [one] }));
  return {
    mode: random.below(12) === 0 ? "DRY_RUN" : "ENFORCE",
    trustDomains: ["cluster.local"],
    rules: Array.from({ length: 1 + random.below(3) }, (_, i) => rule(random, i)),
    limits: { controlLine: random.pick([200, 4096]), headers: random.pick([64, 256, 16_384]) },
    telemetry: { ...(classes.length > 0 && { subjects: classes }), requests: random.pick([0, 16, 16_384]) },
    audit: { refusalsPerSecond: 5, burst: 5, ...(random.below(20) === 0 && { sample: 3 }) },
  };
}

function payload(random: Random): string {
  const kind = random.below(40);
  if (kind === 0) return "z".repeat(random.below(70_000));
  if (kind === 1) return "PUB orders.a 1\r\nx\r\nMSG a 1 0\r\n\r\n";
  return "p".repeat(random.below(random.pick([3, 30, 1200])));
}

function blank(random: Random): string {
  return random.below(50) === 0 ? random.pick(["\t", "  ", "\x01", "\v", "\0"]) : " ";
}

function lineEnd(random: Random): string {
  return random.below(80) === 0 ? "\n" : "\r\n";
}

function number(value: number, random: Random): string {
  return random.below(60) === 0 ? random.pick([`0${value}`, `+${value}`, `00000${value}`]) : String(value);
}

function headers(random: Random): string {
  const block = several(3, random, () =>
    random.below(12) === 0
      ? `${random.pick(ACTING)}: ${random.below(3) === 0 ? "all" : subject(random)}\r\n`
      : random.pick(HEADERS),
  );
  return `NATS/1.0\r\n${block.join("")}\r\n`;
}

function reply(random: Random): string {
  if (random.below(3) > 0) return "";
  return random.below(3) > 0 ? inbox(random) : subject(random);
}

/** A short one is recognised at a glance, a long one is not. */
function inbox(random: Random): string {
  return `_INBOX.${random.pick(["Kd8s2LmQx0ZtV5rYbN7cWf", "Kd8s2"])}.${random.below(INBOXES)}`;
}

/** Most send and receive messages that are alike but for their bytes; others differ in one thing, all of it as long or not. */
function oneAfterTheOther(random: Random, message: () => string): string {
  if (random.below(4) > 0) return message();
  const few = random.below(2) === 0 ? 20 : 4;
  return Array.from({ length: 1 + random.below(few) }, message).join("");
}

/** Nearly always the payload itself. */
function almost(body: string, random: Random): string {
  return random.below(8) > 0 ? body : "p".repeat(random.pick([0, 9, 10, 99, 100, 1000, 1001, 11_000]));
}

/** Nearly always the reply subject itself. */
function almostThatReply(to: string, random: Random): string {
  return random.below(8) === 0 ? reply(random) : to;
}

/** Nearly always the name itself, else the name with another byte in it, or with one byte more or less. */
function almostThat(name: string, random: Random): string {
  if (random.below(12) > 0 || name === "") return name;
  const at = random.below(name.length);
  const instead = random.pick(["", "a", "z", "0", "zz", ".", "\x01", "\xff", " "]);
  return name.slice(0, at) + instead + name.slice(at + 1);
}

function publish(random: Random): string {
  const [body, to] = [payload(random), reply(random)];
  const on = random.below(5) === 0 ? inbox(random) : subject(random);
  if (random.below(3) > 0) {
    const verb = random.below(20) === 0 ? "pub" : "PUB";
    return oneAfterTheOther(random, () => {
      const bytes = almost(body, random);
      const answer = almostThatReply(to, random);
      const names = `${almostThat(on, random)}${blank(random)}${answer}${answer && blank(random)}`;
      return `${verb} ${names}${number(bytes.length, random)}${lineEnd(random)}${bytes}\r\n`;
    });
  }
  const names = `${on}${blank(random)}${to}${to && blank(random)}`;
  const block = headers(random);
  const sizes = `${number(block.length, random)}${blank(random)}${number(block.length + body.length, random)}`;
  return `HPUB ${names}${sizes}${lineEnd(random)}${block}${body}\r\n`;
}

function clientOperation(random: Random): string {
  switch (random.below(12)) {
    case 0:
    case 1:
      return `SUB ${pattern(random)} ${random.below(6) === 0 ? `${random.pick(QUEUES)} ` : ""}${random.pick(SIDS)}\r\n`;
    case 2:
      return `UNSUB ${random.pick(SIDS)}${random.below(2) === 0 ? ` ${random.below(9)}` : ""}\r\n`;
    case 3:
      return PING;
    case 4:
      return random.below(10) === 0 ? random.pick([CONNECT, VERBOSE_CONNECT]) : PING;
  }
  return publish(random);
}

function serverOperation(random: Random): string {
  const [body, to] = [payload(random), reply(random)];
  const [on, sid] = [subject(random), random.pick([...SIDS, "77"])];
  const names = (): string => {
    const answer = almostThatReply(to, random);
    const own = random.below(12) === 0 ? random.pick(SIDS) : sid;
    return `${almostThat(on, random)}${blank(random)}${own}${blank(random)}${answer}${answer && blank(random)}`;
  };
  switch (random.below(10)) {
    case 0: {
      const block = headers(random);
      return `HMSG ${names()}${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`;
    }
    case 1:
      return random.pick(["PING\r\n", "-ERR 'Stale Connection'\r\n", INFO]);
  }
  return oneAfterTheOther(random, () => {
    const bytes = almost(body, random);
    return `MSG ${names()}${bytes.length}\r\n${bytes}\r\n`;
  });
}

/** The same action on both, whose answers must be the same. */
class Both {
  private readonly wires: [Wire, Wire];

  constructor(
    private readonly hosts: readonly [Host, Host],
    private readonly what: string,
  ) {
    this.wires = [new Wire(hosts[0]), new Wire(hosts[1])];
  }

  private same(act: (wire: Wire) => string): string {
    const [short, long] = this.wires.map(act) as [string, string];
    assertSame(short, long, this.what);
    return short;
  }

  /** What goes to nats-server, in pieces. */
  client(text: string, random: Random): string {
    return this.pieces(text, random, (piece) => this.same((wire) => wire.client(piece)));
  }

  server(text: string, random: Random): void {
    this.pieces(text, random, (piece) => this.same((wire) => wire.server(piece)));
  }

  /** A connection whose INFO and CONNECT have passed. */
  static connected(hosts: readonly [Host, Host], what: string, connect = CONNECT): Both {
    const both = new Both(hosts, what);
    both.serverAtOnce(INFO);
    both.clientAtOnce(connect);
    return both;
  }

  /** In one piece. */
  clientAtOnce(text: string): string {
    return this.same((wire) => wire.client(text));
  }

  serverAtOnce(text: string): void {
    this.same((wire) => wire.server(text));
  }

  private pieces(text: string, random: Random, send: (piece: string) => string): string {
    const most = random.pick([9, 200, 3000, 100_000, 100_000]);
    return random
      .cut(text, most)
      .map((piece) => send(piece))
      .join("");
  }

  tick(): void {
    for (const host of this.hosts) {
      host.advance(500);
      host.tick();
    }
    this.same((wire) => latin1(wire.connection.takeToServer()));
  }

  configure(policy: object): void {
    const [short, long] = this.hosts.map((host) => host.configure(policy).accepted);
    assert.equal(short, long, this.what);
  }

  end(): void {
    for (const wire of this.wires) wire.connection.close("client");
    this.tick();
    const [short, long] = this.hosts;
    assert.deepEqual([...short.metrics], [...long.metrics], this.what);
    assert.deepEqual([...short.histograms], [...long.histograms], this.what);
    assert.deepEqual(short.logs, long.logs, this.what);
    for (const host of this.hosts) host.logs.length = 0;
  }
}

function* ordersOfThree<T>(all: readonly T[]): Generator<readonly [T, T, T]> {
  for (const first of all) for (const second of all) for (const third of all) yield [first, second, third];
}

/** It ends like the others, so that the last bytes of its size are the same. */
const LONG_NAME = `ok.a.${"long".repeat(9)}.1`;
/** Some have the same last four bytes, others the same number of digits. */
const SIZES = ["1", "2", "10", "1000", "2000", "11000", "01"];

/** `verb`, the arguments except for the size, that size, and that many bytes. */
function sized(verb: string, names: string, size: string, lineEnd = "\r\n"): string {
  return `${verb} ${names} ${size}${lineEnd}${"p".repeat(Number(size))}\r\n`;
}

const ALMOST_ALIKE_PUBLISHES = [
  ...SIZES.map((size) => sized("PUB", "ok.a.1", size)),
  sized("PUB", "ok.b.1", "1"),
  ...["1", "2", "1000", "01"].map((size) => sized("PUB", "no.a.1", size)),
  sized("pub", "no.a.2", "1", "\n"),
  // Its payload ends where it should not.
  "PUB no.a.1 1\r\nppp\r\n",
  sized("PUB", "no.a.1 _INBOX.1", "1"),
  sized("PUB", "$GR.a", "1"),
  sized("PUB", "ok.a.11", "1"),
  sized("PUB", "ok.a.1 _INBOX.1", "1"),
  sized("PUB", "ok.a.1", "1", "\n"),
  sized("pub", "ok.a.1", "1"),
  sized("PUB", LONG_NAME, "1"),
  sized("PUB", `no.${LONG_NAME}`, "1"),
  sized("PUB", "ok.a.\xff", "1"),
  sized("PUB", "ok.a.1\x01", "1"),
  "HPUB ok.c.1 12 13\r\nNATS/1.0\r\n\r\np\r\n",
];

const ALMOST_ALIKE_DELIVERIES = [
  ...SIZES.map((size) => sized("MSG", "ok.a.1 1", size)),
  sized("MSG", "ok.b.1 1", "1"),
  sized("MSG", "ok.no.1 1", "1"),
  sized("MSG", "ok.a.1 2", "1"),
  sized("MSG", "ok.a.1 3", "1"),
  sized("MSG", "ok.a.1 9", "1"),
  sized("MSG", "ok.a.1 11", "1"),
  sized("MSG", "ok.a.1 1 _INBOX.1", "1"),
  sized("MSG", "ok.b.1 2 _INBOX.1", "1"),
  sized("MSG", "ok.a.1 1", "1", "\r "),
  sized("MSG", `${LONG_NAME} 2`, "1"),
  sized("MSG", "ok.a.\xff 1", "1"),
  // Its end is the first byte after the 32 that are checked first.
  sized("MSG", `ok.a.${"x".repeat(20)} 1`, "1000"),
];

const ALMOST_ALIKE_POLICY = {
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "ok",
      from: [{ principals: ["*"] }],
      publish: { allow: ["ok.>"] },
      subscribe: { allow: ["ok.>", "_INBOX.>"], deny: ["ok.no.>"] },
    },
  ],
  // A class for each of their names, so that a message counted as another's shows.
  telemetry: {
    subjects: [
      { name: "long", patterns: [LONG_NAME] },
      { name: "a", patterns: ["ok.a.>"] },
      { name: "b", patterns: ["ok.b.*"] },
      { name: "c", patterns: ["ok.c.*"] },
    ],
  },
};

/** The second one's line is longer than what `pass` handles. */
const REPLIES = ["no.r.1", `no.r.${"long".repeat(12)}`];

const AROUND_REPLIES = [
  ...REPLIES.map((to) => sized("PUB", to, "1")),
  sized("PUB", REPLIES[0]!, "2000"),
  sized("PUB", `${REPLIES[0]} ok.b.1`, "1"),
  sized("PUB", "ok.a.1", "1"),
  sized("PUB", "ok.a.1 _INBOX.1", "1"),
  sized("PUB", "ok.b.1", "11000"),
  sized("PUB", "no.r.2", "1"),
  sized("PUB", LONG_NAME, "1"),
  "HPUB no.r.1 12 13\r\nNATS/1.0\r\n\r\np\r\n",
  PING,
];

/** What PINGs stand for, one or several of each kind. */
const WITH_PONGS = [
  sized("PUB", "no.a.1", "1"),
  sized("PUB", "no.a.1", "0"),
  sized("PUB", "no.a.2", "1"),
  // What is kept of it ends like what is kept of the first one (expected-pongs.ts).
  sized("PUB", "no.\x06\0\0\bno.a.1", "1"),
  sized("PUB", "ok.a.1 no.a.1", "1"),
  "HPUB no.c.1 12 13\r\nNATS/1.0\r\n\r\np\r\n",
  "SUB no.a.1 5\r\n",
  "SUB no.a workers 5\r\n",
  "SUB ok.> workers 5\r\n",
  "SUB ok.a.> 6\r\nSUB ok.b.> 7\r\n",
  "UNSUB 1 3\r\n",
  "UNSUB 1\r\nSUB ok.> 1\r\n",
  PING,
  CONNECT,
  sized("PUB", "ok.a.1", "1"),
  // In pedantic mode with one more text, and the ends of a connection.
  sized("PUB", "no.*", "1"),
  sized("PUB", "ok.a.1 no.*", "1"),
  `PUB ok.a.1 ${"9".repeat(8)}\r\n`,
  `PUB ${"x".repeat(5000)} 1\r\n`,
];

function grantingPolicy(max: number): object {
  const [rule] = ALMOST_ALIKE_POLICY.rules;
  return { ...ALMOST_ALIKE_POLICY, rules: [{ ...rule, allow_responses: { max, expires: "1m" } }] };
}

/** One filter with the short ways, and one without, which is `long`. */
function hostsUnder(policy: object, long: WebAssembly.Module): [Host, Host] {
  const hosts: [Host, Host] = [new Host(filterModule()), new Host(long)];
  for (const host of hosts) assert.ok(host.configure(policy).accepted);
  return hosts;
}

/** PONGs for the PINGs that nats-server has read. A payload may contain text that only looks like a PING. */
function pongsFor(forwarded: string): string {
  return PONG.repeat(forwarded.split(PING).length - 1);
}

describe("the short ways of the filter", () => {
  let long: WebAssembly.Module;
  before(async () => {
    long = new WebAssembly.Module(readFileSync(await buildLongFilter()));
  });

  it("do what the long ways do, under policies that come and go", (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = new Random(seed);
    let hosts: [Host, Host] | undefined;
    for (let session = 0; session < SESSIONS; session++) {
      // One VM for several sessions, so that later sessions meet what earlier ones have left.
      hosts = hosts === undefined || random.below(30) === 0 ? [new Host(filterModule()), new Host(long)] : hosts;
      again = Array.from({ length: AGAIN }, () => anySubject(random));
      const first = policy(random);
      for (const host of hosts) {
        const { accepted, logs } = host.configure(first);
        assert.ok(accepted, JSON.stringify(logs));
      }
      const both = new Both(hosts, `TEST_SEED=${seed}, session ${session}`);
      both.server(INFO, random);
      both.client(random.below(4) === 0 ? VERBOSE_CONNECT : CONNECT, random);
      for (let step = 0; step < STEPS; step++) {
        const forwarded = both.client(several(8, random, clientOperation).join(""), random);
        both.server(several(6, random, serverOperation).join("") + pongsFor(forwarded), random);
        if (random.below(6) === 0) both.tick();
        if (random.below(8) === 0) both.configure(policy(random));
      }
      both.end();
    }
  });

  it("do what the long ways do after a refusal's PONG, the last that nats-server owes after a CONNECT in DRY_RUN", () => {
    const rule = { publish: { allow: ["a"] }, subscribe: { allow: ["b.* q2"] } };
    const hosts = hostsUnder(policyOf(rule, { mode: "DRY_RUN" }), long);
    const both = Both.connected(hosts, "a CONNECT of DRY_RUN");
    both.clientAtOnce(`${CONNECT}SUB b.* q2 1\r\n`);
    both.configure(policyOf(rule));
    both.serverAtOnce(pongsFor(both.clientAtOnce(PING + sized("PUB", "no", "1"))));
    both.serverAtOnce(sized("MSG", "b.1 1", "1"));
    both.end();
  });

  it("do what the long ways do with three lines that are almost alike, in any order", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    for (const lines of ordersOfThree(ALMOST_ALIKE_PUBLISHES)) {
      const text = lines.join("");
      const both = Both.connected(hosts, JSON.stringify(text));
      both.clientAtOnce(text);
      both.end();
    }
    for (const lines of ordersOfThree(ALMOST_ALIKE_DELIVERIES)) {
      const text = lines.join("");
      const both = Both.connected(hosts, JSON.stringify(text));
      // The third has a maximum.
      const forwarded = both.clientAtOnce("SUB ok.> 1\r\nSUB ok.> 2\r\nSUB ok.> 3\r\nUNSUB 3 2\r\n");
      both.serverAtOnce(pongsFor(forwarded));
      both.serverAtOnce(text);
      // What was counted for the others shows where they end.
      both.serverAtOnce(pongsFor(both.clientAtOnce("UNSUB 1 4\r\nUNSUB 2 4\r\n")));
      for (const sid of ["1", "2"]) both.serverAtOnce(sized("MSG", `ok.a.1 ${sid}`, "1").repeat(4));
      both.end();
    }
  });

  it("do what the long ways do with replies that are due and granted, among other lines in any order", () => {
    for (const max of [1, 2]) {
      const hosts = hostsUnder(grantingPolicy(max), long);
      for (const lines of ordersOfThree(AROUND_REPLIES)) {
        const text = lines.join("");
        const both = Both.connected(hosts, JSON.stringify([max, text]));
        both.serverAtOnce(pongsFor(both.clientAtOnce("SUB ok.> 1\r\n")));
        for (const to of REPLIES) both.serverAtOnce(sized("MSG", `ok.a.1 1 ${to}`, "1"));
        both.serverAtOnce(pongsFor(both.clientAtOnce(text)));
        // One that is still due comes again, alone.
        for (const to of REPLIES) both.serverAtOnce(pongsFor(both.clientAtOnce(sized("PUB", to, "1"))));
        both.end();
      }
    }
  });

  it("do what the long ways do with PONGs of every kind, in any order and however they are written", () => {
    const hosts = hostsUnder({ ...ALMOST_ALIKE_POLICY, limits: { subscriptions: 2 } }, long);
    const pedantic = 'CONNECT {"verbose":false,"pedantic":true,"headers":true}\r\n';
    // One of them is not as nats-server writes it, or comes after something else. Each of these meets each order of two.
    const behind = [sized("MSG", "ok.a.1 1", "1"), INFO.replace("{", '{"connect_info":true,')];
    const odd = [PONG, "PONG \r\n", "PONG\n", "pong\r\n", ...behind.map((other) => other + PONG)];
    let session = 0;
    for (const connect of [CONNECT, VERBOSE_CONNECT, pedantic]) {
      for (const operations of ordersOfThree(WITH_PONGS)) {
        // After the PONG for the first one, those for the others go the short way.
        const text = sized("PUB", "no.b.1", "1") + operations.join("");
        const second = odd[session++ % odd.length]!;
        const both = Both.connected(hosts, JSON.stringify([connect, text, second]), connect);
        // Filtering is on, and there is room for one more subscription.
        both.serverAtOnce(pongsFor(both.clientAtOnce("SUB ok.> 1\r\n")));
        const due = pongsFor(both.clientAtOnce(text));
        both.serverAtOnce(due.slice(0, PONG.length) + second + due.slice(PONG.length));
        both.end();
      }
    }
  });

  it("do what the long ways do with lines and payloads as long as allowed, and longer ones", () => {
    const limits = { controlLine: 128, payload: 9 };
    const hosts = hostsUnder({ ...ALMOST_ALIKE_POLICY, limits }, long);
    for (const root of ["ok.", "no."]) {
      for (const [line, size] of [
        [limits.controlLine, limits.payload],
        [limits.controlLine + 1, 1],
        [20, limits.payload + 1],
      ] as const) {
        const text = sized("PUB", root + "x".repeat(line - root.length - 2), String(size));
        for (const before of ["ok.a.1", "no.a.1"]) {
          const both = Both.connected(hosts, JSON.stringify([before, text]));
          both.serverAtOnce(pongsFor(both.clientAtOnce(sized("PUB", before, "1") + text)));
          both.end();
        }
      }
    }
  });

  it("do what the long ways do with the PONG of a policy that came between refusals", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    const [rule] = ALMOST_ALIKE_POLICY.rules;
    const both = Both.connected(hosts, "a policy between refusals");
    both.clientAtOnce("SUB ok.> 1\r\n");
    const forwarded = both.clientAtOnce(sized("PUB", "no.a.1", "1"));
    both.configure({ ...ALMOST_ALIKE_POLICY, rules: [{ ...rule, subscribe: { allow: ["_INBOX.>"] } }] });
    const later = both.clientAtOnce(sized("PUB", "no.b.1", "1").repeat(2));
    assert.equal(later, `UNSUB 1\r\n${PING.repeat(3)}`);
    both.serverAtOnce(pongsFor(forwarded + later));
    both.end();
  });

  it("do what the long ways do with a size that ends like another connection's illegal one", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    const illegal = ["PUB \xff12\r\n", "PUB bc\xff1\r\n", "PUB ok.a\xff12\r\n"];
    const sizes = ["\xff12", "bc\xff1", "a\xff12", "12", "1"];
    const subjects = ["ok.a.1", `ok.a.${"x".repeat(26)}`, LONG_NAME];
    for (const before of illegal) {
      for (const size of sizes) {
        for (const subject of subjects) {
          const what = JSON.stringify([before, subject, size]);
          for (const text of [before, `PUB ${subject} ${size}\r\n${"p".repeat(12)}\r\n`]) {
            const both = Both.connected(hosts, what);
            both.clientAtOnce(text);
            both.end();
          }
        }
      }
    }
  });
});
