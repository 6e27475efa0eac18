import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { policy, pub, publishViolation } from "../host/wire.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { linesOf } from "./frames.ts";
import { waitForOpen } from "./open-connections.ts";
import { ORDERS_API } from "./policy.ts";
import { settled } from "../stand/settled.ts";

/**
 * What happens around a connection on bad days. After each test, every refusal is counted once, a refused operation is still
 * answered by its text and a PING by its PONG in their order, connections are given back, and there was no -ERR that was not due.
 */

const MIB = 1 << 20;
const REFUSALS = "istio_nats_refusals_total";
const INFO_OF_LAME_DUCK = /"ldm":true/;
/** How long any client of a storm may wait, in milliseconds: on two cores that others used as well, a storm took 70 s. */
const STORM = 240_000;

function refusalOf(subject: string): string {
  return publishViolation(subject).trimEnd();
}

const NATS_CONFIG = `
max_subscriptions: 3
max_pending: 1MB
write_deadline: "1s"
cluster { name: stand, listen: "127.0.0.1:-1" }`;

let stand: Stand;

function connect(options: { timeout?: number } = {}): Promise<RawClient> {
  return stand.identity(ORDERS_API).then(async (tls) => {
    const client = await RawClient.connect(stand.port(), { tls, ...options });
    await client.handshake();
    return client;
  });
}

/** What comes before the next PONG. INFO may come at any time. */
async function answers(client: RawClient): Promise<string[]> {
  const frames = await client.until("PONG");
  return linesOf(frames.filter(({ verb }) => verb !== "INFO"));
}

/** No earlier operation is stuck: each answer comes, and in its place. */
async function assertAnswersInOrder(client: RawClient): Promise<void> {
  await client.send(`${pub("no.first")}PING\r\n${pub("no.second")}PING\r\n`);
  assert.deepEqual(await answers(client), [refusalOf("no.first")]);
  assert.deepEqual(await answers(client), [refusalOf("no.second")]);
}

async function assertNewClientWorks(): Promise<void> {
  const client = await connect();
  await client.send("SUB ok.new 1\r\n");
  await assertAnswersInOrder(client);
  await client.send(pub("ok.new", "hello"));
  assert.deepEqual(linesOf(await client.flush()), ["MSG ok.new 1 5"]);
  client.close();
}

/** Connections are given back. */
function assertNoneIsOpen(): Promise<void> {
  return waitForOpen(stand, { mtls: 0 });
}

async function refusals(): Promise<number> {
  return stand.envoy.stat(REFUSALS, { operation: "PUB" });
}

async function assertRefused(before: number, count: number): Promise<void> {
  await stand.envoy.waitForStat(REFUSALS, { operation: "PUB" }, (value) => value >= before + count);
  assert.equal(await refusals(), before + count);
}

describe("the surroundings of a connection", { concurrency: false }, () => {
  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: { filter: { config: policy() } } },
      nats: { config: NATS_CONFIG, jetStream: false },
      serverProxy: { concurrency: 2 },
    });
  });

  after(() => stand.stop());

  it("a nats-server that dies with refusals under way leaves the first of them, in order, and nothing else", async () => {
    const client = await connect();
    const subjects = Array.from({ length: 20_000 }, (_, i) => `no.dying.${i}`);
    const sent = client.send(subjects.map((subject) => pub(subject)).join(""));
    await client.expect("-ERR", refusalOf("no.dying.0"));
    await stand.nats.restart("SIGKILL");
    await sent.catch(() => undefined);
    const lines = linesOf(await client.untilClosed());
    assert.deepEqual(lines, subjects.slice(1, lines.length + 1).map(refusalOf));
    await assertNoneIsOpen();
    await assertNewClientWorks();
  });

  it("the broker's own -ERR keep their places among refusals", async () => {
    const before = await settled(refusals);
    const client = await connect();
    const subs = [1, 2, 3].map((sid) => `SUB ok.${sid} ${sid}\r\n`).join("");
    await client.send(`${subs}${pub("no.a")}SUB ok.4 4\r\n${pub("no.b")}`);
    const tooMany = "-ERR 'maximum subscriptions exceeded'";
    assert.deepEqual(linesOf(await client.flush()), [refusalOf("no.a"), tooMany, refusalOf("no.b")]);
    await assertAnswersInOrder(client);
    await client.send(`${pub("no.c")}PUB ok.large ${2 * MIB}\r\n`);
    assert.deepEqual(linesOf(await client.untilClosed()), [refusalOf("no.c"), "-ERR 'Maximum Payload Violation'"]);
    await assertRefused(before, 5);
    await assertNoneIsOpen();
    await assertNewClientWorks();
  });

  it("a slow consumer that nats-server drops gets messages and its refusal, and no -ERR that was not due", async () => {
    const before = await settled(refusals);
    const client = await connect();
    await client.send(`SUB ok.slow 1\r\n${pub("no.slow")}`);
    assert.deepEqual(linesOf(await client.flush()), [refusalOf("no.slow")]);
    client.pause();
    const flood = await RawClient.connect(stand.nats.port);
    await flood.handshake();
    const message = pub("ok.slow", "x".repeat(64 * 1024));
    const dropped = async (): Promise<boolean> => {
      await flood.send(message.repeat(32));
      await flood.flush();
      return (await stand.nats.monitor<{ slow_consumers: number }>("/varz")).slow_consumers > 0;
    };
    await waitFor("nats-server drops the slow consumer", dropped);
    client.resume();
    const lines = linesOf(await client.untilClosed());
    assert.ok(lines.length > 0);
    assert.deepEqual(new Set(lines), new Set([`MSG ok.slow 1 ${64 * 1024}`]));
    flood.close();
    await assertRefused(before, 1);
    await assertNoneIsOpen();
    await assertNewClientWorks();
  });

  it("connections killed in the middle of a refused payload leave nothing behind, whether by FIN or by RST", async () => {
    const observer = await RawClient.connect(stand.nats.port);
    await observer.handshake();
    await observer.send("SUB > 1\r\n");
    await observer.flush();
    const before = await settled(refusals);
    const killed = 40;
    for (let i = 0; i < killed; i++) {
      const client = await connect();
      await client.send(`PUB no.killed 900000\r\n${"PUB ok.inside 1\r\nx\r\n".repeat(10_000)}`);
      if (i % 2 === 0) {
        client.end();
        assert.deepEqual(linesOf(await client.untilClosed()), []);
      } else client.reset();
    }
    await assertNoneIsOpen();
    // A reset may overtake what was written before it.
    const counted = (await settled(refusals)) - before;
    assert.ok(counted >= killed / 2 && counted <= killed, `${counted} refusals of ${killed}`);
    assert.deepEqual(await observer.flush(), []);
    observer.close();
    await assertNewClientWorks();
  });

  it("1,000 clients that come back at once, and again, are all answered, and memory does not grow", async () => {
    const before = await settled(refusals);
    const storm = async (): Promise<void> => {
      const clients = await Promise.all(Array.from({ length: 1000 }, () => connect({ timeout: STORM })));
      await Promise.all(clients.map(assertAnswersInOrder));
      for (const [i, client] of clients.entries())
        if (i % 2 === 0) client.close();
        else client.reset();
      await assertNoneIsOpen();
    };
    const computed = (): number => stand.proxy.workerTimes().reduce((all, time) => all + time, 0);
    const began = computed();
    await storm();
    const once = await stand.envoy.allocated();
    await storm();
    await storm();
    const grown = async (): Promise<string> => `Envoy grew from ${once} to ${await stand.envoy.allocated()} bytes`;
    // Sockets and TLS are freed some moments after they were closed.
    await waitFor("memory is given back", async () => (await stand.envoy.allocated()) < once + 4 * MIB, {
      explain: grown,
    });
    // Not the time that it took, most of which this process and nats-server had, and whatever else runs on this machine.
    assert.ok(computed() - began < 20_000, `Envoy has computed for ${computed() - began} ms`);
    await assertRefused(before, 6000);
    await assertNewClientWorks();
  });

  it("INFO of a growing cluster passes between refusals and disturbs nothing", async () => {
    const client = await connect();
    const { cluster } = await stand.nats.monitor<{ cluster: { cluster_port: number } }>("/varz");
    const routes = `routes: ["nats-route://127.0.0.1:${cluster.cluster_port}"]`;
    const folder = makeScratch();
    const second = await NatsServer.start(folder, {
      config: `server_name: second\ncluster { name: stand, listen: "127.0.0.1:-1", ${routes} }`,
      jetStream: false,
    });
    try {
      const lines: string[] = [];
      const info = async (): Promise<boolean> => {
        await client.send(`${pub("no.a")}PING\r\n`);
        const frames = await client.until("PONG");
        lines.push(...linesOf(frames.filter(({ verb }) => verb !== "INFO")));
        return frames.some(({ verb, line }) => verb === "INFO" && line.includes(String(second.port)));
      };
      await waitFor("INFO names the other server", info);
      assert.deepEqual(new Set(lines), new Set([refusalOf("no.a")]));
    } finally {
      await second.stop();
      removeScratch(folder);
    }
    await assertAnswersInOrder(client);
    client.close();
    await assertNoneIsOpen();
  });

  it("lame duck mode is announced by INFO, and the connection is judged as before until nats-server ends it", async () => {
    const before = await settled(refusals);
    const client = await connect();
    stand.nats.lameDuck();
    const info = await client.expect("INFO");
    assert.match(info.line, INFO_OF_LAME_DUCK);
    await assertAnswersInOrder(client);
    await stand.nats.restart();
    assert.deepEqual(linesOf(await client.untilClosed()), []);
    await assertRefused(before, 2);
    await assertNoneIsOpen();
    await assertNewClientWorks();
  });

  it("a draining Envoy accepts no new connections, and serves the existing ones as before", async () => {
    const client = await connect();
    await stand.envoy.admin("/drain_listeners?graceful", "POST");
    await waitFor("nobody new is let in", () =>
      RawClient.connect(stand.port()).then(
        (other) => {
          other.close();
          return false;
        },
        (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
      ),
    );
    await assertAnswersInOrder(client);
    client.close();
    await assertNoneIsOpen();
  });
});
