/**
 * Clients that send much at once and read slowly, as random cases: through the filter to a nats-server that restricts nobody, and to
 * one that restricts the client itself. Both clients, and somebody who reads everything, must read the same.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ruleOfPermissions, type NatsPermissions } from "../conformance/nats-permissions.ts";
import { Wire } from "../conformance/wire.ts";
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import type { Random } from "../host/random.ts";
import { latin1, PEER, PING } from "../host/wire.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { Started } from "../stand/started.ts";
import { PATIENCE } from "../stand/wait.ts";
import { playBySeed, type Run } from "./by-seed.ts";
import { framesIn } from "./frames-in.ts";
import { NatsParser } from "./nats-parser.ts";

type Step =
  /** The client sends these operations, in chunks of so many bytes. */
  | { sends: string[]; inChunksOf: number }
  /** It reads at most so many bytes. */
  | { reads: number };

export interface FloodCase {
  /** The number of the permissions. */
  permissions: number;
  verbose: boolean;
  /** If not undefined, so many bytes before the end of the last operation the client says no more, and only listens. */
  endsBefore: number | undefined;
  steps: Step[];
}

/** Of the filter and of the nats-server that restricts. */
const MOST_SUBSCRIPTIONS = 20;
/** The least that a policy may say: some 60 refusals that wait for their PONG. The client is held then. */
const OUTSTANDING = 1024;

/** Of one step. More takes long and shows nothing new. */
const MOST_BYTES = 2_000_000;

const PERMISSIONS: readonly NatsPermissions[] = [
  {
    publish: { allow: ["foo.>", "bar.*"], deny: ["foo.secret.>", "bar.no"] },
    subscribe: { allow: ["foo.>", "bar.*"], deny: ["bar.no"] },
  },
  { publish: { deny: ["bar.>"] }, subscribe: { deny: ["foo.secret.>", "foo.*.x", "bar.no"] } },
  { publish: { allow: ["foo.1"] }, subscribe: { allow: ["foo.1", "foo.2"] } },
  {},
];

const SUBJECTS = [
  ...["foo.1", "foo.2", "foo.a.x", "foo.a.b.c", "foo.secret.a", "foo.secret.a.b"],
  ...["bar.1", "bar.no", "baz", "baz.1"],
];
const PATTERNS = ["foo.>", "foo.*.x", "foo.a.>", "bar.*", "foo.secret.>"];

/** A case from one seed. */
export function floodCase(random: Random): FloodCase {
  // A maximum that messages have reached which wait for the client is not reached yet for the filter, nor is the room free.
  const hasMaxima = random.isOneIn(2);
  // In which order two subscriptions to the same get a message ends by chance, so each is for something else.
  const more = Array.from({ length: 40 }, (_, i) => `foo.${i + 3}`);
  const free = [...PATTERNS, ...SUBJECTS, ...(hasMaxima ? [] : more)];
  let sids = 0;
  const subject = (): string => (random.isOneIn(3) ? `foo.${random.below(43)}` : random.pick(SUBJECTS));
  const payload = (): string => {
    const size = random.pick([0, 1, 16, 16, 16, 200, 5000, random.isOneIn(8) ? 200_000 : 70]);
    // What a parser that miscounts would execute.
    return random.isOneIn(6) ? "PUB foo.1 1\r\nx\r\n+OK\r\nMSG foo.1 1 0\r\n\r\n".slice(0, size) : "p".repeat(size);
  };
  const headers = (): string => `NATS/1.0\r\n${"Key: value\r\n".repeat(random.pick([0, 1, 4, 300]))}\r\n`;
  const operation = (): string => {
    const kind = random.below(20);
    const reply = random.isOneIn(4) ? ` ${subject()}` : "";
    if (kind < 9) {
      const body = payload();
      return `PUB ${subject()}${reply} ${body.length}\r\n${body}\r\n`;
    }
    if (kind < 12) {
      const [block, body] = [headers(), payload()];
      return `HPUB ${subject()}${reply} ${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`;
    }
    if (kind < 16 && free.length > 0) {
      const [name] = free.splice(random.below(free.length), 1);
      // A queue group with wildcards over a denied subject is refused only by the filter.
      const queue = random.isOneIn(4) && !/[*>]/.test(name!) ? `q${sids} ` : "";
      return `SUB ${name} ${queue}${++sids}\r\n`;
    }
    const maximum = hasMaxima && random.isOneIn(2) ? ` ${1 + random.below(5)}` : "";
    if (kind < 18) return `UNSUB ${1 + random.below(sids + 1)}${maximum}\r\n`;
    return PING;
  };
  /** The same again and again is what floods are made of. */
  const operations = (): string[] => {
    const most = random.pick([1, 10, 100, 400]);
    const same = random.isOneIn(3) ? [operation(), operation()].filter((each) => /^(?:H?PUB|PING)/.test(each)) : [];
    const all = Array.from({ length: 1 + random.below(most) }, () =>
      same.length > 0 ? random.pick(same) : operation(),
    );
    let bytes = 0;
    return all.filter((each) => (bytes += each.length) < MOST_BYTES);
  };
  const step = (): Step => {
    if (random.isOneIn(3)) return { reads: random.pick([1, 100, 5000, 100_000]) };
    return { sends: operations(), inChunksOf: random.pick([7, 100, 3000, 65_536, Infinity, Infinity]) };
  };
  return {
    permissions: random.below(PERMISSIONS.length),
    verbose: random.isOneIn(3),
    endsBefore: random.isOneIn(4) ? random.below(30) : undefined,
    steps: Array.from({ length: 1 + random.below(8) }, step),
  };
}

function cut(text: string, size: number): string[] {
  // Single bytes of long payloads show nothing new.
  const length = Math.min(Math.max(size, text.length >> 8, 1), text.length);
  return Array.from({ length: Math.ceil(text.length / length) }, (_, i) => text.slice(i * length, (i + 1) * length));
}

/** The chunks of the steps that send, without what the client no longer says. */
function chunksOf({ endsBefore = 0, steps }: FloodCase): { chunks: Map<Step, string[]>; pings: number } {
  const sending = steps.filter((step) => "sends" in step);
  let pings = 0;
  const chunks = new Map<Step, string[]>();
  for (const [i, step] of sending.entries()) {
    const text = step.sends.join("");
    const last = step.sends.at(-1)?.length ?? 0;
    const left = i < sending.length - 1 ? text.length : text.length - Math.min(endsBefore, last);
    pings += step.sends.filter((each) => each === PING).length;
    chunks.set(step, cut(text.slice(0, left), step.inChunksOf));
  }
  return { chunks, pings };
}

function connectLine(user: string, verbose: boolean): string {
  return `CONNECT ${JSON.stringify({ verbose, pedantic: false, headers: true, protocol: 1, user, pass: "p" })}\r\n`;
}

/** A message but for the subscription to which it has come. */
function withoutSid(frame: string): string {
  return frame.replace(/^(H?MSG [^ ]+ )[^ ]+/, "$1");
}

/**
 * Every frame but INFO, which the filter may make another of, and PING, which comes when it is time. Which of two subscriptions
 * gets a message first depends on what nats-server has cached (sublist.go `addToCache`), so they are put in order.
 */
function told(frames: readonly string[]): string[] {
  const all = frames.filter((frame) => frame !== "PING" && !frame.startsWith("INFO"));
  for (let from = 0, to = 1; from < all.length; from = to++) {
    while (to < all.length && withoutSid(all[to]!) === withoutSid(all[from]!)) to++;
    if (to - from > 1) all.splice(from, to - from, ...all.slice(from, to).sort());
  }
  return all;
}

interface Outcome {
  /** What the client has read. Undefined if it has ended, since nats-server may keep what it then had to say. */
  client: string[] | undefined;
  /** What somebody has read who reads everything. */
  observer: string[];
}

/** The two nats-servers, and the filter before the one that restricts nobody. */
export class Floods {
  #held = 0;

  private constructor(
    private readonly started: Started,
    private readonly restricting: NatsServer,
    private readonly open: NatsServer,
    private readonly host: Host,
    private readonly roots: readonly number[],
  ) {}

  static start(): Promise<Floods> {
    const accounts = (restricts: boolean): string =>
      PERMISSIONS.map((permissions, i) => {
        const own = restricts ? `, permissions: ${JSON.stringify(permissions)}` : "";
        return `  "a-${i}": {users: [{user: "c-${i}", password: "p"${own}}, {user: "o-${i}", password: "p"}]}`;
      }).join("\n");
    const server = (started: Started, restricts: boolean): Promise<NatsServer> => {
      const folder = join(started.folder, restricts ? "restricting" : "open");
      mkdirSync(folder);
      const limit = restricts ? `max_subscriptions: ${MOST_SUBSCRIPTIONS}\n` : "";
      return started.add(
        NatsServer.start(folder, { config: `${limit}accounts {\n${accounts(restricts)}\n}`, jetStream: false }),
      );
    };
    return Started.whole(async (started) => {
      const [restricting, open] = await Promise.all([server(started, true), server(started, false)]);
      const host = new Host(filterModule());
      const roots = PERMISSIONS.map((permissions, i) => {
        const rule = { name: "all", from: [{ principals: ["*"] }], ...ruleOfPermissions(permissions) };
        const limits = { subscriptions: MOST_SUBSCRIPTIONS, outstandingReplies: OUTSTANDING };
        return configure(host, { trustDomains: ["cluster.local"], rules: [rule], limits }, `policy-${i}`);
      });
      return new Floods(started, restricting, open, host, roots);
    });
  }

  /** How often a client was held back. If that is never, the cases show less than they should. */
  get held(): number {
    return this.#held;
  }

  async stop(): Promise<void> {
    await this.started.stop();
  }

  /** What goes wrong in this case. */
  async problemOf(flood: FloodCase): Promise<string | undefined> {
    let through: Outcome;
    const native = await this.#play(flood, this.restricting, (wire) => this.#direct(flood, wire));
    try {
      through = await this.#play(flood, this.open, (wire) => this.#filtered(flood, wire));
    } catch (error) {
      return String(error);
    }
    for (const who of ["client", "observer"] as const) {
      if (isDeepStrictEqual(native[who], through[who])) continue;
      const [there, here] = [native[who] ?? [], through[who] ?? []];
      const at = here.findIndex((frame, i) => frame !== there[i]);
      const from = at < 0 ? here.length : at;
      const show = (frames: string[]): string => JSON.stringify(frames.slice(from, from + 2)).slice(0, 300);
      return `from frame ${from} on the ${who} reads ${show(here)}, at nats-server ${show(there)}`;
    }
    return undefined;
  }

  async #play(
    { permissions, endsBefore }: FloodCase,
    { port }: NatsServer,
    play: (wire: Wire) => Promise<string[]>,
  ): Promise<Outcome> {
    const [observer, wire] = [await Wire.open(port), await Wire.open(port)];
    try {
      observer.send(`${connectLine(`o-${permissions}`, false)}SUB > 1\r\n`);
      await observer.barrier();
      const client = await play(wire);
      await observer.barrier();
      return { client: endsBefore === undefined ? told(client) : undefined, observer: told(observer.frames) };
    } finally {
      observer.close();
      wire.close();
    }
  }

  /** Returns what the client has read. */
  async #direct(flood: FloodCase, wire: Wire): Promise<string[]> {
    const { chunks, pings } = chunksOf(flood);
    wire.send(connectLine(`c-${flood.permissions}`, flood.verbose) + PING);
    await wire.barrier(1, 0);
    for (const each of [...chunks.values()].flat()) wire.send(each);
    if (flood.endsBefore === undefined) await wire.barrier(pings);
    else await ended(wire);
    return wire.frames;
  }

  /** The same. Between two steps nats-server has time for everything, so that each run of a case is the same. */
  async #filtered(flood: FloodCase, wire: Wire): Promise<string[]> {
    const { chunks } = chunksOf(flood);
    const connection = this.host.connect({
      root: this.roots[flood.permissions]!,
      properties: { "connection.uri_san_peer_certificate": PEER },
    });
    const parser = new NatsParser({ controlLine: 4096, payload: 1 << 20 });
    let [read, waiting, taken, pings] = ["", "", 0, 0];
    const takeFrames = (count = Infinity): void => {
      const frames = wire.frames.splice(0, count);
      waiting += frames.map((frame) => `${frame}\r\n`).join("");
    };
    const forward = async (bytes: Uint8Array): Promise<void> => {
      if (connection.heldDownstream > 0) this.#held++;
      if (bytes.length === 0) return;
      parser.feed(bytes);
      if (parser.error !== undefined) throw new Error(`nats-server would end the connection: ${parser.error}`);
      wire.send(latin1(bytes));
      pings += parser.operations.slice(taken).filter(({ verb }) => verb === "PING").length;
      taken = parser.operations.length;
      if (!parser.isUnfinished) {
        await wire.barrier(pings, 0);
        takeFrames();
      } else {
        // Nobody can ask it in the middle of an operation. What comes behind the last PONG may come sooner or later.
        await wire.waitFor(() => pongsIn(wire.frames).length >= pings, PATIENCE);
        takeFrames((pongsIn(wire.frames)[pings - 1] ?? -1) + 1);
      }
      pings = 0;
    };
    const send = (text: string, eos = false): Promise<void> =>
      forward(connection.fromClient(Buffer.from(text, "latin1"), { eos }));
    const reads = async (most: number): Promise<void> => {
      const bytes = waiting.slice(0, most);
      waiting = waiting.slice(most);
      read += latin1(connection.fromServer(Buffer.from(bytes, "latin1")));
      await forward(connection.takeToServer());
    };
    try {
      await wire.waitFor(() => wire.frames.length > 0, PATIENCE);
      takeFrames();
      await reads(Infinity);
      await send(connectLine(`c-${flood.permissions}`, flood.verbose) + PING);
      // Behind the first PONG it says once more what it is.
      if (!waiting.includes("INFO ")) await wire.waitFor(() => wire.frames.length > 0, PATIENCE);
      takeFrames();
      for (const step of flood.steps) {
        if ("reads" in step) await reads(step.reads);
        else for (const chunk of chunks.get(step)!) await send(chunk);
      }
      if (flood.endsBefore !== undefined) {
        await send("", true);
        await ended(wire);
        return [];
      }
      await send(PING);
      while (waiting !== "") await reads(Infinity);
      if (connection.heldDownstream > 0) throw new Error(`${connection.heldDownstream} bytes are held for ever`);
      // nats-server asks whether a client is alive two seconds after CONNECT, which on a slow machine may be just here.
      const frames = framesIn(read).filter((frame) => frame !== "PING");
      if (frames.pop() !== "PONG") throw new Error(`the last PING is not answered, but ${read.slice(-200)}`);
      return frames;
    } finally {
      connection.close();
      this.host.tick();
    }
  }
}

function pongsIn(frames: readonly string[]): number[] {
  return frames.flatMap((frame, i) => (frame === "PONG" ? [i] : []));
}

/** The client has no more to say, and nats-server ends the connection when it has taken all. */
async function ended(wire: Wire): Promise<void> {
  wire.end();
  await wire.waitFor(() => wire.closed, PATIENCE);
}

export interface FloodsRun extends Run {
  /** How often a client was held back. */
  held: number;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzFloods(seed: number, cases: number): Promise<FloodsRun> {
  const floods = await Floods.start();
  try {
    const run = await playBySeed(seed, cases, {
      make: floodCase,
      problemOf: (flood) => floods.problemOf(flood),
      factsOf: ({ steps: _, permissions, ...facts }) => ({ permissions: PERMISSIONS[permissions], ...facts }),
    });
    return { ...run, held: floods.held };
  } finally {
    await floods.stop();
  }
}
