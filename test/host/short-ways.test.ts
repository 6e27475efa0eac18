import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { Both, hostsUnder, longFilterModule, pongsFor, sized } from "./both-ways.ts";
import { policyOf } from "./changing-policy.ts";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { CONNECT, hmsg, INFO, PING, PONG, VERBOSE_CONNECT, Wire } from "./wire.ts";

function* ordersOfTwo<T>(all: readonly T[]): Generator<readonly [T, T]> {
  for (const first of all) for (const second of all) yield [first, second];
}

function* ordersOfThree<T>(all: readonly T[]): Generator<readonly [T, T, T]> {
  for (const first of all) for (const second of all) for (const third of all) yield [first, second, third];
}

/** It ends like the others, so that the last bytes of its size are the same. */
const LONG_NAME = `ok.a.${"long".repeat(9)}.1`;
/** Some have the same last four bytes, others the same number of digits. */
const SIZES = ["1", "2", "10", "1000", "2000", "11000", "01"];

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

/** As nats-py and nats-pure write lines without a reply subject, and what is nearly that. */
const TWO_BLANKS = [
  ...["1", "1000", "01", "11000"].map((size) => sized("PUB", "ok.a.1 ", size)),
  sized("PUB", "ok.b.1 ", "1"),
  sized("PUB", "no.a.1 ", "1"),
  sized("PUB", "ok.a.1 ", "1", "\n"),
  sized("PUB", "ok.a.1  ", "1"),
  sized("PUB", "ok.a.1\t", "1"),
  sized("PUB", "ok.a.1  _INBOX.1", "1"),
  sized("PUB", "no.a.1  _INBOX.1", "1"),
  sized("PUB", "ok.a.1 _INBOX.1 ", "1"),
  // About the 64 bytes that are looked at together.
  ...[61, 62, 63, 64].map((length) => sized("PUB", `${"ok.b.".padEnd(length, "x")} `, "1")),
  "HPUB ok.c.1  12 13\r\nNATS/1.0\r\n\r\np\r\n",
  "HPUB ok.c.1  _INBOX.1 12 13\r\nNATS/1.0\r\n\r\np\r\n",
  "HPUB no.c.1  12 13\r\nNATS/1.0\r\n\r\np\r\n",
  sized("PUB", "ok.a.1", "1"),
  sized("PUB", "ok.a.1 _INBOX.1", "1"),
  sized("PUB", "no.a.1", "1"),
];

const HEADERS = "NATS/1.0\r\nN: 1\r\n\r\n";
/** As long as nats-py takes for none, and a byte longer (assembly/nats/library-blanks.ts). */
const SHORT_HEADERS = ["NATS/1.0", "NATS/1.0\r"];

/** With headers, and what is nearly that. */
const HEADER_DELIVERIES = [
  hmsg("ok.a.1", "1", HEADERS, "p"),
  hmsg("ok.b.1", "2", HEADERS, "pp"),
  hmsg("ok.a.1", "1", HEADERS, "p".repeat(1000)),
  hmsg("ok.no.1", "1", HEADERS, "p"),
  ...["3", "9", "11"].map((sid) => hmsg("ok.a.1", sid, HEADERS, "p")),
  hmsg("ok.a.1", "1", HEADERS, "p", "_INBOX.1"),
  hmsg("ok.b.1", "1", HEADERS, "p", "no.r.1"),
  // A status, and headers without a payload.
  hmsg("ok.a.1", "1", "NATS/1.0 503\r\n\r\n"),
  hmsg("ok.a.1", "1", HEADERS),
  ...SHORT_HEADERS.map((headers) => hmsg("ok.a.1", "1", headers, "p")),
  hmsg(LONG_NAME, "1", HEADERS, "p"),
  hmsg("ok.a.1", "1", HEADERS, "p", `_INBOX.${"long".repeat(12)}`),
  // What libraries take for a blank: FF, and a no-break space.
  ...["ok.a.\x0c", "ok.a.\xc2\xa0", "ok.a.\xff"].flatMap((name) => [
    hmsg(name, "1", HEADERS, "p"),
    hmsg("ok.a.1", "1", HEADERS, "p", name),
  ]),
  hmsg("ok.a.1 ", "1", HEADERS, "p"),
  "HMSG ok.a.1 1 018 19\r\nNATS/1.0\r\nN: 1\r\n\r\np\r\n",
  "HMSG ok.a.1 1 18 19\r \r\nNATS/1.0\r\nN: 1\r\n\r\np\r\n",
  "HMSG ok.a.1 1 20 19\r\nNATS/1.0\r\nN: 1\r\n\r\np\r\n",
  "HMSG ok.a.1 1 19\r\nNATS/1.0\r\nN: 1\r\n\r\np\r\n",
  sized("MSG", "ok.a.1 1", "1"),
];

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

/** Policies that ask more of what passes: a rule in DRY_RUN beside the others, all in DRY_RUN, and audits of every so many. */
const OBSERVING: Readonly<Record<string, object>> = {
  trial: {
    rules: [
      ...(grantingPolicy(1) as typeof ALMOST_ALIKE_POLICY).rules,
      {
        name: "trial",
        mode: "DRY_RUN",
        from: [{ principals: ["*"] }],
        publish: { allow: ["no.>"], deny: ["ok.b.>"] },
        subscribe: { allow: ["no.>"], deny: ["ok.b.>"] },
        allow_responses: { max: 2 },
      },
    ],
  },
  "trial of a queue": {
    rules: [
      // Without a deny, so that nothing but the trial is asked about deliveries.
      { ...ALMOST_ALIKE_POLICY.rules[0], subscribe: { allow: ["ok.>", "_INBOX.>"] } },
      { name: "queue", mode: "DRY_RUN", from: [{ principals: ["*"] }], subscribe: { deny: ["ok.c.> workers"] } },
    ],
  },
  allows: {
    rules: [
      ...ALMOST_ALIKE_POLICY.rules,
      { name: "allows", mode: "DRY_RUN", from: [{ principals: ["*"] }], publish: { allow: "ALL" }, replies: "ANY" },
    ],
  },
  all: { mode: "DRY_RUN" },
  sampled: { audit: { sample: 3 } },
  "sampled seldom": { audit: { sample: 100 } },
};

describe("the short ways of the filter", () => {
  let long: WebAssembly.Module;
  before(async () => {
    long = await longFilterModule();
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

  it("do what the long ways do with lines whose sizes differ only behind the first 32 bytes from the subject on", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    const sizes = ["1011", "1022", "1022", "1011", "101"];
    const both = Both.connected(hosts, "sizes behind 32 bytes");
    both.clientAtOnce("SUB ok.> 1\r\n");
    both.clientAtOnce(sizes.map((size) => sized("PUB", `ok.a.${"x".repeat(24)}`, size)).join(""));
    both.serverAtOnce(sizes.map((size) => sized("MSG", `ok.a.${"x".repeat(22)} 1`, size)).join(""));
    both.end();
  });

  it("do what the long ways do with two blanks behind a subject, as nats-py writes them, in any order with other lines", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    for (const lines of ordersOfThree(TWO_BLANKS)) {
      const text = lines.join("");
      const both = Both.connected(hosts, JSON.stringify(text));
      both.serverAtOnce(pongsFor(both.clientAtOnce(text)));
      both.end();
    }
  });

  it("do what the long ways do with deliveries with headers, to clients of several languages, in any order", () => {
    const connects = ["go", "python3", "rust", "node", "Tcl"].map((lang) => CONNECT.replace("{", `{"lang":"${lang}",`));
    for (const [policy, connect] of [
      ...connects.map((one) => [ALMOST_ALIKE_POLICY, one] as const),
      [grantingPolicy(1), CONNECT] as const,
    ]) {
      const hosts = hostsUnder(policy, long);
      for (const lines of ordersOfTwo(HEADER_DELIVERIES)) {
        const text = lines.join("");
        const both = Both.connected(hosts, JSON.stringify([connect, text]), connect);
        // The third has a maximum.
        both.serverAtOnce(pongsFor(both.clientAtOnce("SUB ok.> 1\r\nSUB ok.> 2\r\nSUB ok.> 3\r\nUNSUB 3 2\r\n")));
        both.serverAtOnce(text);
        // What was counted shows where they end, and what was granted by what is answered.
        both.serverAtOnce(pongsFor(both.clientAtOnce(`UNSUB 1 4\r\nUNSUB 2 4\r\n${sized("PUB", "no.r.1", "1")}`)));
        for (const sid of ["1", "2"]) both.serverAtOnce(sized("MSG", `ok.a.1 ${sid}`, "1").repeat(4));
        both.end();
      }
    }
  });

  it("take less than half the steps for a delivery with headers that the long way takes", async (t: TestContext) => {
    const host = new Host(await stepCountingModule());
    assert.ok(host.configure(ALMOST_ALIKE_POLICY).accepted);
    const wire = Wire.connected(host);
    wire.server(pongsFor(wire.client("SUB ok.> 1\r\n")));
    const steps = (line: string): number => {
      const text = line.repeat(1000);
      return stepsOf(host, () => assert.equal(wire.server(text), text)) / 1000;
    };
    const [short, long] = [steps(hmsg("ok.c.1", "1", HEADERS, "p")), steps(hmsg("ok.c.1", "1", HEADERS))];
    t.diagnostic(`${short} steps, and ${long} without a payload, which go the long way`);
    assert.ok(short < long / 2, `${short} and ${long} steps`);
  });

  it("take at most fifteen more steps for such a line than for one with a single blank", async (t: TestContext) => {
    const host = new Host(await stepCountingModule());
    assert.ok(host.configure(ALMOST_ALIKE_POLICY).accepted);
    const wire = Wire.connected(host);
    const stepsFor = (line: string, answer = ""): number => {
      const text = line.repeat(1000);
      const pass = (): void => {
        assert.equal(wire.client(text), answer === "" ? text : answer.repeat(1000));
        if (answer === PING) wire.server(PONG.repeat(1000));
      };
      pass();
      return stepsOf(host, pass) / 1000;
    };
    for (const [one, two, answer] of [
      [sized("PUB", "ok.a.1", "1"), sized("PUB", "ok.a.1 ", "1")],
      [sized("PUB", "no.a.1", "1"), sized("PUB", "no.a.1 ", "1"), PING],
      ["HPUB ok.c.1 12 13\r\nNATS/1.0\r\n\r\np\r\n", "HPUB ok.c.1  12 13\r\nNATS/1.0\r\n\r\np\r\n"],
    ] as const) {
      const [usual, steps] = [stepsFor(one, answer), stepsFor(two, answer)];
      t.diagnostic(`${steps} instead of ${usual} steps`);
      assert.ok(steps < usual + 15, `${steps} steps instead of ${usual}: ${two}`);
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

  it("do what the long ways do where rules in DRY_RUN are asked too, and where every so many messages are audited", () => {
    const publishes = [...ALMOST_ALIKE_PUBLISHES, ...AROUND_REPLIES];
    const inGroup = ["ok.c.1 4", "ok.c.1 1"].map((names) => sized("MSG", names, "1"));
    const deliveries = [
      ...ALMOST_ALIKE_DELIVERIES,
      ...inGroup,
      ...REPLIES.map((to) => sized("MSG", `ok.b.1 1 ${to}`, "1")),
    ];
    for (const [name, settings] of Object.entries(OBSERVING)) {
      const hosts = hostsUnder({ ...grantingPolicy(1), ...settings }, long);
      const pairs = [...ordersOfTwo(publishes)];
      const asked = [...ordersOfTwo(deliveries)];
      for (const [i, lines] of pairs.entries()) {
        const [text, delivered] = [lines.join(""), asked[i % asked.length]!.join("")];
        const both = Both.connected(hosts, JSON.stringify([name, text, delivered]));
        both.serverAtOnce(
          pongsFor(
            both.clientAtOnce("SUB ok.> 1\r\nSUB ok.a.1 2\r\nSUB ok.> 3\r\nUNSUB 3 2\r\nSUB ok.c.* workers 4\r\n"),
          ),
        );
        for (const to of REPLIES) both.serverAtOnce(sized("MSG", `ok.a.1 1 ${to}`, "1"));
        both.serverAtOnce(delivered.repeat(4));
        both.serverAtOnce(pongsFor(both.clientAtOnce(text.repeat(4))));
        both.end();
      }
    }
  });

  it("do what the long ways do with the shortest messages, of which every so many are audited", () => {
    for (const sample of [1, 2, 3, 7, 50]) {
      const hosts = hostsUnder(policyOf({ publish: { allow: ["a"] } }, { audit: { sample, burst: 1000 } }), long);
      const both = Both.connected(hosts, `one of ${sample}`);
      both.clientAtOnce("PUB a 0\r\n\r\n".repeat(100));
      both.serverAtOnce("MSG a 1 0\r\n\r\n".repeat(100));
      both.end();
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

  it("do what the long ways do with headers as long as allowed, and longer ones", () => {
    const limits = { controlLine: 128, headers: 64, payload: 80 };
    const hosts = hostsUnder({ ...ALMOST_ALIKE_POLICY, limits }, long);
    for (const [line, headers, size] of [
      [limits.controlLine, limits.headers, limits.payload],
      [limits.controlLine + 1, 20, 20],
      [30, limits.headers + 1, limits.payload],
      [30, 20, limits.payload + 1],
      [30, 20, 20],
      [30, 20, 19],
    ] as const) {
      const block = `NATS/1.0\r\nA: ${"b".repeat(headers - 17)}\r\n\r\n`;
      const body = "p".repeat(Math.max(size - headers, 0));
      for (const reply of ["", " _INBOX.1"]) {
        const sizes = `${reply} ${headers} ${size}`;
        const text = `HPUB ok.${"x".repeat(line - 3 - sizes.length)}${sizes}\r\n${block}${body}\r\n`;
        const both = Both.connected(hosts, JSON.stringify(text));
        both.serverAtOnce(pongsFor(both.clientAtOnce(text + text)));
        both.end();
      }
    }
  });

  it("do what the long ways do with reply subjects of servers, though the lists allow them", () => {
    const [rule] = ALMOST_ALIKE_POLICY.rules;
    const hosts = hostsUnder({ ...ALMOST_ALIKE_POLICY, rules: [{ ...rule, subscribe: { allow: [">"] } }] }, long);
    for (const reply of ["_GR_.a", "$GR.a", "$NRG.a", "_R_.a", "$JS.ACK.a", "$JS.API.INFO", "$SYS.a.b", "$JSC.a"]) {
      const both = Both.connected(hosts, reply);
      const text = `PUB ok.a.1 ${reply} 1\r\nx\r\n`;
      const forwarded = both.clientAtOnce(text + text);
      assert.equal(forwarded, PING + PING, reply);
      both.serverAtOnce(pongsFor(forwarded));
      both.end();
    }
  });

  it("do what the long ways do with a message whose line is as long as one of nats-server may be, or longer", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    const limit = 4 * 65_536;
    for (const names of [" 1", " 1 _INBOX.1"]) {
      for (const length of [limit - 1, limit, limit + 1]) {
        const subject = `ok.${"x".repeat(length - "MSG ok.".length - names.length - 2)}`;
        const both = Both.connected(hosts, JSON.stringify([names, length]));
        both.serverAtOnce(sized("MSG", subject + names, "1") + sized("MSG", "ok.a.1 1", "1"));
        both.end();
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

  it("do what the long ways do with what a client publishes first when an UNSUB of the filter is due", () => {
    const [rule] = ALMOST_ALIKE_POLICY.rules;
    const revoking = { ...ALMOST_ALIKE_POLICY, rules: [{ ...rule, subscribe: { allow: ["_INBOX.>"] } }] };
    for (const line of ALMOST_ALIKE_PUBLISHES) {
      const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
      const both = Both.connected(hosts, JSON.stringify(line));
      both.clientAtOnce("SUB ok.> 1\r\n");
      both.configure(revoking);
      assert.match(both.clientAtOnce(line), /^UNSUB 1\r\n/);
      both.end();
    }
  });

  it("do what the long ways do with messages on one subject before and after a subscription that has them filtered", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    for (const lengths of [["1"], ["1", "1"], ["1", "1", "12"]]) {
      const both = Both.connected(hosts, "a filter that begins");
      both.clientAtOnce("SUB ok.a.> 1\r\n");
      const text = lengths.map((size) => sized("MSG", "ok.no.1 9", size)).join("");
      both.serverAtOnce(text);
      both.clientAtOnce("SUB ok.> 9\r\n");
      both.serverAtOnce(text);
      both.end();
    }
  });

  it("do what the long ways do with a size that ends like another connection's illegal one", () => {
    const hosts = hostsUnder(ALMOST_ALIKE_POLICY, long);
    const illegal = ["PUB \xff12\r\n", "PUB bc\xff1\r\n", "PUB ok.a\xff12\r\n"];
    // The bytes before 0 and behind 9 are among them.
    const sizes = ["\xff12", "bc\xff1", "a\xff12", "12", "1", ":", "/", "1:", "1/"];
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
