import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Both, longFilterModule, pongsFor } from "./both-ways.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { freshSeed, Random } from "./random.ts";
import { CONNECT, INFO, PING, VERBOSE_CONNECT } from "./wire.ts";

/** Random sessions under random policies, which change on the way. */

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
const RESERVED = ["_GR_.a", "$GR.a", "$NRG.a", "_R_.a", "$JS.ACK.a", "$SYS.a.b"];
/** Tokens that come seldom. */
const NUMBERS = 40;
/** Few enough that some have often been granted an answer. */
const INBOXES = 4;
/** Subjects that come again and again in a session. */
const AGAIN = 8;
/** The arguments of some lines are as long as `limits.controlLine` says, or have one byte more. */
const SHORT_LINE = 200;
/** Payloads that are not random have one of these sizes. */
const SIZES = [0, 9, 10, 99, 100, 1000, 1001, 11_000];
/** What else nats-server and a client may begin with. */
const INFOS = [
  INFO.replace('"max_payload":1048576', '"max_payload":1000'),
  INFO.replace('"headers":true', '"headers":false'),
];
const CONNECTS = [
  VERBOSE_CONNECT,
  CONNECT.replace('"pedantic":false', '"pedantic":true'),
  CONNECT.replace('"headers":true', '"headers":false'),
  CONNECT.replace('"protocol"', '"lang":"python3","protocol"'),
];
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
/** Lines by which a block says something else to some reader (assembly/nats/headers.ts), first lines, and ends. */
const MISLEADING = ["Status: 100\r\n", "Nats-Nats-Rollup: x\r\n", "Nats-Long\r\n", "\nNats-Long: x\r\n"];
const VERSIONS = ["NATS/1.0 100 Idle\r\n", "NATS/1.0 404\r\n", "NATS/1.1\r\n", "NATS/1.0 0\r\nX-Stalled: a\r\n"];
const ENDS = ["", "\n", "\r", "x: y\r\n"];

let again: string[] = [];
/** Where it is more than 1, what may end a connection comes so much more seldom, so that it lives to its last step. */
let calm = 1;

function isOdd(oneIn: number, random: Random): boolean {
  return random.isOneIn(oneIn * calm);
}

/** Some come more often than others, so that the last of one policy is often the first of the next one. */
function subject(random: Random): string {
  return random.below(4) > 0 ? again[Math.min(random.below(AGAIN), random.below(AGAIN))]! : anySubject(random);
}

function anySubject(random: Random): string {
  const tokens = Array.from({ length: 1 + random.below(4) }, () =>
    random.isOneIn(4) ? `n${random.below(NUMBERS)}` : random.pick(TOKENS),
  );
  const odd = random.below(60);
  if (odd > 57) return random.pick(RESERVED);
  if (odd === 0) return `${tokens.join(".")}.`;
  if (odd === 1) return tokens.join("..");
  if (odd === 2) return `${tokens.join(".")}.*`;
  return tokens.join(".");
}

/** Half of them are of subjects that come again, so that policies differ about these. */
function pattern(random: Random): string {
  if (random.isOneIn(12)) return ">";
  const tokens = (random.isOneIn(2) ? random.pick(again) : anySubject(random))
    .split(".")
    .filter((token) => token !== "");
  if (random.isOneIn(3)) tokens[random.below(tokens.length)] = "*";
  if (random.isOneIn(2)) tokens[tokens.length - 1] = ">";
  return tokens.join(".");
}

function several<T>(most: number, random: Random, make: (random: Random) => T): T[] {
  return Array.from({ length: random.below(most + 1) }, () => make(random));
}

function subscribePattern(random: Random): string {
  return random.isOneIn(8) ? `${pattern(random)} ${random.pick(QUEUES)}` : pattern(random);
}

function rule(random: Random, number: number): object {
  return {
    name: `rule-${number}`,
    from: [{ principals: ["*"] }],
    publish: { allow: [...several(3, random, pattern), "orders.>"], deny: several(2, random, pattern) },
    subscribe: {
      allow: [...several(3, random, subscribePattern), "_INBOX.>"],
      deny: several(2, random, random.isOneIn(3) ? subscribePattern : pattern),
    },
    ...(random.isOneIn(2) && { allow_responses: { max: 1 + random.below(3), expires: random.pick(["1s", "5s"]) } }),
    ...(random.isOneIn(4) && { replies: "ANY" }),
    ...(random.isOneIn(8) && { rollup: "ALL" }),
    // Where all rules are, nobody is let in.
    ...(random.isOneIn(number === 0 ? 20 : 4) && { mode: "DRY_RUN" }),
  };
}

function policy(random: Random): object {
  // A pattern may be in one class only.
  const patterns = [...new Set(several(6, random, pattern))];
  const classes = patterns.map((one, i) => ({ name: `class-${i}`, patterns: [one] }));
  return {
    mode: random.isOneIn(5) ? "DRY_RUN" : "ENFORCE",
    trustDomains: ["cluster.local"],
    rules: Array.from({ length: 1 + random.below(3) }, (_, i) => rule(random, i)),
    limits: {
      controlLine: random.pick([SHORT_LINE, 4096]),
      headers: random.pick([64, 256, 16_384]),
      // What is larger ends a connection.
      ...(random.isOneIn(12) && { payload: random.pick([9, 99, 1000]) }),
    },
    telemetry: { ...(classes.length > 0 && { subjects: classes }), requests: random.pick([0, 16, 16_384]) },
    audit: { refusalsPerSecond: 5, burst: 5, ...(random.isOneIn(5) && { sample: random.pick([1, 3, 50]) }) },
  };
}

function payload(random: Random): string {
  const kind = random.below(40);
  if (kind === 0) return "z".repeat(random.below(70_000));
  if (kind === 1) return "PUB orders.a 1\r\nx\r\nMSG a 1 0\r\n\r\n";
  return "p".repeat(random.below(random.pick([3, 30, 1200])));
}

function blank(random: Random): string {
  return isOdd(50, random) ? random.pick(["\t", "  ", "\x01", "\v", "\0"]) : " ";
}

function lineEnd(random: Random): string {
  return isOdd(80, random) ? random.pick(["\n", "\r \r\n"]) : "\r\n";
}

function number(value: number, random: Random): string {
  return isOdd(60, random) ? random.pick([`0${value}`, `+${value}`, `00000${value}`]) : String(value);
}

function headers(random: Random): string {
  const block = several(3, random, () =>
    random.isOneIn(12)
      ? `${random.pick(ACTING)}: ${random.isOneIn(3) ? "all" : subject(random)}\r\n`
      : random.pick(HEADERS),
  );
  if (random.isOneIn(20)) block.push(random.pick(MISLEADING));
  const version = random.isOneIn(12) ? random.pick(VERSIONS) : "NATS/1.0\r\n";
  return `${version}${block.join("")}${random.isOneIn(30) ? random.pick(ENDS) : "\r\n"}`;
}

function reply(random: Random): string {
  if (random.below(3) > 0) return "";
  if (random.below(3) > 0) return inbox(random);
  return random.isOneIn(4) ? random.pick(RESERVED) : subject(random);
}

/** A short one is recognised at a glance, a long one is not. */
function inbox(random: Random): string {
  return `_INBOX.${random.pick(["Kd8s2LmQx0ZtV5rYbN7cWf", "Kd8s2"])}.${random.below(INBOXES)}`;
}

/** Most send and receive messages that are alike but for their bytes; others differ in one thing, all of it as long or not. */
function oneAfterTheOther(random: Random, message: () => string): string {
  if (random.below(4) > 0) return message();
  const few = random.isOneIn(2) ? 20 : 4;
  return Array.from({ length: 1 + random.below(few) }, message).join("");
}

/** Nearly always the payload itself. */
function almost(body: string, random: Random): string {
  return random.below(8) > 0 ? body : "p".repeat(random.pick(SIZES));
}

/** Nearly always the reply subject itself. */
function almostThatReply(to: string, random: Random): string {
  return random.isOneIn(8) ? reply(random) : to;
}

/** Nearly always the name itself, else the name with another byte in it, or with one byte more or less. */
function almostThat(name: string, random: Random): string {
  if (random.below(12) > 0 || name === "") return name;
  const at = random.below(name.length);
  const instead = random.pick(isOdd(3, random) ? ["\x01", " "] : ["", "a", "z", "0", "zz", ".", "\xff"]);
  return name.slice(0, at) + instead + name.slice(at + 1);
}

/** Nearly always the subject itself, else one with which the arguments are as long as allowed or longer, if `others` follow. */
function almostTooLong(on: string, others: string, random: Random): string {
  return !isOdd(10, random) ? on : on.padEnd(SHORT_LINE - others.length + random.below(2), "x");
}

/** What stands in place of a reply subject and the blank behind it, where there is none: nothing, or that blank (nats-py). */
function noReply(random: Random): string {
  return random.isOneIn(4) ? " " : "";
}

function publish(random: Random): string {
  const [body, to] = [payload(random), reply(random)];
  const on = random.isOneIn(5) ? inbox(random) : subject(random);
  const answered = to && ` ${to}`;
  if (random.below(3) > 0) {
    const verb = random.isOneIn(20) ? "pub" : "PUB";
    const own = almostTooLong(on, `${answered} ${body.length}`, random);
    return oneAfterTheOther(random, () => {
      const bytes = almost(body, random);
      const answer = almostThatReply(to, random);
      const names = `${almostThat(own, random)}${blank(random)}${answer === "" ? noReply(random) : answer + blank(random)}`;
      return `${verb} ${names}${number(bytes.length, random)}${lineEnd(random)}${bytes}\r\n`;
    });
  }
  const block = headers(random);
  const own = almostTooLong(on, `${answered} ${block.length} ${block.length + body.length}`, random);
  const names = `${own}${blank(random)}${to === "" ? noReply(random) : to + blank(random)}`;
  const sizes = `${number(block.length, random)}${blank(random)}${number(block.length + body.length, random)}`;
  return `HPUB ${names}${sizes}${lineEnd(random)}${block}${body}\r\n`;
}

function clientOperation(random: Random): string {
  switch (random.below(12)) {
    case 0:
    case 1:
      return `SUB ${pattern(random)} ${random.isOneIn(6) ? `${random.pick(QUEUES)} ` : ""}${random.pick(SIDS)}\r\n`;
    case 2:
      return `UNSUB ${random.pick(SIDS)}${random.isOneIn(2) ? ` ${random.below(9)}` : ""}\r\n`;
    case 3:
      return PING;
    case 4:
      return random.isOneIn(10) ? random.pick([CONNECT, VERBOSE_CONNECT]) : PING;
  }
  return publish(random);
}

function serverOperation(random: Random): string {
  const [body, to] = [payload(random), reply(random)];
  const [on, sid] = [subject(random), random.pick([...SIDS, "77"])];
  const names = (): string => {
    const answer = almostThatReply(to, random);
    const own = random.isOneIn(12) ? random.pick(SIDS) : sid;
    return `${almostThat(on, random)}${blank(random)}${own}${blank(random)}${answer}${answer && blank(random)}`;
  };
  switch (random.below(10)) {
    case 0:
    case 2:
    case 3: {
      const block = headers(random);
      return oneAfterTheOther(random, () => {
        const bytes = almost(body, random);
        const sizes = `${number(block.length, random)}${blank(random)}${number(block.length + bytes.length, random)}`;
        return `HMSG ${names()}${sizes}${lineEnd(random)}${block}${bytes}\r\n`;
      });
    }
    case 1:
      return random.pick(["PING\r\n", "-ERR 'Stale Connection'\r\n", INFO]);
  }
  return oneAfterTheOther(random, () => {
    const bytes = almost(body, random);
    return `MSG ${names()}${bytes.length}\r\n${bytes}\r\n`;
  });
}

describe("the short ways of the filter", () => {
  let long: WebAssembly.Module;
  before(async () => {
    long = await longFilterModule();
  });

  it("do what the long ways do, under policies that come and go", (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = new Random(seed);
    let hosts: [Host, Host] | undefined;
    for (let session = 0; session < SESSIONS; session++) {
      // One VM for several sessions, so that later sessions meet what earlier ones have left.
      hosts = hosts === undefined || random.isOneIn(30) ? [new Host(filterModule()), new Host(long)] : hosts;
      calm = random.pick([1, 30, 100, 100]);
      again = Array.from({ length: AGAIN }, () => anySubject(random));
      const first = policy(random);
      for (const host of hosts) {
        const { accepted, logs } = host.configure(first);
        assert.ok(accepted, JSON.stringify(logs));
      }
      const both = new Both(hosts, `TEST_SEED=${seed}, session ${session}`);
      both.server(random.isOneIn(12) ? random.pick(INFOS) : INFO, random);
      both.client(random.isOneIn(3) ? random.pick(CONNECTS) : CONNECT, random);
      for (let step = 0; step < STEPS; step++) {
        const sent = several(8, random, clientOperation);
        const delivered = several(6, random, serverOperation);
        // As messages come that are sent one by one: each is the first thing that a callback sees.
        if (random.isOneIn(2)) {
          for (const one of sent) both.serverAtOnce(pongsFor(both.clientAtOnce(one)));
          for (const one of delivered) both.serverAtOnce(one);
        } else {
          const forwarded = both.client(sent.join(""), random);
          both.server(delivered.join("") + pongsFor(forwarded), random);
        }
        if (random.isOneIn(6)) both.tick();
        if (random.isOneIn(4)) both.configure(policy(random));
      }
      both.end();
    }
  });
});
