import { jetstream, type JetStreamManager, type PubAck } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Cluster, ELECTIONS, jetStreamOf } from "../deploy/cluster.ts";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import { errorsOf, publish, refusedPublish, refusedReply } from "./ways-round.ts";

const RIGHTS = {
  mallory: { publish: { allow: ["orders.mine"] } },
  /** Reads everything, and may write little. */
  auditor: { publish: { allow: ["orders.mine"] }, subscribe: { allow: [">"] } },
};
/** A user of the system account, who watches the servers. */
const MONITOR = { publish: { allow: ["$SYS.REQ.SERVER.PING.IDZ"] }, subscribe: { allow: ["$SYS.>"] } };
type Application = keyof typeof RIGHTS | "monitor";

function principalOf(application: string): string {
  return `cluster.local/ns/shop/sa/${application}`;
}

const POLICY = {
  mode: "ENFORCE",
  trustDomains: ["cluster.local"],
  rules: Object.entries({ ...RIGHTS, monitor: MONITOR }).map(([name, rights]) => ({
    name,
    from: [{ principals: [principalOf(name)] }],
    ...rights,
  })),
};
/** The same rights in nats-server's own terms, and an unrestricted operator, which is every client that names no user. */
const USERS = [
  ...Object.entries(RIGHTS).map(([user, permissions]) => ({ user, password: user, permissions })),
  { user: "operator", password: "operator" },
];
/** What the servers tell each other about the account's streams goes through the account itself. */
const JETSTREAM = "{ max_file: 32MB, max_memory: 32MB, cluster_traffic: owner }";
const CONFIG = `accounts {
  SHOP { jetstream: ${JETSTREAM}, users: ${JSON.stringify(USERS)} }
  SYS { users: [
    { user: system, password: system }
    { user: monitor, password: monitor, permissions: ${JSON.stringify(MONITOR)} }
  ] }
}
system_account: SYS
no_auth_user: operator
`;

/**
 * Ways round a policy of subjects that lead into replicated streams. ORDERS takes what mallory publishes. BOOKS has no subject of its
 * own and reads ORDERS. Each test shows that its way works with nats-server alone and the same rights as its own permissions.
 */
describe("ways round a subject policy, to streams on three servers", () => {
  let cluster: Cluster;
  let operator: NatsConnection;
  let manager: JetStreamManager;
  let filtered: RawClient;
  let alone: RawClient;

  before(async () => {
    cluster = await Cluster.start(POLICY, CONFIG);
    const { port } = cluster.nodes[0]!.nats;
    operator = await connect({ port });
    manager = await jetStreamOf(operator);
    filtered = await connectFiltered("mallory");
    alone = await connectAlone("mallory");
  });

  async function connectFiltered(application: Application): Promise<RawClient> {
    const [url] = await cluster.urlsFor(`spiffe://${principalOf(application)}`);
    const client = await RawClient.connect(Number(new URL(url!).port));
    // nats-server does not hold a user of the system account back here.
    await client.handshake(application === "monitor" ? { user: "system", pass: "system" } : {});
    return client;
  }

  async function connectAlone(application: Application): Promise<RawClient> {
    const client = await RawClient.connect(cluster.nodes[0]!.nats.port);
    await client.handshake({ user: application, pass: application });
    return client;
  }

  after(async () => {
    filtered.close();
    alone.close();
    await operator.close();
    await cluster.stop();
  });

  /** Creates both streams, in place of those of the test before, and waits until each server has them. */
  async function fresh(more: object = {}): Promise<void> {
    const common = { num_replicas: 3, allow_msg_ttl: true, ...more };
    const streams = [
      { name: "ORDERS", subjects: ["orders.>"], ...common },
      { name: "BOOKS", sources: [{ name: "ORDERS" }], ...common },
    ];
    for (const { name } of streams) {
      const gone = (): Promise<boolean> =>
        manager.streams.delete(name).catch((error: unknown) => (error as Error).message === "stream not found");
      await waitFor(`no ${name}`, gone, ELECTIONS);
    }
    for (const stream of streams) {
      await waitFor(stream.name, () => manager.streams.add(stream).catch(() => undefined), ELECTIONS);
      const whole = async (): Promise<boolean> => (await faults(stream.name)).every((fault) => fault === "");
      await waitFor(`${stream.name} on each server`, whole, ELECTIONS);
    }
  }

  /** What is wrong with each server's copy of a stream. */
  function faults(stream: string): Promise<string[]> {
    return Promise.all(
      cluster.nodes.map(async ({ nats }) => {
        const { error = "" } = await nats.monitor<{ error?: string }>(`/healthz?account=SHOP&stream=${stream}`);
        return error;
      }),
    );
  }

  /** How many servers write to their copy of a stream no more. */
  async function ended(stream: string): Promise<number> {
    return (await faults(stream)).filter((fault) => fault.includes("stream write error")).length;
  }

  async function ends(stream: string): Promise<void> {
    await waitFor(`${stream} ends on all servers`, async () => (await ended(stream)) === 3, {
      ...ELECTIONS,
      explain: async () => JSON.stringify(await faults(stream)),
    });
  }

  /** Publishes as the operator, and returns the message's number in ORDERS. */
  async function store(subject: string): Promise<number> {
    // The same id again for what was not acknowledged, because JetStream stores it only once.
    const attempt = (): Promise<PubAck | undefined> =>
      jetstream(operator)
        .publish(subject, "", { msgID: subject })
        .catch(() => undefined);
    return (await waitFor(`${subject} is stored`, attempt, ELECTIONS)).seq;
  }

  /** The subjects of which BOOKS has a message. */
  async function booked(): Promise<string[]> {
    const info = await manager.streams.info("BOOKS", { subjects_filter: ">" }).catch(() => undefined);
    return Object.keys(info?.state.subjects ?? {}).sort();
  }

  async function copied(subject: string): Promise<void> {
    await waitFor(`${subject} is in BOOKS`, async () => (await booked()).includes(subject), ELECTIONS);
  }

  /** Has another server lead BOOKS. */
  async function moved(): Promise<void> {
    const leader = async (): Promise<string | undefined> =>
      (await manager.streams.info("BOOKS").catch(() => undefined))?.cluster?.leader;
    const old = await waitFor("a leader", leader, ELECTIONS);
    const another = async (): Promise<boolean> => {
      const now = await leader();
      if (now === old) await operator.request("$JS.API.STREAM.LEADER.STEPDOWN.BOOKS").catch(() => undefined);
      return now !== undefined && now !== old;
    };
    await waitFor("another leader", another, ELECTIONS);
  }

  it("a TTL that is hidden from JetStream's check does not end the stream", async () => {
    await fresh();
    const hidden = publish("orders.mine", "x", "Nats-Request-Info: Nats-TTLNats-TTL\r\nNats-TTL: x\r\n");
    assert.deepEqual(await errorsOf(filtered, hidden), refusedPublish("orders.mine"));
    // Its number tells that nothing came before, and it would not be acknowledged by a stream that has ended.
    assert.equal(await store("orders.1"), 1);
    assert.equal(await ended("ORDERS"), 0);
    assert.deepEqual(await errorsOf(alone, hidden), []);
    await ends("ORDERS");
  });

  it("nor does a wrong id of its last message, unless a rule says `rollup: ALL`", async () => {
    await fresh();
    const wrong = publish("orders.mine", "x", "Nats-Expected-Last-Msg-Id: x\r\n");
    assert.deepEqual(await errorsOf(filtered, wrong), refusedPublish("orders.mine"));
    assert.equal(await store("orders.1"), 1);
    assert.equal(await ended("ORDERS"), 0);
    assert.deepEqual(await errorsOf(alone, wrong), []);
    await ends("ORDERS");
  });

  it("nor a stream that only reads it, where a lone LF has the good TTL of two taken away on the way there", async () => {
    await fresh();
    const lines = ["A: x\nNats-Expected-y", "Nats-TTL: 1h", "Nats-TTL: x"];
    const hidden = publish("orders.mine", "x", lines.map((line) => `${line}\r\n`).join(""));
    assert.deepEqual(await errorsOf(filtered, hidden), refusedPublish("orders.mine"));
    await store("orders.1");
    await copied("orders.1");
    assert.equal(await ended("BOOKS"), 0);
    assert.deepEqual(await errorsOf(alone, hidden), []);
    await ends("BOOKS");
    assert.equal(await ended("ORDERS"), 0);
  });

  it("a message of a fast batch that is only traced does not have the stream's leader begin anew", async () => {
    await fresh({ allow_batched: true });
    const resets = (): number =>
      cluster.nodes.reduce((sum, { nats }) => sum + nats.log().split("Resetting stream cluster state").length - 1, 0);
    const headers = "Nats-Trace-Dest: orders.mine\r\nNats-Trace-Only: true\r\n";
    const traced = publish("orders.mine", "x", headers, "_INBOX.b.10.ok.1.0.$FI");
    const before = resets();
    const auditor = await connectFiltered("auditor");
    assert.deepEqual(await errorsOf(auditor, traced), refusedPublish("orders.mine"));
    auditor.close();
    assert.equal(await store("orders.1"), 1);
    assert.equal(resets(), before);
    const unfiltered = await connectAlone("auditor");
    assert.deepEqual(await errorsOf(unfiltered, traced), []);
    unfiltered.close();
    await store("orders.2");
    await waitFor("the leader begins anew", () => resets() > before, ELECTIONS);
  });

  it("a hidden place to go on from does not make a stream that reads leave out what others publish", async () => {
    // The message itself is the second one, and what others publish then is the third.
    const hiding = "Nats-Expected-y: Nats-Stream-SourceNats-Stream-Source\r\n";
    const place = publish("orders.mine", "x", `${hiding}Nats-Stream-Source: ORDERS 3 > > orders.mine\r\n`);
    async function send(client: RawClient): Promise<{ errors: string[]; books: string[] }> {
      await fresh();
      await store("orders.1");
      await copied("orders.1");
      const errors = await errorsOf(client, place);
      if (errors.length === 0) await copied("orders.mine");
      // Who comes to lead a stream looks up where to go on.
      await moved();
      await store("orders.2");
      await store("orders.3");
      await copied("orders.3");
      return { errors, books: await booked() };
    }
    assert.deepEqual(await send(alone), { errors: [], books: ["orders.1", "orders.3", "orders.mine"] });
    assert.deepEqual(await send(filtered), {
      errors: refusedPublish("orders.mine"),
      books: ["orders.1", "orders.2", "orders.3"],
    });
  });

  it("JetStream's answer is no entry of a stream's log, whatever the requester may read", async () => {
    await fresh();
    const info = await manager.streams.info("ORDERS");
    const { raft_group: group } = info.cluster as unknown as { raft_group: string };
    const reply = `$NRG.P.${group}`;
    const asked = publish("orders.mine", "x", "", reply);
    const auditor = await connectFiltered("auditor");
    assert.deepEqual(await errorsOf(auditor, asked), refusedReply(reply));
    auditor.close();
    assert.equal(await store("orders.1"), 1);
    assert.equal(await ended("ORDERS"), 0);
    const unfiltered = await connectAlone("auditor");
    assert.deepEqual(await errorsOf(unfiltered, asked), []);
    unfiltered.close();
    await ends("ORDERS");
  });

  it("a server's answer does not tell the others that one of them has stopped, whatever the requester may read", async () => {
    const [{ nats: first }, { nats: second }] = [cluster.nodes[0]!, cluster.nodes[1]!];
    const { server_id: id } = await second.monitor<{ server_id: string }>("/varz");
    interface Jsz {
      meta_cluster?: { replicas?: { name: string; offline?: boolean }[] };
    }
    const isOffline = async (): Promise<boolean> => {
      const { meta_cluster: meta } = await first.monitor<Jsz>("/jsz");
      return meta?.replicas?.find(({ name }) => name === "nats-1")?.offline ?? false;
    };
    const reply = `$SYS.SERVER.${id}.SHUTDOWN`;
    const asked = publish("$SYS.REQ.SERVER.PING.IDZ", "", "", reply);
    const monitor = await connectFiltered("monitor");
    assert.deepEqual(await errorsOf(monitor, asked), refusedReply(reply));
    monitor.close();
    assert.equal(await isOffline(), false);
    const unfiltered = await connectAlone("monitor");
    // It is told so again and again, since nats-1 is taken for online once more when it next sends its statistics.
    await waitFor("nats-1 is taken for offline", async () => {
      assert.deepEqual(await errorsOf(unfiltered, asked), []);
      return isOffline();
    });
    unfiltered.close();
  });
});
