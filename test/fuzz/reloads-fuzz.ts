/**
 * Permissions that change under an open connection, as random cases: to a client behind the filter, before a nats-server that restricts
 * nobody, and to a client of a nats-server that restricts it itself and is reloaded at each change. Both must read the same.
 *
 * Left out is what docs/reference/parity.md names: queue groups with wildcards, a sid used again while it is live or by a group's member, maxima,
 * reply grants.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ruleOfPermissions } from "../conformance/nats-permissions.ts";
import { Wire } from "../conformance/wire.ts";
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host, type Connection } from "../host/host.ts";
import type { Random } from "../host/random.ts";
import { latin1, PEER, PING, pub, hpub } from "../host/wire.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { Started } from "../stand/started.ts";
import { PATIENCE } from "../stand/wait.ts";
import { playBySeed, type Run } from "./by-seed.ts";
import { framesIn } from "./frames-in.ts";
import { NatsParser } from "./nats-parser.ts";

interface Lists {
  allow?: string[];
  deny?: string[];
}

/** Other permissions, to which the filter comes by way of DRY_RUN or not, with or without a rule on trial beside them. */
interface Change {
  publish: Lists;
  subscribe: Lists;
  throughDryRun: boolean;
  tries: boolean;
}

type Step =
  | Change
  /** The client sends these operations in one chunk. */
  | { sends: string[] }
  /** Somebody publishes on these subjects. */
  | { isSent: string[] };

export interface ReloadCase {
  verbose: boolean;
  pedantic: boolean;
  echo: boolean;
  steps: Step[];
}

const SUBJECTS = ["a.1", "a.2", "a.3", "b.1", "b.2"];
const PATTERNS = ["a.*", "a.>", "b.*", "b.>", ">"];
/** In place of the line that has the user's name in it. */
const CONNECTS_AGAIN = "CONNECT";
const TRIAL = {
  ...{ name: "trial", mode: "DRY_RUN", from: [{ principals: ["*"] }] },
  ...{ publish: { deny: ["a.>"] }, subscribe: { deny: ["a.1", "b.>"] } },
};

/** A case from one seed. */
export function reloadCase(random: Random): ReloadCase {
  const some = (of: string[], one: number): string[] => of.filter(() => random.isOneIn(one));
  // An empty list would be none to nats-server.
  const lists = (allow: string[], deny: string[]): Lists => ({
    ...(allow.length > 0 && !random.isOneIn(3) && { allow }),
    ...(deny.length > 0 && { deny }),
  });
  const change = (): Change => ({
    publish: lists(some(["a.>", "b.>", "a.1", "p.>"], 2), some(["a.2", "b.>", "p.1"], 3)),
    subscribe: lists(some(["a.>", "b.>", "a.1", "b.2", "a.2 q"], 2), some(["a.1", "a.2 q", "b.>", "b.2", "a.2"], 3)),
    ...{ throughDryRun: random.isOneIn(3), tries: random.isOneIn(2) },
  });
  const connectsAgain = random.isOneIn(3);
  let sids = 0;
  let ended: number[] = [];
  let used: number[] = [];
  // Of two members of a group either may get a message.
  let withoutMember = [...SUBJECTS];
  let members = new Set<number>();
  const sub = (): string => {
    const literal = random.pick(SUBJECTS);
    const again = random.isOneIn(5) ? ended.pop() : undefined;
    const sid = again ?? ++sids;
    const joins = again === undefined && random.isOneIn(3) && withoutMember.includes(literal);
    if (joins) {
      withoutMember = withoutMember.filter((each) => each !== literal);
      members.add(sid);
    }
    const name = joins ? `${literal} q` : random.isOneIn(2) ? literal : random.pick(PATTERNS);
    used.push(sid);
    return `SUB ${name} ${sid}\r\n`;
  };
  const operation = (): string => {
    const kind = random.below(10);
    if (kind < 5) return sub();
    if (kind < 7 && used.length > 0) {
      const [sid] = used.splice(random.below(used.length), 1);
      if (!members.has(sid!)) ended.push(sid!);
      return `UNSUB ${sid}\r\n`;
    }
    if (kind < 8) return PING;
    const [subject, payload] = [random.pick(["a.1", "a.2", "b.1", "p.1"]), random.pick(["", "x", PING])];
    return random.isOneIn(3) ? hpub(subject, "NATS/1.0\r\n\r\n", payload) : pub(subject, payload);
  };
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + random.below(most) }, make);
  /** What comes back of the chunk before is here then, so that the filter knows to which subscription it belongs. */
  const begins = (): string[] => {
    if (!connectsAgain || !random.isOneIn(4)) return [];
    [ended, used, withoutMember, members] = [[], [], [...SUBJECTS], new Set()];
    if (random.isOneIn(2)) sids = 0;
    return [CONNECTS_AGAIN];
  };
  const others = (): Step =>
    random.isOneIn(3)
      ? { isSent: several(4, () => random.pick(SUBJECTS)) }
      : { sends: [...begins(), ...several(5, operation)] };
  return {
    ...{ verbose: random.isOneIn(2), pedantic: random.isOneIn(4), echo: !random.isOneIn(4) },
    steps: several(5, () => [change(), ...several(8, others)]).flat(),
  };
}

/** What a client has read in a step. Which of two subscriptions gets a message first depends on what nats-server has cached. */
function told(frames: readonly string[]): string[] {
  return frames.filter((frame) => frame !== "PING" && !frame.startsWith("INFO")).sort();
}

/** A client of the nats-server that restricts it. */
class Direct {
  constructor(private readonly wire: Wire) {}

  async sends(text: string): Promise<string[]> {
    this.wire.send(text);
    await this.wire.barrier(pingsIn(text), 0);
    return this.reads();
  }

  async reads(): Promise<string[]> {
    await this.wire.barrier(pongsIn(this.wire.frames), 0);
    return this.wire.frames.splice(0);
  }
}

/** A client behind the filter. */
class Filtered {
  constructor(
    private readonly connection: Connection,
    private readonly wire: Wire,
  ) {}

  async sends(text: string): Promise<string[]> {
    await this.#forward(this.connection.fromClient(Buffer.from(text, "latin1")));
    return this.reads();
  }

  async reads(): Promise<string[]> {
    await this.wire.barrier(pongsIn(this.wire.frames), 0);
    let read = "";
    while (this.wire.frames.length > 0) {
      const bytes = this.wire.frames.splice(0).map((frame) => `${frame}\r\n`);
      read += latin1(this.connection.fromServer(Buffer.from(bytes.join(""), "latin1")));
      await this.#forward(this.connection.takeToServer());
    }
    return framesIn(read);
  }

  async #forward(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const text = latin1(bytes);
    this.wire.send(text);
    await this.wire.barrier(pingsIn(text), 0);
  }
}

function pingsIn(text: string): number {
  const parser = new NatsParser({ controlLine: 4096, payload: 1 << 20 });
  // Headers are in use since an earlier CONNECT.
  parser.feed(Buffer.from(`CONNECT {"headers":true}\r\n${text}`, "latin1"));
  if (parser.error !== undefined) throw new Error(`nats-server would end the connection: ${parser.error}`);
  return parser.operations.filter(({ verb }) => verb === "PING").length;
}

function pongsIn(frames: readonly string[]): number {
  return frames.filter((frame) => frame === "PONG").length;
}

/** The two nats-servers. */
export class Reloads {
  /** Messages that clients have read, and subscriptions that changes have ended, as nats-server says. */
  passed = 0;
  ended = 0;

  private constructor(
    private readonly started: Started,
    private readonly restricting: NatsServer,
    private readonly open: NatsServer,
  ) {}

  static start(): Promise<Reloads> {
    return Started.whole(async (started) => {
      const server = (name: string): Promise<NatsServer> => {
        const folder = join(started.folder, name);
        mkdirSync(folder);
        return started.add(NatsServer.start(folder, { config: usersOf({}), jetStream: false }));
      };
      const [restricting, open] = await Promise.all([server("restricting"), server("open")]);
      return new Reloads(started, restricting, open);
    });
  }

  async stop(): Promise<void> {
    await this.started.stop();
  }

  /** What goes wrong in this case. */
  async problemOf({ steps, ...options }: ReloadCase): Promise<string | undefined> {
    const ports = [this.restricting, this.open, this.restricting, this.open].map(({ port }) => port);
    await this.restricting.reload(usersOf({}));
    const host = new Host(filterModule());
    follow(host, { publish: {}, subscribe: {}, throughDryRun: false, tries: false });
    const wires = await Promise.all(ports.map((port) => Wire.open(port)));
    try {
      const [direct, behind, ...publishers] = wires as [Wire, Wire, ...Wire[]];
      const connection = host.connect({ properties: { "connection.uri_san_peer_certificate": PEER } });
      const clients = [new Direct(direct), new Filtered(connection, behind)] as const;
      await Promise.all(wires.map((wire) => wire.waitFor(() => wire.frames.length > 0, PATIENCE)));
      for (const wire of publishers) await new Direct(wire).sends(connectLine("o", {}));
      const text = (operation: string): string =>
        operation === CONNECTS_AGAIN ? connectLine("c", options) : operation;
      const both = async (
        act: (client: Direct | Filtered) => Promise<string[]>,
        [earlier]: string[][] = [],
      ): Promise<string | undefined> => {
        const [there, here] = [told([...(earlier ?? []), ...(await act(clients[0]))]), told(await act(clients[1]))];
        this.passed += there.filter((frame) => /^H?MSG /.test(frame)).length;
        this.ended += there.filter((frame) => frame.includes('(sid "')).length;
        if (isDeepStrictEqual(there, here)) return undefined;
        return `the client reads ${JSON.stringify(here)}, at nats-server ${JSON.stringify(there)}`;
      };
      let problem = await both((client) => client.sends(connectLine("c", options) + PING));
      for (const step of steps) {
        if (problem !== undefined) break;
        if ("sends" in step) problem = await both((client) => client.sends(step.sends.map(text).join("")));
        else if ("isSent" in step) {
          const messages = step.isSent.map((subject, i) => pub(subject, `m-${i}`)).join("");
          for (const wire of publishers) await new Direct(wire).sends(messages);
          problem = await both((client) => client.reads());
        } else {
          await this.restricting.reload(usersOf({ publish: step.publish, subscribe: step.subscribe }));
          if (step.throughDryRun) {
            follow(host, step, "DRY_RUN");
            await clients[1].sends(PING);
          }
          follow(host, step);
          // The filter tells of what has ended with the next bytes each way.
          problem = await both((client) => client.sends(PING), [await clients[0].reads()]);
        }
      }
      return problem;
    } catch (error) {
      return String(error);
    } finally {
      for (const wire of wires) wire.close();
    }
  }
}

function usersOf(permissions: object): string {
  const own = `{user: c, password: p, permissions: ${JSON.stringify(permissions)}}`;
  return `accounts { A: {users: [${own}, {user: o, password: p}]} }`;
}

function connectLine(user: string, options: object): string {
  const all = { verbose: false, pedantic: false, ...options, headers: true, protocol: 1, user, pass: "p" };
  return `CONNECT ${JSON.stringify(all)}\r\n`;
}

function follow(host: Host, { publish, subscribe, tries }: Change, mode = "ENFORCE"): void {
  const rule = { name: "all", from: [{ principals: ["*"] }], ...ruleOfPermissions({ publish, subscribe }) };
  const config = { mode, trustDomains: ["cluster.local"], rules: [rule, ...(tries ? [TRIAL] : [])] };
  configure(host, config);
}

export interface ReloadsRun extends Run {
  /** Messages that clients have read, and subscriptions that changes have ended, as nats-server says. */
  passed: number;
  ended: number;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzReloads(seed: number, cases: number): Promise<ReloadsRun> {
  const reloads = await Reloads.start();
  try {
    const run = await playBySeed(seed, cases, { make: reloadCase, problemOf: (reload) => reloads.problemOf(reload) });
    return { ...run, passed: reloads.passed, ended: reloads.ended };
  } finally {
    await reloads.stop();
  }
}
