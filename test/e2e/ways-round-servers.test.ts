import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import { errorsOf, publish, refusedSubscription, Town } from "./ways-round.ts";

/** What a server answers to who asks it for the connections of the account. */
interface Connz {
  server: { domain?: string };
  data: { connections: { kind: string; subscriptions_list?: string[] }[] };
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

  async function withLeaf(run: (id: number) => Promise<void>): Promise<void> {
    const leaf = await town.leaf();
    try {
      await run(await waitFor("the leaf node", async () => (await leafIds())[0]));
    } finally {
      await leaf.stop();
    }
  }

  /** The subject by which the leaf node would know subscriptions of its own, as the hub tells every client that asks. */
  async function loopSubject(client: RawClient): Promise<string> {
    const request = JSON.stringify({ subscriptions: true });
    await client.send(`SUB _INBOX.loop loop\r\n${publish("$SYS.REQ.ACCOUNT.PING.CONNZ", request, "", "_INBOX.loop")}`);
    return waitFor("the leaf node's subscriptions", async () => {
      const answers = (await client.flush()).map(({ payload }) => JSON.parse(String(payload)) as Connz);
      const connections = answers.find(({ server }) => server.domain === "hub")?.data.connections ?? [];
      const subjects = connections.find(({ kind }) => kind === "Leafnode")?.subscriptions_list;
      return subjects?.find((subject) => subject.startsWith("$LDS."));
    });
  }

  it("a leaf node does not take its hub for itself because a client subscribes to what it knows its own subscriptions by", async () => {
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
});
