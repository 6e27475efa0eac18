/** Streams of brokers, valid, mutated and random, that answer clients to which much was refused. */
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host, type Connection } from "../host/host.ts";
import { Random } from "../host/random.ts";
import { latin1, PEER } from "../host/wire.ts";
import { BrokerModel, LONGEST_SERVER_LINE } from "./broker-model.ts";
import { Info, infoLine, type Unwanted } from "./infos.ts";
import { chunksAround, chunksOf } from "./inputs.ts";
import { LINE_TOO_LONG, NatsParser, UNAUTHORIZED } from "./nats-parser.ts";
import { INFO, LIMITS, pluginConfig, POLICIES } from "./policies.ts";

const SUBJECTS = [
  ...[
    "foo",
    "foo.a",
    "foo.bar",
    "foo.secret.a",
    "foo.a.x",
    "bar",
    "bar.a",
    "bar.no",
    "a.a",
    "b.a",
    "work.a",
    "r.1",
    "r.2",
  ],
  ...["_INBOX.1", "foo.>", "*", ">", "foo.*", "work.*", "bar.*.baz"],
];
const LITERALS = SUBJECTS.filter((subject) => !/[*>]/.test(subject));
const SIDS = ["1", "2", "3"];
/** Of client libraries. Some take for blanks what nats-server takes for letters. */
const LANGS = ["go", "python3", "ruby", "rust"];
/** As UTF-8. The last two are blanks to nobody. */
const BLANKS = [
  ...["\v", "\f", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8"],
  ...["\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xe2\x80\x8b", "\xc3\x85"],
];
const ODDITIES = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\0",
  "PONG\r\n",
  "PONG",
  "MSG ",
  "-ERR",
  "MSG foo 1 99999999\r\n",
  "INFO {",
  "1",
  "\xff",
];

/** Of so many turns one brings a line of 256 KiB, since it takes as long as a hundred others. */
const ONE_IS_LONG = 2000;

function clientOperation(random: Random): string {
  switch (random.below(6)) {
    case 0:
    case 1: {
      const reply = random.below(3) === 0 ? ` ${random.pick(LITERALS)}` : "";
      const block = random.below(4) === 0 ? "NATS/1.0\r\nA: b\r\n\r\n" : "";
      const body = random.below(16) === 0 ? "x".repeat(LIMITS.payload + 1) : "xy";
      const size = block.length + body.length;
      const [verb, sizes] = block === "" ? ["PUB", size] : ["HPUB", `${block.length} ${size}`];
      return `${verb} ${random.pick(LITERALS)}${reply} ${sizes}\r\n${block}${body}\r\n`;
    }
    case 2:
    case 3:
      return `SUB ${random.pick(SUBJECTS)}${random.below(3) === 0 ? ` ${random.pick(["q1", "q2"])}` : ""} ${random.pick(SIDS)}\r\n`;
    case 4:
      return `UNSUB ${random.pick(SIDS)}${random.pick(["", "", " 1", " 2", " 3"])}\r\n`;
  }
  return "PING\r\n";
}

function connectLine(options: object): string {
  return `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, headers: true, ...options })}\r\n`;
}

/** One whose argument has so many bytes. */
function connectOf(bytes: number): string {
  const without = connectLine({ name: "" }).length - "CONNECT \r\n".length;
  return connectLine({ name: "n".repeat(bytes - without) });
}

/** A CONNECT as good clients send it, or one that ends the connection, or none. */
function anyConnect(random: Random, usual: string): string {
  switch (random.below(8)) {
    case 0:
      return "";
    case 1:
      // On both sides of the limit.
      return connectOf(LIMITS.controlLine - 1 + random.below(3));
    case 2:
      return connectOf(2 * LIMITS.controlLine);
    case 3:
      return random.pick(['CONNECT {"verbose":1}\r\n', "CONNECT [\r\n", "CX\r\n", connectLine({ headers: false })]);
    case 4:
      return usual.replace("CONNECT ", "connect\t");
  }
  return usual;
}

/** What a client sends that does not know, or does not care, what nats-server takes before CONNECT. */
function early(random: Random): string {
  if (random.below(2) === 0) return clientOperation(random);
  const long = [`SUB ${"s".repeat(300)} 1\r\n`, connectOf(300)];
  return random.pick(["+OK\r\n", "+OK\r\n", "PONG\r\n", "PING\r\n", "ping\n", "X\r\n", ...long]);
}

/**
 * The first turns of a connection, and what the client then sends. Some clients do not wait for INFO, and some say other things before
 * CONNECT.
 */
function opening(random: Random, usual: string): { turns: Turn[]; next: string } {
  if (random.below(6) > 0) return { turns: [{ client: "", broker: [INFO] }], next: usual };
  const plain = INFO.replace("{", `{"auth_required":${random.pick(["true", "true", "false"])},`);
  const info = random.below(4) === 0 ? infoLine(random) : plain;
  const broker = random.below(4) === 0 ? cut(info, random) : [info];
  const some = (): string => (random.below(2) === 0 ? several(random, 3, early) : "");
  const connect = anyConnect(random, usual);
  if (random.below(3) === 0) return { turns: [{ client: some() + connect, broker }], next: "" };
  return { turns: [{ client: some(), broker }], next: some() + connect + (random.below(4) === 0 ? early(random) : "") };
}

function cut(text: string, random: Random): string[] {
  return chunksOf(text, random).map((chunk) => latin1(chunk));
}

function brokerFrame(random: Random): string {
  const body = random.pick([
    "",
    "x",
    "PONG\r\n",
    "MSG foo 1 2\r\nxy\r\n",
    "-ERR 'x'\r\n",
    "y".repeat(random.below(3000)),
  ]);
  const name = (): string => random.pick(LITERALS) + (random.below(8) === 0 ? `${random.pick(BLANKS)}2` : "");
  const reply = random.below(2) === 0 ? `${name()} ` : "";
  const names = `${name()} ${random.pick([...SIDS, "77"])} ${reply}`;
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      return "PONG\r\n";
    case 3:
    case 4:
      return `MSG ${names}${body.length}\r\n${body}\r\n`;
    case 5: {
      const block = random.below(8) === 0 ? "" : "NATS/1.0\r\nA: b\r\n\r\n";
      return `HMSG ${names}${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`;
    }
    case 6:
      return random.pick(["+OK\r\n", "PING\r\n", "-ERR 'Stale Connection'\r\n", "-ERR 'Authorization Violation'\r\n"]);
    case 7:
      return infoLine(random);
  }
  return "PONG\r\n";
}

/** A frame whose line has as many bytes as the filter reads, one fewer or one more, and what follows it. */
function longFrame(random: Random): string {
  const bytes = LONGEST_SERVER_LINE - 1 + random.below(3);
  const filled = (head: string, end: string): string => head + "l".repeat(bytes - head.length - end.length) + end;
  // What nats-server writes for a publisher's and a subscriber's longest lines is the sid as much as the names.
  const names = `${random.pick(LITERALS)} ${random.below(2) === 0 ? "9".repeat(65_000) : random.pick(SIDS)} foo.`;
  const line = random.pick([
    () => filled(`MSG ${names}`, " 2"),
    () => filled(`HMSG ${names}`, " 12 12"),
    // Of these the CR counts, too.
    () => filled('INFO {"headers":true,"connect_urls":["', '"]}\r'),
    () => filled("-ERR '", "'\r"),
  ])();
  if (line.endsWith("\r")) return `${line}\nPONG\r\n`;
  return `${line}\r\n${line.startsWith("H") ? "NATS/1.0\r\n\r\n" : "xy"}\r\nPONG\r\n`;
}

/** The beginning of a line that is too long whatever its end. */
function endlessFrame(random: Random): string {
  const head = random.pick(["MSG foo.", "HMSG foo.a ", "MSG foo.a 1 ", 'INFO {"a":"', "-ERR '"]);
  return head + "l".repeat(LONGEST_SERVER_LINE + 1 + random.below(1000) - head.length);
}

/** A stream with such a line, with some cuts around where it becomes too long. */
function cutAround(text: string, random: Random): string[] {
  return chunksAround(text, LONGEST_SERVER_LINE - 8, 24, random).map((chunk) => latin1(chunk));
}

function mutated(stream: string, random: Random): string {
  const at = random.below(stream.length + 1);
  switch (random.below(5)) {
    case 0:
      return stream.slice(0, at) + random.pick(ODDITIES) + stream.slice(at);
    case 1:
      return stream.slice(0, at) + String.fromCharCode(random.below(256)) + stream.slice(at + 1);
    case 2:
      return stream.slice(0, at) + stream.slice(at + random.below(5));
    case 3:
      return stream.slice(0, at) + random.bytes(random.below(20)).toString("latin1") + stream.slice(at);
  }
  return stream.slice(0, at);
}

function several(random: Random, most: number, make: (random: Random) => string): string {
  return Array.from({ length: 1 + random.below(most) }, () => make(random)).join("");
}

function count(text: string, what: string): number {
  return text.split(what).length - 1;
}

/** What the client sends, then what the broker answers, latin-1. */
interface Turn {
  client: string;
  broker: string[];
}

export interface ServerCase {
  policy: number;
  /** Nothing is refused or left out. */
  observes: boolean;
  /** Addresses of other servers are left out of INFO, and that TLS is required, which the proxy speaks. */
  unwanted: Unwanted;
  turns: Turn[];
}

export function serverCase(random: Random): ServerCase {
  const usual = connectLine({ lang: random.pick(LANGS), verbose: random.below(4) === 0 });
  const { turns, next } = opening(random, usual);
  for (let i = random.below(3); i >= 0; i--) {
    let broker = several(random, 8, brokerFrame);
    for (let m = random.pick([0, 0, 1, 2]); m > 0; m--) broker = mutated(broker, random);
    const client = (turns.length === 1 ? next : "") + several(random, 6, clientOperation);
    const isLong = random.below(ONE_IS_LONG) === 0;
    const long = (): string => (random.below(4) === 0 ? broker + endlessFrame(random) : longFrame(random) + broker);
    turns.push({ client, broker: isLong ? cutAround(long(), random) : cut(broker, random) });
  }
  const isSometimes = (): boolean => random.below(2) === 0;
  const unwanted = { urls: isSometimes(), tls: isSometimes() };
  return { policy: random.below(POLICIES.length), observes: random.below(8) === 0, unwanted, turns };
}

/** A VM whose connections are answered by such brokers. */
export class ServerFuzzVm {
  readonly host = new Host(filterModule());
  readonly #roots = new Map<string, number>();
  /** How often something was left out of an INFO. */
  changedInfos = 0;

  /** Why what the client read is wrong, or undefined if it is right. */
  run({ policy, observes, unwanted, turns }: ServerCase): string | undefined {
    const model = new BrokerModel(POLICIES[policy]!, unwanted);
    const root = this.#root(policy, observes, unwanted);
    const connection = this.host.connect({ root, properties: { "connection.uri_san_peer_certificate": PEER } });
    if (unwanted.tls) connection.properties.set("upstream.tls_version", "TLSv1.3");
    // Sizes are for the model to judge.
    const reader = new NatsParser({ ...LIMITS, payload: Infinity });
    const door = Door.behind(turns[0]?.broker.join("") ?? "");
    try {
      for (const [i, { client, broker }] of turns.entries()) {
        if (observes) {
          const problem = unlessUnchanged(connection, client, broker);
          if (problem !== undefined) return problem;
          continue;
        }
        const wasOver = model.isOver;
        const sent = latin1(connection.fromClient(Buffer.from(client, "latin1")));
        if (wasOver && sent !== "") return `behind the end ${JSON.stringify(sent)} went to the server`;
        const problem =
          (i < 2 ? door?.problemOf(client, sent) : undefined) ?? this.#turn(connection, model, reader, client, broker);
        if (problem === "broken") break;
        if (problem !== undefined) return problem;
      }
    } finally {
      this.changedInfos += model.changedInfos;
      if (!this.host.failed) connection.close("client");
    }
    return undefined;
  }

  #root(policy: number, observes: boolean, { urls }: Unwanted): number {
    const name = `policy-${policy}-${observes}-${urls}`;
    let root = this.#roots.get(name);
    if (root === undefined) {
      const config = pluginConfig(POLICIES[policy]!, observes ? "DRY_RUN" : "ENFORCE");
      root = configure(this.host, { ...config, connectUrls: urls ? "REMOVE" : "KEEP" }, name);
      this.#roots.set(name, root);
    }
    return root;
  }

  /** "broken": the broker has said what nats-server would not, and from there on only the weak conditions were checked. */
  #turn(
    connection: Connection,
    model: BrokerModel,
    reader: NatsParser,
    client: string,
    broker: readonly string[],
  ): string | undefined {
    if (client !== "") model.begin();
    const before = reader.operations.length;
    reader.feed(Buffer.from(client, "latin1"));
    for (const operation of reader.operations.slice(before)) model.client(operation);
    if (reader.error !== undefined) model.fail(reader.error, reader.verb);
    const read = broker.map((chunk) => latin1(connection.fromServer(Buffer.from(chunk, "latin1"))));
    const stream = broker.join("");
    const actual = read.join("");
    const { output, end } = model.broker(stream);
    const isWhole = end === stream.length;
    if (isWhole ? actual !== output : !actual.startsWith(output)) {
      let from = 0;
      while (from < output.length && actual[from] === output[from]) from++;
      const rest = (text: string): string => JSON.stringify(text.slice(from, from + 120));
      return `from byte ${from} on the client read ${rest(actual)}, not ${rest(output)}`;
    }
    if (isWhole) return undefined;
    const due = model.refusals + count(stream, "-ERR 'Permissions");
    const told = count(actual, "-ERR 'Permissions");
    return told > due ? `the client got ${told} refusals, ${due} were due` : "broken";
  }
}

/** A nats-server whose clients must say who they are: what it reads of one, and what it reads of the same client through the filter. */
class Door {
  readonly #direct = new NatsParser(LIMITS, true);
  readonly #through = new NatsParser(LIMITS, true);

  /** Undefined where the first INFO says nothing of that. */
  static behind(info: string): Door | undefined {
    const isGuarded = info !== INFO && Info.read(info.slice("INFO ".length))?.authRequired === true;
    return isGuarded ? new Door() : undefined;
  }

  /** Whoever is sent away at the door is so through the filter, too, and nobody else, unless the line was too long for the filter. */
  problemOf(client: string, sent: string): string | undefined {
    this.#direct.feed(Buffer.from(client, "latin1"));
    this.#through.feed(Buffer.from(sent, "latin1"));
    const [direct, through] = [this.#direct.error, this.#through.error];
    if (this.#through.operations.some(({ verb }) => verb === "OK")) return "+OK goes to a nats-server that takes it";
    if ((direct === UNAUTHORIZED) === (through === UNAUTHORIZED) || direct === LINE_TOO_LONG) return undefined;
    return `nats-server reads ${through ?? "no fault"}, not ${direct ?? "no fault"}, of ${JSON.stringify(sent)}`;
  }
}

function unlessUnchanged(connection: Connection, client: string, broker: readonly string[]): string | undefined {
  const sent = latin1(connection.fromClient(Buffer.from(client, "latin1")));
  if (sent !== client) return `in DRY_RUN ${JSON.stringify(sent)} went to the server`;
  const changed = broker.find((chunk) => latin1(connection.fromServer(Buffer.from(chunk, "latin1"))) !== chunk);
  return changed === undefined ? undefined : `in DRY_RUN ${JSON.stringify(changed)} is changed`;
}
