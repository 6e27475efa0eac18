import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import {
  errorsOf,
  messagesOf,
  publish,
  publishBlock,
  refusedPublish,
  refusedSubscription,
  Town,
  untilHeard,
} from "./ways-round.ts";

/** What a server answers to who asks it for the connections of the account. */
interface Connz {
  server: { domain?: string };
  data: { connections: { kind: string; subscriptions_list?: string[] }[] };
}

/** nats-server's `max_payload`, of which `less` bytes are left free, on `ok.1`. */
function largest(headers: string, less = 0): string {
  const block = `NATS/1.0\r\n${headers}\r\n`;
  return publishBlock("ok.1", block, "x".repeat(1_048_576 - block.length - less));
}

/** Each test shows that its way works with nats-server alone, and does so last, since connections end by it. */
describe("what a client does ends no connection between servers:", () => {
  const town = Town.ofSuite();

  /** The ids of the leaf nodes' connections. */
  async function leafIds(): Promise<number[]> {
    const { leafs } = await town.stand.nats.monitor<{ leafs: { id: number }[] }>("/leafz");
    return leafs.map(({ id }) => id);
  }

  /** The leaf node connects again by itself, as another one. */
  async function leafEnds(id: number): Promise<void> {
    await waitFor("the end of the leaf node's connection", async () => !(await leafIds()).includes(id));
  }

  async function withLeaf(run: (id: number, leaf: NatsServer) => Promise<void>): Promise<void> {
    const leaf = await town.leaf();
    try {
      await run(await waitFor("the leaf node", async () => (await leafIds())[0]), leaf);
    } finally {
      await leaf.stop();
      // The next one's must not be taken for its connection.
      await waitFor("no leaf node", async () => (await leafIds()).length === 0);
    }
  }

  /** The subject by which the leaf node would know subscriptions of its own, as the hub tells every client that asks. */
  async function loopSubject(client: RawClient): Promise<string> {
    const request = publish("$SYS.REQ.ACCOUNT.PING.CONNZ", JSON.stringify({ subscriptions: true }), "", "_INBOX.loop");
    await client.send("SUB _INBOX.loop loop\r\n");
    return waitFor("the leaf node's subscriptions", async () => {
      // Once more, since a leaf node that has just connected tells of its subscriptions a moment later.
      await client.send(request);
      const answers = (await client.flush()).map(({ payload }) => JSON.parse(String(payload)) as Connz);
      const connections = answers.find(({ server }) => server.domain === "hub")?.data.connections ?? [];
      const subjects = connections.find(({ kind }) => kind === "Leafnode")?.subscriptions_list;
      return subjects?.find((subject) => subject.startsWith("$LDS."));
    });
  }

  it("a leaf node does not take its hub for itself because a client subscribes to its loop detection's subject", async () => {
    await withLeaf(async (id) => {
      const auditor = await town.connect("auditor", "filtered");
      const subject = await loopSubject(auditor);
      const subscribe = `SUB ${subject} 1\r\nSUB ${subject} q 2\r\n`;
      assert.deepEqual(await errorsOf(auditor, subscribe), [
        ...refusedSubscription(subject),
        ...refusedSubscription(subject, "q"),
      ]);
      assert.deepEqual(await leafIds(), [id]);
      const alone = await town.connect("auditor", "alone");
      await alone.send(subscribe);
      await leafEnds(id);
    });
  });

  it("a leaf node does not get a message of more than `max_payload` because headers are added to a traced one", async () => {
    await withLeaf(async (id, leaf) => {
      const far = await RawClient.connect(leaf.port);
      try {
        await far.handshake();
        await far.send("SUB ok.1 1\r\n");
        await far.flush();
        const mallory = await town.connect("mallory", "filtered");
        await untilHeard(far, mallory, "ok.1");
        const traced = largest("Nats-Trace-Dest: ok.2\r\n");
        assert.deepEqual(await errorsOf(mallory, traced), refusedPublish("ok.1"));
        const untraced = largest("Other: ok.2\r\n") + largest("Nats-Trace-Dest: trace disabled\r\n");
        assert.deepEqual(await errorsOf(mallory, untraced + largest("Nats-Trace-Dest: ok.2\r\n", 4096)), []);
        let left = 3;
        await waitFor("all others", async () => (left -= (await messagesOf(far)).length) <= 0);
        assert.deepEqual(await leafIds(), [id]);
        const alone = await town.connect("mallory", "alone");
        await alone.send(traced);
        await leafEnds(id);
      } finally {
        far.close();
      }
    });
  });
});
