import { Random } from "../host/random.ts";
import { recordedSessions } from "../conformance/session.ts";
import { LIMITS, MOST_HEADERS } from "./policies.ts";

const MOST_BYTES = 4096;

/** Words that subjects are made of. Those of the policies come first. */
const TOKENS = [
  "foo",
  "bar",
  "baz",
  "a",
  "b",
  "c",
  "x",
  "no",
  "secret",
  "work",
  "*",
  ">",
  "_INBOX",
  "*a",
  "",
  "\xff",
  "é",
];
/** Subjects on both sides of the policies' borders. */
const SUBJECTS = [
  ...[
    "foo",
    "foo.a",
    "foo.bar",
    "foo.bar.baz",
    "foo.a.b",
    "foo.secret.a",
    "foo.secret",
    "foo.a.x",
    "foo.x",
    "foo.*",
    "foo.>",
  ],
  ...[
    "bar",
    "bar.a",
    "bar.no",
    "bar.*",
    "bar.a.baz",
    "a.a",
    "b.a",
    "a.b.c",
    "*",
    ">",
    "*.a",
    "foo.*.*",
    "work.a",
    "work.>",
  ],
  ...["_INBOX.1", "_INBOX.*", "foo.secret.>", "foo.*.x"],
  ...["$JS.API.DIRECT.GET.S.a", "$JS.API.DIRECT.GET.S.*", "$JS.API.DIRECT.GET.S.secret.>", "$JS.API.DIRECT.GET.S.>"],
  ...["$JS.API.DIRECT.GET.S.a.b.>.>", "$JS.API.DIRECT.GET.S.*.a>", "$JS.API.DIRECT.GET.S.a.b.c"],
  ...["$JS.hub.API.DIRECT.GET.S.a", "$JS.hub.API.DIRECT.GET.S.secret.a", "$JS.hub.API.DIRECT.GET.S.*.a"],
];
const SIDS = ["1", "2", "3", "a", "1"];
const QUEUES = ["q1", "q2", "q", "*", "_sys_", "q.1", ">"];
const RESERVED = [
  "_R_.1",
  "$JS.ACK.1",
  "_GR_.1",
  "$GR.1",
  "$NRG.1",
  "_GR_.",
  "$JS.API.INFO",
  "$SYS.1",
  "$SYS.1.2",
  "$JSC.1",
];
/** The second is one of a fast batch of JetStream's. */
const REPLIES = ["_INBOX.1", "foo.b.10.ok.1.0.$FI"];
const ACTING = [
  ...["Nats-Trace-Dest", "Nats-Schedule-Target", "Nats-Schedule-Source", "Nats-Scheduler", "Nats-Rollup"],
  ...["Nats-Schedule", "Nats-TTL", "Nats-Incr", "Nats-Request-Info", "Nats-Schedule-Rollup", "Nats-Stream-Source"],
  ...[
    "Nats-Trace-Origin-Account",
    "Nats-Expected-Last-Msg-Id",
    "Nats-Consumer-Stalled",
    "Nats-Schedule-Time-Zone",
    "Nats-Counter-Sources",
    "Nmqtt-Subject",
    "nats-trace-dest",
    "Accept-Encoding",
    "Nats-Batch-Id",
    "A",
  ],
];
const CONNECTS = [
  'CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1}\r\n',
  'CONNECT {"verbose":true,"headers":true}\r\n',
  'connect {"headers":false,"echo":false}\r\n',
  "CONNECT {}\r\n",
  "CONNECT null\r\n",
  'CONNECT{"header\xc5\xbf":true,"HEADERS":true,"verbose":false,"verbose":true}\r\n',
  'CONNECT {"name":"a\\"}b","no_responders":true,"headers":true,"protocol":0,"tls_required":null}\r\n',
];
/** What smugglers try, and what a splice may produce by itself. */
const ODDITIES = [
  ...[
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    "\r\n\r\n",
    "PING",
    "PONG\r\n",
    "+OK\r\n",
    "-ERR 'x'\r\n",
    "HMSG a 1 0 0\r\n",
  ],
  ...[
    "PUB foo.x ",
    "PUB \nfoo 2\r\n",
    "PUB foo\r 12\r\n",
    "SUB >\r 1\r\n",
    "MSG foo 1 0\r\n\r\n",
    "INFO {}\r\n",
    "LS+ foo\r\n",
  ],
  ...["PUB foo 00000000001\r\n", "PUB foo 000000002\r\nab\r\n", "PUB foo +1\r\n", "PINGfoo PUB x 1\r\n", "PONG x\r\n"],
  ...["\v", "\f", "\x85", "\xa0", "\u00e2\u0080\u00a8"],
];
const NUMBERS = [
  "0",
  "1",
  "2",
  "3",
  "10",
  "255",
  "256",
  "1023",
  "1024",
  "1025",
  "999999999",
  "1000000000",
  "-1",
  "00",
  "1e1",
  "4294967296",
];

function subject(random: Random): string {
  const kind = random.below(20);
  if (kind === 0) return random.pick(RESERVED);
  if (kind < 12) return random.pick(SUBJECTS);
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(TOKENS)).join(".");
}

function blank(random: Random): string {
  return random.pick([" ", " ", " ", " ", "\t", "  ", " \t "]);
}

function lineEnd(random: Random): string {
  return random.below(12) === 0 ? "\n" : "\r\n";
}

/** Payloads that look like operations are what a parser that miscounts would execute. */
function payload(random: Random): string {
  switch (random.below(5)) {
    case 0:
      return "";
    case 1:
      return `PUB foo.secret.x 1\r\nx\r\nSUB > ${random.below(9)}\r\n`.slice(random.below(20));
    case 2:
      return "x".repeat(random.below(LIMITS.payload + 4));
    case 3:
      return random.bytes(random.below(40)).toString("latin1");
  }
  return "hello";
}

function headerBlock(random: Random): string {
  if (random.below(16) === 0)
    return random.pick([
      "NATS/1.0 100 x",
      "NATS/1.0 100 ",
      "NATS/1.0 100",
      "NATS/1.0 100 x\r\n\r\n",
      "NATS/1.0 x\r 100\r\n\r\n",
      "A: b 100",
      "N x\r.Status: 100",
    ]);
  let block = random.below(8) === 0 ? "NATS/1.0 503\r\n" : "NATS/1.0\r\n";
  for (let i = random.below(4); i > 0; i--) {
    const name = random.pick(ACTING);
    const value = name.endsWith("-Rollup")
      ? random.pick(["all", "ALL", "sub", "aLl", "", "Nats-TTLNats-TTL", "sub\nNats-Expected-x"])
      : name === "Nats-Schedule"
        ? random.pick([
            "@every 1m",
            "@every 876600h1.5s",
            "@every 3155760000001ms",
            "@every 3155760000000000us",
            "@every 1h3155760000000000\xc2\xb5s",
            "@every 3155759999999999999ns",
            "@every 3155760001000000000ns",
            ", * * * * *",
            "0 ,, 1,2 * * *",
            "1,2 ,3 4, * * *",
            "0 * * * *\xa0,",
            "1\t,\t2",
          ])
        : name === "Nats-Incr"
          ? "9".repeat(random.pick([1, 128, 129]))
          : subject(random);
    if (random.below(16) === 0)
      block += `${random.pick(["", "A: b\n", " ", "A: b\r"])}Status${random.pick(["", " "])}:${random.pick([" 100", "100\t", "200"])}\r\n`;
    block += `${name}:${random.pick([" ", "", "  ", "\t"])}${value}\r\n`;
  }
  // Some are not closed by an empty line.
  return random.below(8) === 0 ? block : `${block}\r\n`;
}

/** One operation as a client may send it. */
function operation(random: Random): string {
  const [s, b, end] = [subject(random), blank(random), lineEnd(random)];
  const reply =
    random.below(3) === 0 ? `${blank(random)}${random.below(2) === 0 ? random.pick(REPLIES) : subject(random)}` : "";
  switch (random.below(11)) {
    case 0:
    case 1:
    case 2: {
      const body = payload(random);
      return `${random.pick(["PUB", "PUB", "pub"])}${b}${s}${reply} ${body.length}${end}${body}\r\n`;
    }
    case 3:
    case 4: {
      const [block, body] = [headerBlock(random), payload(random)];
      return `HPUB${b}${s}${reply} ${block.length} ${block.length + body.length}${end}${block}${body}\r\n`;
    }
    case 5:
    case 6:
      return `${random.pick(["SUB", "SUB", "sUb"])}${b}${s}${random.below(3) === 0 ? ` ${random.pick(QUEUES)}` : ""} ${random.pick(SIDS)}${end}`;
    case 7:
      return `UNSUB${b}${random.pick(SIDS)}${random.below(2) === 0 ? ` ${random.pick(NUMBERS)}` : ""}${end}`;
    case 8:
      return `PING${end}`;
    case 9:
      return random.below(4) === 0 ? random.pick(CONNECTS) : `PONG${end}`;
  }
  return random.below(3) === 0 ? random.pick(ODDITIES) : `PING${random.below(6) === 0 ? " tail" : ""}${end}`;
}

let recorded: string[] | undefined;

/** What the clients of the recorded sessions sent, each as a whole. */
function recordedStreams(): string[] {
  recorded ??= recordedSessions("sessions")
    .map(({ send }) =>
      send.map((step) => (typeof step === "string" ? step : step.from === "peer" ? "" : (step.data ?? ""))).join(""),
    )
    .filter((stream) => stream.length > 0 && stream.length < 2048);
  return recorded;
}

/** A stream as generated, before anything in it is changed. `pool` holds inputs that were once interesting. */
function stream(random: Random, pool: readonly string[]): string {
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.below(64)).toString("latin1");
  if (kind <= 3) return random.pick(recordedStreams());
  if (kind <= 6 && pool.length > 0) return random.pick(pool);
  return Array.from({ length: 1 + random.below(5) }, () => operation(random)).join("");
}

function mutateOnce(text: string, random: Random, pool: readonly string[]): string {
  const at = random.below(text.length + 1);
  const [head, tail] = [text.slice(0, at), text.slice(at)];
  switch (random.below(10)) {
    case 0: // a bit
      return tail === ""
        ? text
        : head + String.fromCharCode(tail.charCodeAt(0) ^ (1 << random.below(8))) + tail.slice(1);
    case 1: // a byte
      return head + String.fromCharCode(random.below(256)) + tail.slice(random.below(2));
    case 2:
    case 3:
      return head + random.pick(ODDITIES) + tail;
    case 4: // lost bytes
      return head + tail.slice(random.below(6));
    case 5: // repeated bytes
      return head + tail.slice(0, random.below(40)) + tail;
    case 6: {
      const numbers = [...text.matchAll(/[0-9]+/g)];
      if (numbers.length === 0) return text;
      const { 0: old, index } = random.pick(numbers);
      const edited = random.below(2) === 0 ? random.pick(NUMBERS) : String(Number(old) + random.below(5) - 2);
      return text.slice(0, index) + edited + text.slice(index + old.length);
    }
    case 7: // a splice
      return head + stream(random, pool).slice(random.below(30));
    case 8:
      return head;
  }
  return head + operation(random) + tail;
}

/** One input: a client's whole stream, latin-1, at most MOST_BYTES. */
export function clientStream(random: Random, pool: readonly string[]): string {
  let text = stream(random, pool);
  // Most inputs keep a CONNECT in front, because little follows one that is broken.
  const kept = random.below(8) === 0 ? "" : random.pick(CONNECTS);
  for (let i = random.pick([0, 1, 1, 2, 3]); i > 0; i--) text = mutateOnce(text, random, pool);
  return (kept + text).slice(0, MOST_BYTES);
}

/** Bytes of a verb and the blanks behind it that the filter takes (docs/reference/parity.md, `own-padding`). */
const MOST_PADDING = 8192;

/** A stream of good operations, one of which is as long as something may be, or a byte shorter or longer. */
export interface LimitStream {
  chunks: Uint8Array[];
  /** It is too long, so that the connection ends. */
  ends: boolean;
}

/** One from `random`, where a control line may have so many bytes. Only such lines are long if not those of `LIMITS`. */
export function limitStream(random: Random, controlLine: number): LimitStream {
  const over = random.below(3) - 1;
  const end = random.pick(["\r\n", "\r\n", "\n"]);
  /** With as many bytes between as that makes a control line's arguments. */
  const line = (verb: string, head: string, tail = ""): string =>
    `${verb} ${head}${"l".repeat(controlLine + over - head.length - tail.length)}${tail}${end}`;
  const lines = [
    () => `${line("PUB", "foo.", " 2")}xy\r\n`,
    () => `${line("PUB", "foo.a _INBOX.", " 2")}xy\r\n`,
    () => `${line("HPUB", "foo.", " 12 14")}NATS/1.0\r\n\r\nxy\r\n`,
    () => line("SUB", "foo.", " 2"),
    () => line("SUB", "foo.a "),
    () => line("SUB", "work.a q1 "),
    () => line("UNSUB", "", " 1"),
    () => line("CONNECT", '{"headers":true,"name":"', '"}'),
    () => `PING${"t".repeat(controlLine + over)}\r\n`,
    // The verb counts.
    () => `SUB${" ".repeat(MOST_PADDING + over - 3)}foo.a 2${end}`,
  ];
  const messages = [
    () => `PUB foo.a ${LIMITS.payload + over}${end}${"x".repeat(LIMITS.payload + over)}\r\n`,
    () => `HPUB foo.a 12 ${LIMITS.payload + over}${end}NATS/1.0\r\n\r\n${"x".repeat(LIMITS.payload + over - 12)}\r\n`,
  ];
  const isShort = controlLine === LIMITS.controlLine;
  const hasHeaders = isShort && random.below(12) === 0;
  // Of headers that are too long only the message is refused.
  const headers = `NATS/1.0\r\nA: ${"h".repeat(MOST_HEADERS + over - 17)}\r\n\r\n`;
  const made = hasHeaders
    ? `HPUB foo.a ${headers.length} ${headers.length}${end}${headers}\r\n`
    : random.pick(isShort ? [...lines, ...lines, ...messages] : lines)();
  const others = (): string =>
    Array.from({ length: random.below(3) }, () =>
      random.pick(["PING\r\n", "PUB foo.a 2\r\nxy\r\n", "SUB foo.a 3\r\n"]),
    ).join("");
  const before = `${CONNECTS[0]!}${others()}`;
  // There the line becomes too long, or may be complete.
  const turn = before.length + made.length - 8;
  return { chunks: chunksAround(before + made + others(), turn, 8, random), ends: over > 0 && !hasHeaders };
}

/** Up to four reads of a stream, with half of the cuts among the `width` bytes from `turn` on. */
export function chunksAround(text: string, turn: number, width: number, random: Random): Uint8Array[] {
  const bytes = Buffer.from(text, "latin1");
  const places = Array.from({ length: random.below(4) }, () =>
    random.below(2) === 0 ? random.below(bytes.length) : turn + random.below(width),
  );
  const inside = places.filter((place) => place > 0 && place < bytes.length);
  const ends = [...new Set([...inside, bytes.length])].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

/** Where a stream is cut into reads: nowhere, everywhere, or at a few places. */
export function chunksOf(text: string, random: Random): Uint8Array[] {
  const bytes = Buffer.from(text, "latin1");
  const kind = random.below(8);
  if (kind <= 2 || bytes.length < 2) return [bytes];
  const most = kind === 3 ? 1 : kind === 4 ? 3 : Math.max(2, Math.ceil(bytes.length / 2));
  // Single bytes of a long payload show nothing new and cost a thousand calls.
  if (most <= 3 && bytes.length > 400) return [bytes.subarray(0, 100), bytes.subarray(100)];
  const chunks: Uint8Array[] = [];
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + 1 + random.below(most));
    chunks.push(bytes.subarray(from, to));
    from = to;
  }
  return chunks;
}
