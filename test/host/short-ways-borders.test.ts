import { before, describe, it } from "node:test";
import { Both, hostsUnder, longFilterModule, pongsFor, sized } from "./both-ways.ts";
import { policyOf } from "./changing-policy.ts";
import { hmsg, hpub, PING } from "./wire.ts";

/** Lines at each border of what is seen at once (assembly/proxy/chunk.ts), and of what a size has digits. */

/** Bytes that the filter reads at once, bytes at first behind a large payload, and the size from which on one is large. */
const WINDOW = 1088 * 1024;
const FIRST_GLANCE = 1024;
const FAR = 25_000;

const HEADERS = "NATS/1.0\r\nN: 1\r\n\r\n";
const TRACED = "NATS/1.0\r\nNats-Trace-Dest: no.1\r\n\r\n";

/** The least and the most of each number of digits that is read without a loop, and of the next one. */
const SIZES = ["0", "9", "10", "99", "100", "999", "1000", "9999", "10000"];
/** What looks like the end of a line at first. */
const ODD_ENDS = ["\r \r\n", "\rx\r\n", "\n"];

const PUBLISHES = [
  sized("PUB", "ok.a.1", "12"),
  sized("PUB", "ok.b.1 _INBOX.1", "12"),
  sized("PUB", `ok.a.${"x".repeat(40)}`, "0"),
  sized("PUB", "no.a.1", "12"),
  sized("PUB", "no.a.1 _INBOX.1", "0"),
  // As nats-py writes them.
  sized("PUB", "ok.a.1 ", "12"),
  sized("PUB", "no.a.1 ", "0"),
  hpub("ok.c.1 ", HEADERS, "p"),
  hpub("ok.c.1", HEADERS, "p"),
  hpub("ok.c.1", HEADERS, "p", "_INBOX.1"),
  hpub("ok.c.1", TRACED, "p"),
  hpub("ok.c.1", "", "p"),
  PING,
];
const DELIVERIES = [
  sized("MSG", "ok.a.1 1", "12"),
  sized("MSG", "ok.b.1 1 no.r.1", "12"),
  sized("MSG", `ok.a.${"x".repeat(40)} 1`, "0"),
  sized("MSG", "ok.no.1 1", "12"),
  sized("MSG", "ok.a.1 3", "1"),
  hmsg("ok.c.1", "1", HEADERS, "p"),
];

const CUT = {
  client: [
    ...SIZES.map((size) => sized("PUB", "ok.a.1", size)),
    ...ODD_ENDS.map((end) => sized("PUB", "ok.a.1", "1", end)),
    ...["0", "9", "10"].map((size) => sized("PUB", "no.a.1", size)),
    sized("PUB", "ok.a.1 _INBOX.1", "1"),
    sized("PUB", "ok.a.1 _INBOX.1", "1", "\r \r\n"),
    sized("PUB", "ok.a.1 ", "10"),
    sized("PUB", "no.a.1 ", "0"),
    // Their payloads end otherwise.
    "PUB no.a.1 1\r\np\rPING\r\n",
    "PUB ok.a.1 1\r\np\rPING\r\n",
    hpub("ok.c.1", HEADERS, "p"),
    hpub("ok.c.1", TRACED, "p"),
  ],
  server: [
    ...SIZES.map((size) => sized("MSG", "ok.a.1 1", size)),
    ...ODD_ENDS.map((end) => sized("MSG", "ok.a.1 1", "1", end)),
    sized("MSG", "ok.no.1 1", "1"),
    sized("MSG", "ok.a.1 3", "1"),
    sized("MSG", "ok.a.1 1 no.r.1", "1"),
    sized("MSG", "ok.a.1 1 no.r.1", "1", "\r \r\n"),
    hmsg("ok.c.1", "1", HEADERS, "p"),
  ],
};

const POLICY = policyOf(
  {
    publish: { allow: ["ok.>"] },
    subscribe: { allow: ["ok.>", "_INBOX.>"], deny: ["ok.no.>"] },
    allow_responses: { max: 2, expires: "1m" },
  },
  {
    telemetry: {
      subjects: ["a", "b", "c"].map((name) => ({ name, patterns: [`ok.${name}.>`] })),
    },
  },
);

const SUBSCRIBED = "SUB ok.> 1\r\nSUB ok.> 3\r\nUNSUB 3 2\r\n";

/** Sends it in one piece, and to a client the PONGs for what nats-server has read. */
function send(both: Both, direction: string, text: string): void {
  if (direction === "client") both.serverAtOnce(pongsFor(both.clientAtOnce(text)));
  else both.serverAtOnce(text);
}

describe("the short ways of the filter", () => {
  let long: WebAssembly.Module;
  before(async () => {
    long = await longFilterModule();
  });

  function subscribed(hosts: ReturnType<typeof hostsUnder>, what: string): Both {
    const both = Both.connected(hosts, what);
    both.serverAtOnce(pongsFor(both.clientAtOnce(SUBSCRIBED)));
    return both;
  }

  it("do what the long ways do with a line at each byte across the end of what is read at once", () => {
    const hosts = hostsUnder(POLICY, long);
    for (const [direction, verb, names, lines] of [
      ["client", "PUB", "ok.f.1", PUBLISHES],
      ["server", "MSG", "ok.f.1 1", DELIVERIES],
    ] as const) {
      const filler = (size: number): string => sized(verb, names, String(size));
      for (const end of [FIRST_GLANCE, WINDOW, FIRST_GLANCE + WINDOW]) {
        for (const [number, line] of lines.entries()) {
          for (let cut = 0; cut <= line.length; cut++) {
            const what = JSON.stringify([direction, end, number, cut]);
            const both = subscribed(hosts, what);
            // Behind such a payload the next callback reads FIRST_GLANCE at first.
            if (end !== WINDOW) send(both, direction, filler(FAR + 1));
            // Lines up to there, the last of which has three digits in its size too.
            const whole = filler(400);
            const room = end - cut;
            const count = Math.floor(room / whole.length) - 1;
            const rest = room - count * whole.length - whole.length + 400;
            send(both, direction, whole.repeat(count) + filler(rest) + line + lines[0]! + line);
            both.end();
          }
        }
      }
    }
  });

  it("do what the long ways do with a line like the one before that is cut at any byte, where all of it lay in memory before", () => {
    const hosts = hostsUnder(POLICY, long);
    for (const [direction, lines] of Object.entries(CUT)) {
      for (const line of lines) {
        const end = line.lastIndexOf("\n", line.length - 3) + 3;
        for (let cut = 1; cut <= end; cut++) {
          const both = subscribed(hosts, JSON.stringify([direction, line.slice(0, 40), cut]));
          const parts = [line.repeat(3), line.repeat(2) + line.slice(0, cut), line.slice(cut) + lines[0]!];
          for (const part of parts) send(both, direction, part);
          both.end();
        }
      }
    }
  });

  it("do what the long ways do where a payload has the end of a line at the length of a subject that is too long to be kept", () => {
    const hosts = hostsUnder(POLICY, long);
    const longSubject = `ok.${"x".repeat(37)}`;
    const former = sized("PUB", "ok.a.1", "16") + sized("PUB", longSubject, "16");
    // The subject of the first one, and in the payload what ends the second one's line, at the same distance.
    const line = "PUB ok.a.1 200\r\n";
    const before = "y".repeat(`PUB ${longSubject}`.length - 1 - line.length);
    const payload = `${before}x 16\r\n${"z".repeat(16)}\r\n${sized("PUB", "no.a.1", "1")}`;
    const both = subscribed(hosts, "a payload that ends like a line");
    send(both, "client", `${former}${line}${payload.padEnd(200, "y")}\r\n${PING}`);
    both.end();
  });

  it("do what the long ways do with a line cut at any byte, where another one lay in memory before", () => {
    const hosts = hostsUnder(POLICY, long);
    for (const [direction, lines] of Object.entries(CUT)) {
      for (const former of lines) {
        for (const line of lines) {
          const end = line.lastIndexOf("\n", line.length - 3) + 3;
          for (let cut = 1; cut <= end; cut++) {
            const both = subscribed(hosts, JSON.stringify([direction, former.slice(0, 40), line.slice(0, 40), cut]));
            for (const part of [former, line.slice(0, cut), line.slice(cut) + lines[0]!]) send(both, direction, part);
            both.end();
          }
        }
      }
    }
  });
});
