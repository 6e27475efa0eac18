/** Streams of brokers, valid, mutated and random, that answer clients to which much was refused. */
import { filterModule } from "../host/filter.ts";
import { Host, type Connection } from "../host/host.ts";
import { Random } from "../host/random.ts";
import { latin1 } from "../host/wire.ts";
import { BrokerModel } from "./broker-model.ts";
import { connect } from "./client-case.ts";
import { infoLine, type Unwanted } from "./infos.ts";
import { chunksOf } from "./inputs.ts";
import { parseChunks } from "./nats-parser.ts";
import { LIMITS, pluginConfig, POLICIES } from "./policies.ts";

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
      return random.pick(["+OK\r\n", "PING\r\n", "-ERR 'Stale Connection'\r\n"]);
    case 7:
      return infoLine(random);
  }
  return "PONG\r\n";
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

export interface ServerCase {
  policy: number;
  /** The library of the client. */
  lang: string;
  /** Nothing is refused or left out. */
  observes: boolean;
  /** Addresses of other servers are left out of INFO, and that TLS is required, which the proxy speaks. */
  unwanted: Unwanted;
  /** In turn: what the client sends, then what the broker answers, latin-1. */
  turns: { client: string; broker: string[] }[];
}

export function serverCase(random: Random): ServerCase {
  const turns = Array.from({ length: 1 + random.below(3) }, () => {
    let broker = several(random, 8, brokerFrame);
    for (let i = random.pick([0, 0, 1, 2]); i > 0; i--) broker = mutated(broker, random);
    const chunks = chunksOf(broker, random).map((chunk) => Buffer.from(chunk).toString("latin1"));
    return { client: several(random, 6, clientOperation), broker: chunks };
  });
  const isSometimes = (): boolean => random.below(2) === 0;
  const unwanted = { urls: isSometimes(), tls: isSometimes() };
  const observes = random.below(8) === 0;
  return { policy: random.below(POLICIES.length), lang: random.pick(LANGS), observes, unwanted, turns };
}

/** A VM whose connections are answered by such brokers. */
export class ServerFuzzVm {
  readonly host = new Host(filterModule());
  readonly #roots = new Map<string, number>();
  /** How often something was left out of an INFO. */
  changedInfos = 0;

  /** Why what the client read is wrong, or undefined if it is right. */
  run({ policy, lang, observes, unwanted, turns }: ServerCase): string | undefined {
    const model = new BrokerModel(POLICIES[policy]!, lang, unwanted);
    const connection = connect(this.host, this.#root(policy, observes, unwanted));
    if (unwanted.tls) connection.properties.set("upstream.tls_version", "TLSv1.3");
    connection.fromClient(connectLine(lang));
    try {
      for (const { client, broker } of turns) {
        const problem = observes
          ? unlessUnchanged(connection, client, broker)
          : this.#turn(connection, model, client, broker);
        if (problem === "broken") break;
        if (problem !== undefined) return problem;
      }
    } finally {
      this.changedInfos += model.changedInfos;
      if (!this.host.failed) connection.close("client");
    }
    return undefined;
  }

  /** From plugins with different names, because those of one name all follow the newest policy. */
  #root(policy: number, observes: boolean, { urls }: Unwanted): number {
    const name = `policy-${policy}-${observes}-${urls}`;
    let root = this.#roots.get(name);
    if (root === undefined) {
      const config = pluginConfig(POLICIES[policy]!, observes ? "DRY_RUN" : "ENFORCE");
      root = this.host.configure({ ...config, connectUrls: urls ? "REMOVE" : "KEEP" }, name).root;
      this.#roots.set(name, root);
    }
    return root;
  }

  /** "broken": the broker has said what nats-server would not, and from there on only the weak conditions were checked. */
  #turn(connection: Connection, model: BrokerModel, client: string, broker: readonly string[]): string | undefined {
    const wasOver = model.isOver;
    const sent = latin1(connection.fromClient(Buffer.from(client, "latin1")));
    if (wasOver && sent !== "") return `behind the end ${JSON.stringify(sent)} went to the server`;
    // Of a client that has said that it sends headers, as large as it likes.
    const bytes = Buffer.from(connectLine("") + client, "latin1");
    const [, ...operations] = parseChunks([bytes], { ...LIMITS, payload: Infinity }).operations;
    for (const operation of operations) model.client(operation);
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

function connectLine(lang: string): string {
  return `CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"${lang}"}\r\n`;
}

function unlessUnchanged(connection: Connection, client: string, broker: readonly string[]): string | undefined {
  const sent = latin1(connection.fromClient(Buffer.from(client, "latin1")));
  if (sent !== client) return `in DRY_RUN ${JSON.stringify(sent)} went to the server`;
  const changed = broker.find((chunk) => latin1(connection.fromServer(Buffer.from(chunk, "latin1"))) !== chunk);
  return changed === undefined ? undefined : `in DRY_RUN ${JSON.stringify(changed)} is changed`;
}
