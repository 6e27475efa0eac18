import { AckPolicy, jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, nanos, type Msg, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tableUnder } from "../../tools/docs-table.ts";
import { read } from "../../tools/paths.ts";
import type { AuditRecord } from "../stand/audit.ts";
import { RawClient } from "../stand/raw-client.ts";
import type { Sidecar } from "../stand/sidecar.ts";
import { Stand } from "../stand/stand.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";
import type { Address } from "./clients/client.ts";
import { NatsCli, type Ended } from "./clients/nats-cli.ts";
import { linesOf } from "./frames.ts";
import { ORDERS_API } from "./policy.ts";
import { subscribed } from "./worlds.ts";

const PAGE = "docs/reference/client-rights.md";
const HEADING = "## What a client needs";

/** Enough of ORDERS, of a key and of an object that nats-server asks for acknowledgements of flow. */
const LARGE = 100_000;
const MANY = 60;

/** For `nats server check connection`, which otherwise warns of a connection or a round trip that takes half a second. */
const UNHURRIED = ["connect", "rtt", "req"].flatMap((what) =>
  ["warn", "critical"].map((level) => `--${what}-${level}=${PATIENCE}ms`),
);

/** What one client may do: entries as `publish orders.>`, each of which becomes a rule of its own. */
type Needs = string[];

function entriesIn(cell: string, direction: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, entry]) => `${direction} ${entry!}`);
}

/** The table's rows: what the client does, and its needs. */
function rowsOf(page: string): Map<string, Needs> {
  const [, , ...rows] = tableUnder(page, HEADING);
  return new Map(
    rows.map(([what = "", publish = "", subscribe = ""]) => {
      const answers = what.endsWith("with `allow_responses`") ? ["allow_responses"] : [];
      return [what, [...entriesIn(publish, "publish"), ...entriesIn(subscribe, "subscribe"), ...answers]];
    }),
  );
}

function ruleOf(entry: string): object {
  const [direction = "", ...subject] = entry.split(" ");
  const from = [{ principals: [ORDERS_API.replace("spiffe://", "")] }];
  if (direction === "allow_responses") return { name: entry, from, allow_responses: true };
  return { name: entry, from, [direction]: { allow: [subject.join(" ")] } };
}

/** What is there for the client to use, and who did not write the table. */
interface Stage {
  cli: NatsCli;
  client: Address;
  operator: NatsConnection;
  operatorAddress: Address;
  manager: JetStreamManager;
  folder: string;
  subscribed: (subject: string) => Promise<void>;
}

/** Runs commands of the client, each of which must succeed. */
async function succeed({ cli, client }: Stage, ...commands: string[][]): Promise<void> {
  for (const command of commands) succeeded(await cli.run(client, ...command), command);
}

function succeeded({ status, stderr }: Ended, command: string[]): void {
  assert.equal(status, 0, `nats ${command.join(" ")}: ${stderr}`);
}

/** A small file to put into an object store. */
function pictureOf({ folder }: Stage): string {
  const file = join(folder, "picture");
  writeFileSync(file, "a lemon");
  return file;
}

/** Starts a command of the client that serves `subject`, has the operator use it, and ends it. */
async function served(stage: Stage, command: string[], subject: string, use: () => Promise<unknown>): Promise<void> {
  const serving = stage.cli.start(stage.client, ...command);
  try {
    await stage.subscribed(subject);
    await use();
  } finally {
    await serving.stop();
  }
}

/** Has the operator ask what a command of the client serves. */
function ask({ operator }: Stage, subject: string, text = ""): Promise<Msg> {
  return operator.request(subject, text, { timeout: PATIENCE });
}

/** What each row of the table says, done. */
const PLAYS: Record<string, (stage: Stage) => Promise<void>> = {
  "publishes, or `nats bench pub`": (stage) =>
    succeed(stage, ["pub", "orders.new", "lemons"], ["bench", "pub", "orders.new", "--msgs=5", "--no-progress"]),
  subscribes: async (stage) => {
    const listening = stage.cli.start(stage.client, "sub", "orders.*", "--count=1");
    await stage.subscribed("orders.*");
    stage.operator.publish("orders.new", "lemons");
    succeeded(await listening.ended(), ["sub"]);
  },
  asks: async (stage) => {
    const answering = stage.operator.subscribe("orders.quote", { callback: (_, message) => void message.respond("4") });
    await stage.operator.flush();
    await succeed(stage, ["req", "orders.quote", "?"]);
    answering.unsubscribe();
  },
  "answers; with `allow_responses`": (stage) =>
    served(stage, ["reply", "orders.quote", "4.20 EUR"], "orders.quote", () => ask(stage, "orders.quote")),
  "publishes to a stream, and reads the acknowledgement": (stage) =>
    succeed(stage, ["pub", "orders.new", "lemons", "--jetstream"]),
  "pulls from a consumer that is there": (stage) => succeed(stage, ["consumer", "next", "ORDERS", "billing", "--ack"]),
  "reads a stream with an ordered consumer": (stage) =>
    succeed(stage, ["bench", "js", "ordered", "--stream=ORDERS", "--msgs=5", "--no-progress"]),
  "takes what a push consumer delivers": async ({ client, manager }) => {
    const config = { durable_name: "push", deliver_subject: "deliver.push", ack_policy: AckPolicy.Explicit };
    await manager.consumers.add("ORDERS", { ...config, flow_control: true, idle_heartbeat: nanos(1000) });
    const connection = await connect({ servers: client.url });
    const consumer = await jetstream(connection).consumers.getPushConsumer("ORDERS", "push");
    let taken = 0;
    for await (const message of await consumer.consume()) {
      message.ack();
      if (++taken === MANY) break;
    }
    await connection.drain();
    await manager.consumers.delete("ORDERS", "push");
  },
  "pauses and resumes a consumer": (stage) =>
    succeed(
      stage,
      ["consumer", "pause", "ORDERS", "billing", "1h", "--force"],
      ["consumer", "resume", "ORDERS", "billing", "--force"],
    ),
  "reads a key": (stage) => succeed(stage, ["kv", "get", "prices", "lemon"]),
  "writes, deletes and purges keys": (stage) =>
    succeed(
      stage,
      ["kv", "put", "prices", "lime", "0.50"],
      ["kv", "del", "prices", "lime", "--force"],
      ["kv", "purge", "prices", "lime", "--force"],
    ),
  "lists or watches keys, or reads their history": (stage) =>
    succeed(stage, ["kv", "ls", "prices"], ["kv", "history", "prices", "lemon"]),
  "writes objects under new names": (stage) => {
    const name = `new-${randomUUID()}`;
    return succeed(stage, ["object", "put", "files", pictureOf(stage), `--name=${name}`, "--no-progress", "--force"]);
  },
  "writes and deletes objects": (stage) => {
    const file = pictureOf(stage);
    return succeed(
      stage,
      ["object", "put", "files", file, "--name=small", "--no-progress", "--force"],
      ["object", "del", "files", "small", "--force"],
    );
  },
  "lists or reads objects": (stage) =>
    succeed(
      stage,
      ["object", "ls", "files"],
      ["object", "get", "files", "large", `--output=${join(stage.folder, "got")}`, "--no-progress", "--force"],
    ),
  "runs a service; with `allow_responses`": (stage) =>
    served(stage, ["service", "serve", "calc"], "calc.echo", async () => {
      for (const subject of ["$SRV.PING", "$SRV.INFO.calc", "calc.echo"]) await ask(stage, subject, "1");
      const { id } = (await ask(stage, "$SRV.PING.calc")).json<{ id: string }>();
      await ask(stage, `$SRV.STATS.calc.${id}`);
    }),
  "looks for services and their statistics": async (stage) => {
    const serving = stage.cli.start(stage.operatorAddress, "service", "serve", "calc");
    await stage.subscribed("calc.echo");
    await succeed(stage, ["service", "ls"], ["service", "info", "calc"], ["service", "stats", "calc"]);
    await serving.stop();
  },
  "`nats stream backup`": (stage) =>
    succeed(stage, ["stream", "backup", "ORDERS", join(stage.folder, "backup"), "--no-progress"]),
  "`nats stream restore`": async (stage) => {
    const folder = join(stage.folder, "saved");
    const saving = ["stream", "backup", "ORDERS", folder, "--consumers", "--no-progress"];
    succeeded(await stage.cli.run(stage.operatorAddress, ...saving), saving);
    await stage.manager.streams.delete("ORDERS");
    await succeed(stage, ["stream", "restore", folder, "--no-progress"]);
  },
  "`nats bench js pub`": (stage) =>
    succeed(stage, ["bench", "js", "pub", "async", "orders.new", "--stream=ORDERS", "--msgs=5", "--no-progress"]),
  "`nats server check stream`, `consumer` or `message`": (stage) =>
    succeed(
      stage,
      ["server", "check", "stream", "--stream=ORDERS"],
      ["server", "check", "consumer", "--stream=ORDERS", "--consumer=billing"],
      ["server", "check", "message", "--stream=ORDERS", "--subject=orders.new"],
    ),
  "`nats server check connection`, or `nats latency`": (stage) =>
    succeed(
      stage,
      ["server", "check", "connection", ...UNHURRIED],
      ["latency", "--server-b", stage.client.url, "--duration=1s", "--rate=100"],
    ),
  "`nats trace`": (stage) => succeed(stage, ["trace", "orders.new"]),
  "`nats account info`": (stage) => succeed(stage, ["account", "info"]),
};

async function fill(stage: Stage): Promise<void> {
  const { operator, manager, cli, operatorAddress } = stage;
  await manager.streams.add({ name: "ORDERS", subjects: ["orders.new"] });
  await manager.consumers.add("ORDERS", { durable_name: "billing", ack_policy: AckPolicy.Explicit });
  await new Kvm(operator).create("prices", { history: 64, allow_direct: true });
  for (const subject of ["orders.new", "$KV.prices.lemon"]) {
    for (let i = 0; i < MANY; i++) await jetstream(operator).publish(subject, randomBytes(LARGE));
  }
  const file = join(stage.folder, "large");
  writeFileSync(file, randomBytes(MANY * LARGE));
  for (const command of [
    ["object", "add", "files"],
    ["object", "put", "files", file, "--name=large", "--no-progress"],
  ]) {
    succeeded(await cli.run(operatorAddress, ...command), command);
  }
}

/** A nats-server with something to read, behind a filter whose policy is the needs of one row after the other. */
class Trial {
  readonly #stand: Stand;
  readonly #sidecar: Sidecar;
  readonly stage: Stage;
  #policies = 0;

  private constructor(stand: Stand, sidecar: Sidecar, stage: Stage) {
    this.#stand = stand;
    this.#sidecar = sidecar;
    this.stage = stage;
  }

  static async start(cli: NatsCli, options: { config?: string; domain?: string } = {}): Promise<Trial> {
    const stand = await Stand.start({
      listeners: { mtls: { filter: { config: Trial.#policy([], 0) } } },
      nats: options,
    });
    const sidecar = await stand.sidecar(ORDERS_API);
    const operatorAddress = { url: `nats://127.0.0.1:${stand.nats.port}` };
    const operator = await connect({ servers: operatorAddress.url });
    const manager = await jetstreamManager(operator);
    const client = { url: sidecar.url };
    const { folder } = stand;
    const stage = {
      cli,
      client,
      operator,
      operatorAddress,
      manager,
      folder,
      subscribed: (subject: string) => subscribed(stand, subject),
    };
    await fill(stage);
    return new Trial(stand, sidecar, stage);
  }

  static #policy(needs: Needs, number: number): object {
    return {
      trustDomains: ["cluster.local"],
      audit: { sample: 1, burst: 10_000, refusalsPerSecond: 10_000 },
      rules: [...needs.map(ruleOf), ruleOf(`publish mark.${number}`)],
    };
  }

  /** Has the client do something with just these rights. Returns the audit of it. */
  async play(needs: Needs, doIt: (stage: Stage) => Promise<void>): Promise<AuditRecord[]> {
    await this.#enforce(needs);
    const before = this.#stand.audit().length;
    await doIt(this.stage);
    await this.stage.operator.flush();
    return this.#stand.audit().slice(before);
  }

  /** Waits until the client is refused something when it has just these rights. It may try for long then. */
  async refuses(needs: Needs, doIt: (stage: Stage) => Promise<void>): Promise<void> {
    await this.#enforce(needs);
    const before = this.#stand.audit().length;
    doIt(this.stage).catch(() => undefined);
    const refused = (): boolean => refusedIn(this.#stand.audit().slice(before)).length > 0;
    await waitFor("a refusal", refused, { explain: () => `nothing is refused with ${needs.join()} alone` });
    // What it goes on to try must not be refused where somebody else plays.
    await this.stage.cli.endAll();
  }

  async #enforce(needs: Needs): Promise<void> {
    const number = ++this.#policies;
    assert.equal(await this.#stand.update({ config: Trial.#policy(needs, number) }), "ACCEPTED");
    await waitFor("the policy is in force", async () => {
      const probe = await RawClient.connect(this.#sidecar.port);
      await probe.handshake();
      await probe.send(`PUB mark.${number} 0\r\n\r\n`);
      const lines = linesOf(await probe.flush());
      probe.close();
      return lines.length === 0;
    });
  }

  async stop(): Promise<void> {
    await this.stage.operator.close();
    await this.#stand.stop();
  }
}

function refusedIn(audit: readonly AuditRecord[]): string[] {
  return audit.filter(({ event }) => event === "refused").map((record) => JSON.stringify(record));
}

describe("the table of what a client needs", () => {
  const rows = rowsOf(read(PAGE));
  let cli: NatsCli;
  let trial: Trial;

  before(async () => {
    cli = await NatsCli.find();
    trial = await Trial.start(cli);
  });

  after(async () => {
    await cli.stop();
    await trial.stop();
  });

  it("has the rows that are played here, and no other", () => {
    assert.deepEqual([...rows.keys()], Object.keys(PLAYS));
  });

  for (const [what, play] of Object.entries(PLAYS)) {
    it(`has all that is needed, and nothing else, for a client that ${what}`, async () => {
      const needs = rows.get(what)!;
      const audit = await trial.play(needs, play);
      assert.deepEqual(refusedIn(audit), []);
      // What is needed for a header or a reply subject allows nothing by itself, and is missed when it is left out.
      const used = new Set(audit.map(({ rule }) => rule));
      for (const entry of needs.filter((one) => !used.has(one))) {
        await trial.refuses(
          needs.filter((one) => one !== entry),
          play,
        );
      }
    });
  }
});

describe("what the page says beside the table of what a client needs", () => {
  const config = "feature_flags { js_ack_fc_v2: true }";
  const asks = ["publish $JS.API.CONSUMER.INFO.ORDERS.billing", "publish $JS.API.CONSUMER.MSG.NEXT.ORDERS.billing"];
  const inbox = "subscribe _INBOX.>";
  const old = "publish $JS.ACK.ORDERS.billing.>";
  const newer = "publish $JS.ACK.*.*.ORDERS.billing.>";
  const pull = ["consumer", "next", "ORDERS", "billing", "--ack"];
  let cli: NatsCli;
  let trial: Trial;

  before(async () => {
    cli = await NatsCli.find();
    trial = await Trial.start(cli, { config, domain: "hub" });
  });

  after(async () => {
    await cli.stop();
    await trial.stop();
  });

  it("acknowledgements with the domain and the account in them need an entry of their own", async () => {
    const next = (stage: Stage): Promise<void> => succeed(stage, pull);
    await trial.refuses([...asks, inbox, old], next);
    assert.deepEqual(refusedIn(await trial.play([...asks, inbox, newer], next)), []);
  });

  it("a client that names the domain needs it behind $JS. and before $KV., and not in acknowledgements", async () => {
    const ofDomain = asks.map((entry) => entry.replace("$JS.", "$JS.hub."));
    const bucket = ["publish $JS.hub.API.STREAM.INFO.KV_prices", "publish $JS.hub.API.$KV.prices.>"];
    const audit = await trial.play([...ofDomain, ...bucket, newer, inbox], (stage) =>
      succeed(stage, ["--js-domain=hub", ...pull], ["--js-domain=hub", "kv", "put", "prices", "lime", "0.50"]),
    );
    assert.deepEqual(refusedIn(audit), []);
    for (const entry of [...ofDomain, ...bucket])
      assert.ok(
        audit.some(({ rule }) => rule === entry),
        entry,
      );
  });
});
