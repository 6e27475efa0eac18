import { Host } from "../../test/host/host.ts";
import { Random } from "../../test/host/random.ts";
import { Wire } from "../../test/host/wire.ts";
import { MIXED, MIXED_SIZES, mixedSize, THOUSAND } from "../works.ts";
import { Driver } from "./driver.ts";

interface Frame {
  text: string;
  /** What comes out in its place. */
  becomes?: string;
  /** What the other side sends for it. */
  answer?: string;
  /** What comes out for that. */
  answered?: string;
}

/** A stream of frames of one kind. */
export interface Case {
  name: string;
  direction: "client" | "server";
  /** What the client sends once, beforehand. */
  before: string;
  frames: readonly Frame[];
  /** Bytes that a callback brings, wherever frames end; or each frame comes alone. */
  chunk: number | "alone";
}

/** What a callback brings to a worker that keeps up: what nats-server, or several TLS records, bring at once. */
const CHUNK = 65_536;
const SEED = 20_240_229;
/** So many frames in random order no processor learns by heart, and they still fit into its caches. */
const COUNT = 5000;
/** More inboxes than any cache of decisions holds. */
const ONCE = 32_768;

const SUBJECT = "orders.e000.created";
const DENIED = "orders.e000.secrets";
const INBOX = "_INBOX.Kd8s2LmQx0ZtV5rYbN7cWf";
const HEADERS = "NATS/1.0\r\nNats-Msg-Id: 7f3a9c2e\r\ntraceparent: 00-4bf92f3577b34da6-00f067aa0ba902b7-01\r\n\r\n";

function plain(verb: "PUB" | "MSG", args: string, size: number): string {
  return `${verb} ${args} ${size}\r\n${"x".repeat(size)}\r\n`;
}

function headed(verb: "HPUB" | "HMSG", args: string, size: number): string {
  return `${verb} ${args} ${HEADERS.length} ${HEADERS.length + size}\r\n${HEADERS}${"x".repeat(size)}\r\n`;
}

/** Each of these equally often, in an order that is random throughout. */
function atRandom(subjects: readonly string[], random: Random): string[] {
  const order = Array.from({ length: COUNT / subjects.length }, () => subjects).flat();
  // Fisher-Yates.
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] ?? "", order[i] ?? ""];
  }
  return order;
}

const same = (text: string): Frame[] => Array<Frame>(COUNT).fill({ text });

/** A publish of mixed subject and size, no two neighbours of which are the same. */
function mixed(): Frame[] {
  const random = new Random(SEED);
  return atRandom(MIXED, random).map((subject) => ({ text: plain("PUB", subject, mixedSize(random)) }));
}

function asked(line: (subject: string) => string): Frame[] {
  return atRandom(THOUSAND, new Random(SEED)).map((subject) => ({ text: line(subject) }));
}

/** Requests with an inbox each, and their answers. */
function requests(): Frame[] {
  return Array.from({ length: ONCE }, (_, i) => {
    const inbox = `${INBOX}.${String(i).padStart(8, "0")}`;
    return { text: plain("PUB", `${SUBJECT} ${inbox}`, 16), answer: plain("MSG", `${inbox} 1`, 16) };
  });
}

const refused: Frame = {
  text: plain("PUB", DENIED, 128),
  becomes: "PING\r\n",
  answer: "PONG\r\n",
  answered: `-ERR 'Permissions Violation for Publish to "${DENIED}"'\r\n`,
};

const LITERAL = `SUB ${SUBJECT} 1\r\n`;
/** Under this one the policy has to be asked for each delivery. */
const WIDE = "SUB orders.> 1\r\n";

function of(name: string, direction: Case["direction"], before: string, frames: readonly Frame[]): Case {
  return { name, direction, before, frames, chunk: CHUNK };
}

export const CASES: readonly Case[] = [
  of("PUB, same subject, 16 B", "client", "", same(plain("PUB", SUBJECT, 16))),
  of("PUB, same subject, 128 B", "client", "", same(plain("PUB", SUBJECT, 128))),
  of(`PUB, mixed, ${MIXED_SIZES.least} B to ${MIXED_SIZES.most} B`, "client", "", mixed()),
  of("PUB with a reply subject, and its answer", "client", `SUB ${INBOX}.* 1\r\n`, requests()),
  of("PUB refused, 128 B", "client", "", Array<Frame>(COUNT).fill(refused)),
  of("HPUB, same subject, 128 B", "client", "", same(headed("HPUB", SUBJECT, 128))),
  of("MSG, same subject, 128 B", "server", LITERAL, same(plain("MSG", `${SUBJECT} 1`, 128))),
  of(
    "MSG, 1,000 subjects asked about, 128 B",
    "server",
    WIDE,
    asked((subject) => plain("MSG", `${subject} 1`, 128)),
  ),
  of("HMSG, same subject, 128 B", "server", LITERAL, same(headed("HMSG", `${SUBJECT} 1`, 128))),
  { ...of("PUB alone in its chunk, 128 B", "client", "", same(plain("PUB", SUBJECT, 128))), chunk: "alone" },
];

/** What one callback of the measured direction brings, and what the other side answers to the frames that end in it. */
interface Step {
  chunk: Buffer;
  answer: Buffer | undefined;
}

/** Cuts a stream as a socket does, by its own sizes and not where frames end, unless they come alone. */
function stepsOf({ frames, chunk: size }: Case): Step[] {
  const answerTo = (some: readonly Frame[]): Buffer | undefined => {
    const text = some.map(({ answer = "" }) => answer).join("");
    return text === "" ? undefined : Buffer.from(text);
  };
  if (size === "alone") return frames.map((frame) => ({ chunk: Buffer.from(frame.text), answer: answerTo([frame]) }));
  const bytes = Buffer.from(frames.map(({ text }) => text).join(""));
  const steps: Step[] = [];
  let [first, end] = [0, 0];
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    let last = first;
    for (let frame; (frame = frames[last]) && end + frame.text.length <= at + chunk.length; last++)
      end += frame.text.length;
    steps.push({ chunk, answer: answerTo(frames.slice(first, last)) });
    first = last;
  }
  return steps;
}

/**
 * Sends the stream through the host of test/host once. Throws unless exactly what must comes out of it: a measurement is worth nothing
 * if the work was not done.
 */
function prove(module: WebAssembly.Module, one: Case, policy: object): void {
  const host = new Host(module);
  host.configure(policy);
  const wire = Wire.connected(host);
  if (one.before !== "") wire.client(one.before);
  const [out, answers]: [string[], string[]] = [[], []];
  for (const { chunk, answer } of stepsOf(one)) {
    const isClient = one.direction === "client";
    out.push(isClient ? wire.client(chunk) : wire.server(chunk));
    if (answer) answers.push(isClient ? wire.server(answer) : wire.client(answer));
  }
  const wanted = one.frames.map(({ text, becomes = text }) => becomes).join("");
  const wantedAnswers = one.frames.map(({ answer = "", answered = answer }) => answered).join("");
  if (out.join("") !== wanted || answers.join("") !== wantedAnswers)
    throw new Error(`${one.name}: the filter did something else with this stream`);
}

/** The work of one pass over a stream in this build. Throws if the build does anything else with it than it must. */
export function passOver(module: WebAssembly.Module, one: Case, policy: object): () => void {
  prove(module, one, policy);
  const driver = new Driver(module, policy);
  if (one.before !== "") driver.client(Buffer.from(one.before));
  const steps = stepsOf(one);
  const isClient = one.direction === "client";
  return () => {
    for (const { chunk, answer } of steps) {
      if (isClient) driver.client(chunk);
      else driver.server(chunk);
      if (!answer) continue;
      if (isClient) driver.server(answer);
      else driver.client(answer);
    }
  };
}
