import { Random } from "../../test/host/random.ts";
import { mixedSize, mixedSubjects, MIXED_SIZES } from "../mixed.ts";
import { OBSERVED } from "../policy.ts";

/** One direction's bytes, what must come of them, and how many frames of the measured kind they contain. */
export interface Stream {
  direction: "client" | "server";
  bytes: Buffer;
  /** What must come out; the same bytes by default. */
  expected: Buffer;
  /** Where each frame ends, in rising order. */
  ends: number[];
  /** What the other side sends for each frame, once the filter has let the frame pass or put a PING in its place. */
  answers: readonly string[];
  /** What must come out for all of these answers. */
  expectedAnswers: string;
}

export interface FrameCase {
  name: string;
  /** Payload bytes, for frames that have a payload. */
  payload?: number;
  /** What the client sends once, beforehand. */
  before: string;
  stream: Stream;
  /** The sizes of the chunks that the stream is cut into. Each makes a measurement. */
  chunks: readonly number[];
  /** What is different in the policy. */
  settings?: object;
  /** Whether the stream goes over a new connection each time, as its sids must. */
  anew?: boolean;
}

/** What a callback brings to a worker that keeps up: a TLS record, or what nats-server writes at once. */
const CHUNKS = [16_384, 65_536];
/** What a callback of a busy publisher brings: nearly all that Envoy buffers (bench/RESULTS.md). */
const BUFFERED = 983_040;

const PAYLOADS = [16, 128, 1024, 16_384];
const SEED = 20_240_229;
const ONCE = 32_768;
const REPEATED = "orders.e000.created";
const DENIED = "orders.e000.secrets";
const NOT_ALLOWED = "invoices.e000.created";
const INBOX = "_INBOX.Kd8s2LmQx0ZtV5rYbN7cWf";

/** What nats-server 2.15 says of itself, and what nats.go answers. */
const INFO =
  `INFO {"server_id":"NAWMTIUNGJSDQRTPQJ2FZ4XUMZM3TLKMXZ5WQNOJ5KNYEYAUMGJXIHPX","server_name":"nats-0","version":"2.15.2",` +
  `"proto":1,"git_commit":"a80b5d1","go":"go1.26.8","host":"0.0.0.0","port":4222,"headers":true,"max_payload":1048576,` +
  `"jetstream":true,"client_id":7,"client_ip":"127.0.0.6","xkey":"XAHNWD4SOTM6GJTZYZO4VLSWJCGZ2QOMTXHYWX5IFZ4VMPBMD5VQVTAF"} \r\n`;
const CONNECT =
  `CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"name":"orders","lang":"go","version":"1.48.0","protocol":1,` +
  `"echo":true,"headers":true,"no_responders":true}\r\n`;

const THOUSAND = Array.from({ length: 1000 }, (_, i) => `orders.e${String(i).padStart(3, "0")}.created`);

/** The least number of frames in random order that a processor does not learn by heart. */
const LEAST_AT_RANDOM = 4096;

/** `count` or a little more, so that each of `each` comes a whole number of times. */
function wholeSets(count: number, each: number): number {
  return Math.ceil(count / each) * each;
}

/**
 * As many frames as matter, in few enough bytes to stay in the processor's cache (the last level for 1 KiB). All rows of one
 * payload size have the same number, so that they can be compared. For 16 KiB the number is so small that there is no row of 1,000
 * subjects.
 */
function framesFor(payload: number): number {
  return payload <= 1024 ? wholeSets(LEAST_AT_RANDOM, THOUSAND.length) : 128;
}

/** `count` items in all, each of them equally often, in an order that is random throughout. */
function inRandomOrder<T>(all: readonly T[], count: number): T[] {
  if (count % all.length !== 0) throw new Error(`${count} is not a multiple of ${all.length}`);
  const random = new Random(SEED);
  const order = Array.from({ length: count / all.length }, () => all).flat();
  // Fisher-Yates shuffle.
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}

interface Frame {
  text: string;
  /** What comes out in place of the frame. */
  becomes?: string;
  /** What the other side sends for it. */
  answer?: string;
  /** What becomes of that; the same bytes by default. */
  answered?: string;
}

function streamOf(direction: "client" | "server", frames: readonly Frame[]): Stream {
  const ends: number[] = [];
  let length = 0;
  for (const { text } of frames) ends.push((length += text.length));
  return {
    direction,
    bytes: Buffer.from(frames.map(({ text }) => text).join(""), "latin1"),
    expected: Buffer.from(frames.map(({ text, becomes }) => becomes ?? text).join(""), "latin1"),
    ends,
    answers: frames.map(({ answer = "" }) => answer),
    expectedAnswers: frames.map(({ answer = "", answered }) => answered ?? answer).join(""),
  };
}

function payloadOf(size: number): string {
  return "x".repeat(size);
}

function pub(subject: string, payload: number): string {
  return `PUB ${subject} ${payload}\r\n${payloadOf(payload)}\r\n`;
}

const HEADERS = "NATS/1.0\r\nNats-Msg-Id: 7f3a9c2e\r\ntraceparent: 00-4bf92f3577b34da6-00f067aa0ba902b7-01\r\n\r\n";

function hpub(subject: string, payload: number): string {
  const total = HEADERS.length + payload;
  return `HPUB ${subject} ${HEADERS.length} ${total}\r\n${HEADERS}${payloadOf(payload)}\r\n`;
}

function hmsg(subject: string, payload: number): string {
  return hpub(`${subject} 1`, payload).replace("HPUB", "HMSG");
}

function msg(subject: string, payload: number, sid = 1): string {
  return `MSG ${subject} ${sid} ${payload}\r\n${payloadOf(payload)}\r\n`;
}

function refusedPublish(subject: string, payload: number): Frame {
  const answered = `-ERR 'Permissions Violation for Publish to "${subject}"'\r\n`;
  return { text: pub(subject, payload), becomes: "PING\r\n", answer: "PONG\r\n", answered };
}

/** Publishes to one subject, and to a thousand if there are enough frames. */
function publishCases(payload: number, count: number, chunks: readonly number[]): FrameCase[] {
  const make = (name: string, subjects: readonly string[]): FrameCase => ({
    name,
    payload,
    before: "",
    stream: streamOf(
      "client",
      subjects.map((subject) => ({ text: pub(subject, payload) })),
    ),
    chunks,
  });
  return [
    make("PUB, one subject", Array<string>(count).fill(REPEATED)),
    ...(count < LEAST_AT_RANDOM ? [] : [make("PUB, 1,000 subjects at random", inRandomOrder(THOUSAND, count))]),
  ];
}

/** A service that has subscriptions to several subjects, on which messages come in random order. */
function subscriptionsCase(count: number): FrameCase {
  const payload = 16;
  const subjects = THOUSAND.slice(0, count);
  const order = inRandomOrder(
    subjects.map((subject, i) => ({ text: msg(subject, payload, i + 1) })),
    wholeSets(framesFor(payload), count),
  );
  return {
    name: `MSG, ${count} subscriptions at random`,
    payload,
    before: subjects.map((subject, i) => `SUB ${subject} ${i + 1}\r\n`).join(""),
    stream: streamOf("server", order),
    chunks: [65_536],
  };
}

/** Nothing that the short ways could predict: subject, subject length and payload length differ from line to line. */
function mixedCase(): FrameCase {
  const subjects = inRandomOrder(mixedSubjects(), framesFor(MIXED_SIZES.most));
  const random = new Random(SEED);
  const frames = subjects.map((subject) => ({ text: pub(subject, mixedSize(random)) }));
  return { name: "PUB, mixed subjects and sizes", before: "", stream: streamOf("client", frames), chunks: CHUNKS };
}

/** As nats-py and nats-pure write a publish without a reply subject: with one of no bytes, and so with two blanks. */
function twoBlanksCase(): FrameCase {
  const payload = 16;
  const frames = Array<Frame>(framesFor(payload)).fill({ text: pub(`${REPEATED} `, payload) });
  return {
    name: "PUB, one subject, two blanks",
    payload,
    before: "",
    stream: streamOf("client", frames),
    chunks: [65_536],
  };
}

/** The names of these cases, by what is changed in the policy. */
const OBSERVING: Readonly<Record<string, object>> = {
  "in DRY_RUN": OBSERVED.dryRun,
  "beside a rule in DRY_RUN": OBSERVED.trial,
  "one in 1,000 audited": OBSERVED.sampled,
};

function observedCases(): FrameCase[] {
  const payload = 16;
  const count = framesFor(payload);
  const streams: [string, string, Stream][] = [
    ["PUB, one subject", "", streamOf("client", Array<Frame>(count).fill({ text: pub(REPEATED, payload) }))],
    [
      "MSG, nothing to filter",
      `SUB ${REPEATED} 1\r\n`,
      streamOf("server", Array<Frame>(count).fill({ text: msg(REPEATED, payload) })),
    ],
  ];
  return Object.entries(OBSERVING).flatMap(([how, settings]) =>
    streams.map(([what, before, stream]) => ({
      name: `${what}, ${how}`,
      payload,
      before,
      stream,
      chunks: [65_536],
      settings,
    })),
  );
}

/** What is delivered to a client that waits meanwhile, for the answer of a slow service or for an acknowledgement of a stream. */
function waitingCase(): FrameCase {
  const payload = 16;
  const frames = Array<Frame>(framesFor(payload)).fill({ text: msg(REPEATED, payload) });
  return {
    name: "MSG, nothing to filter, while a request waits",
    payload,
    before: `SUB ${REPEATED} 1\r\nPUB ${REPEATED} ${INBOX}.1 0\r\n\r\n`,
    stream: streamOf("server", frames),
    chunks: [65_536],
  };
}

/** Publishes that arrive faster than the worker can process. */
function bufferedCases(payload: number): FrameCase[] {
  const count = Math.max(LEAST_AT_RANDOM, Math.ceil((4 * BUFFERED) / pub(REPEATED, payload).length));
  return publishCases(payload, wholeSets(count, THOUSAND.length), [BUFFERED]);
}

function payloadCases(payload: number): FrameCase[] {
  const count = framesFor(payload);
  const times = <T>(make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const literal = `SUB ${REPEATED} 1\r\n`;
  const wide = "SUB orders.> 1\r\n";
  const refused = refusedPublish(DENIED, payload);
  const notAllowed = refusedPublish(NOT_ALLOWED, payload);
  const make = (name: string, before: string, stream: Stream): FrameCase => ({
    name,
    payload,
    before,
    stream,
    chunks: CHUNKS,
  });
  const asked = (verb: string, line: (subject: string, payload: number) => string): FrameCase =>
    make(
      `${verb}, filter asked, 1,000 subjects`,
      wide,
      streamOf(
        "server",
        inRandomOrder(THOUSAND, count).map((subject) => ({ text: line(subject, payload) })),
      ),
    );
  return [
    ...publishCases(payload, count, CHUNKS),
    make(
      "HPUB, one subject",
      "",
      streamOf(
        "client",
        times(() => ({ text: hpub(REPEATED, payload) })),
      ),
    ),
    make(
      "PUB refused, with its PONG",
      "",
      streamOf(
        "client",
        times(() => refused),
      ),
    ),
    make(
      "PUB that no rule allows, with its PONG",
      "",
      streamOf(
        "client",
        times(() => notAllowed),
      ),
    ),
    make(
      "PUB, every second refused",
      "",
      streamOf(
        "client",
        times((i) => (i % 2 === 0 ? { text: pub(REPEATED, payload) } : refused)),
      ),
    ),
    make(
      "HMSG, nothing to filter",
      literal,
      streamOf(
        "server",
        times(() => ({ text: hmsg(REPEATED, payload) })),
      ),
    ),
    make(
      "MSG, nothing to filter",
      literal,
      streamOf(
        "server",
        times(() => ({ text: msg(REPEATED, payload) })),
      ),
    ),
    ...(count < LEAST_AT_RANDOM ? [] : [asked("MSG", msg), asked("HMSG", hmsg)]),
    make(
      "MSG, every second kept back",
      wide,
      streamOf(
        "server",
        times((i) => (i % 2 === 0 ? { text: msg(REPEATED, payload) } : { text: msg(DENIED, payload), becomes: "" })),
      ),
    ),
  ];
}

function controlCases(): FrameCase[] {
  const COUNT = 4096;
  const literal = `SUB ${REPEATED} 1\r\n`;
  // So many that a new connection for them all does not count.
  const subscriptions = Array.from({ length: 4 * COUNT }, (_, i) => {
    const sid = 1000 + (i >> 1);
    return { text: i % 2 === 0 ? `SUB orders.s${sid % 100}.n ${sid}\r\n` : `UNSUB ${sid}\r\n` };
  });
  // Subjects that come once each. There are more of them than any cache of decisions holds.
  const once = <T>(make: (inbox: string, acknowledgement: string) => T): T[] =>
    Array.from({ length: ONCE }, (_, i) =>
      make(
        `${INBOX}.${String(i).padStart(8, "0")}`,
        `$JS.ACK.BENCH.C.1.${100_000 + i}.${100_000 + i}.1764012345678901234.${100_000 - i}`,
      ),
    );
  const request = (inbox: string): string => `PUB ${REPEATED} ${inbox} 16\r\n${payloadOf(16)}\r\n`;
  const unanswered = once((inbox) => ({ text: request(inbox) }));
  const requests = once((inbox) => ({ text: request(inbox), answer: msg(inbox, 16) }));
  const requested = once((inbox) => ({
    text: `MSG ${REPEATED} 1 ${inbox} 16\r\n${payloadOf(16)}\r\n`,
    answer: pub(inbox, 16),
  }));
  const acknowledgements = once((_, acknowledgement) => ({ text: pub(acknowledgement, 0) }));
  const pulled = once((_, acknowledgement) => ({
    text: `MSG ${REPEATED} 1 ${acknowledgement} 16\r\n${payloadOf(16)}\r\n`,
    answer: pub(acknowledgement, 4),
  }));
  const pings = Array.from({ length: COUNT }, () => ({ text: "PING\r\n", answer: "PONG\r\n" }));
  const infos = Array.from({ length: COUNT }, () => ({ text: INFO }));
  // A further one has a PING of the filter's behind it, whose PONG is not for the client.
  const further = { text: CONNECT, becomes: `${CONNECT}PING\r\n`, answer: "PONG\r\n", answered: "" };
  const connects = Array.from({ length: COUNT }, () => further);
  const inboxes = `SUB ${INBOX}.* 1\r\n`;
  const all: Omit<FrameCase, "chunks">[] = [
    { name: "SUB and UNSUB in turn", before: "", stream: streamOf("client", subscriptions), anew: true },
    { name: "PUB of a request that nobody answers, 16 B", before: "", stream: streamOf("client", unanswered) },
    { name: "PUB of a request, with its answer, 16 B", before: inboxes, stream: streamOf("client", requests) },
    { name: "MSG of a request, with its reply, 16 B", before: literal, stream: streamOf("server", requested) },
    { name: "MSG of JetStream, with its acknowledgement", before: inboxes, stream: streamOf("server", pulled) },
    { name: "PUB of JetStream's acknowledgements, 0 B", before: "", stream: streamOf("client", acknowledgements) },
    { name: "PING with its PONG", before: "", stream: streamOf("client", pings) },
    { name: "INFO", before: "", stream: streamOf("server", infos) },
    { name: "CONNECT, a further one", before: "", stream: streamOf("client", connects) },
  ];
  return all.map((frameCase) => ({ ...frameCase, chunks: CHUNKS }));
}

export function frameCases(): FrameCase[] {
  return [
    ...PAYLOADS.flatMap(payloadCases),
    mixedCase(),
    twoBlanksCase(),
    ...[2, 10, 100].map(subscriptionsCase),
    ...observedCases(),
    waitingCase(),
    ...PAYLOADS.filter((payload) => payload <= 1024).flatMap(bufferedCases),
    ...controlCases(),
  ];
}

/** Publishes of 16 bytes to many subjects of many rules. */
export interface DecisionStream extends Stream {
  /** The number of different pairs of two first tokens among the subjects. Each pair belongs to one rule only. */
  groups: number;
}

/** The token of a rule of `largePolicy`, in as few characters as may be. */
export function ruleToken(rule: number): string {
  return rule.toString(36);
}

/**
 * Makes publishes of 16 bytes to `subjectCount` subjects. Each subject belongs to a rule drawn from `ruleCount` (`largePolicy`).
 * All subjects come equally often, in random order. With fewer rules, more subjects share a rule and so their two first tokens,
 * which is what istio-nats remembers if these decide: 1,000 subjects of 10, 1,000, 10,000 and 100,000 rules make 10, 626, 948 and
 * 993 such groups. So two things grow from row to row: the rules, and what has to be remembered.
 */
export function decisionStream(ruleCount: number, subjectCount: number): DecisionStream {
  const random = new Random(SEED);
  const rules = Array.from({ length: subjectCount }, () => random.below(ruleCount));
  const all = rules.map((rule, i) => `o.${ruleToken(rule)}.n${i}`);
  const frames = inRandomOrder(all, wholeSets(8192, subjectCount)).map((subject) => ({ text: pub(subject, 16) }));
  return { ...streamOf("client", frames), groups: new Set(rules).size };
}
