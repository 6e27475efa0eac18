import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import * as nats from "nats-1";
import { errorsOf, messagesOf, publish, Town } from "./ways-round.ts";

/** A client of nats 1.x for Node with two subscriptions, which the library calls 1 and 2. */
class Reader {
  #requests: string[] = [];
  #commands: string[] = [];

  private constructor(private readonly client: nats.Client) {
    client.subscribe("ok.>", (payload: string) => this.#requests.push(payload));
    client.subscribe("secret.in", (payload: string) => this.#commands.push(payload));
  }

  static async connect(options: nats.ClientOpts): Promise<Reader> {
    const client = nats.connect({ ...options, reconnect: false });
    await once(client, "connect");
    const reader = new Reader(client);
    await reader.received();
    return reader;
  }

  /** What has come for each of the two since the last call. */
  async received(): Promise<{ requests: string[]; commands: string[] }> {
    await new Promise<void>((resolve) => {
      this.client.flush(() => {
        resolve();
      });
    });
    const received = { requests: this.#requests, commands: this.#commands };
    this.#requests = [];
    this.#commands = [];
    return received;
  }

  close(): void {
    this.client.close();
  }
}

/** The test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy by what nats 1.x for Node reads otherwise than nats-server,", () => {
  let alone: Reader;
  let filtered: Reader;
  const town = Town.ofSuite();

  before(async () => {
    alone = await Reader.connect({ url: `nats://127.0.0.1:${town.stand.nats.port}`, user: "auditor", pass: "auditor" });
    const { url } = await town.stand.sidecar("spiffe://cluster.local/ns/shop/sa/auditor", { listener: "filtered" });
    filtered = await Reader.connect({ url });
  });
  // What is still open when nats-server stops would throw.
  after(() => {
    alone.close();
    filtered.close();
  });

  it("a form feed, a vertical tab or a byte 0xa0 in a subject: its message comes to no other subscription", async () => {
    const mallory = await town.connect("mallory", "filtered");
    const other = await town.connect("auditor", "filtered");
    await messagesOf(other, "SUB ok.> 1\r\n");
    for (const blank of ["\f", "\v", "\xa0"]) {
      const stolen = Buffer.from(publish(`ok.a${blank}2`, "stolen") + publish("ok.b", "x"), "latin1");
      assert.deepEqual(await errorsOf(mallory, stolen), []);
      assert.deepEqual(await alone.received(), { requests: ["x"], commands: ["stolen"] });
      assert.deepEqual(await filtered.received(), { requests: ["x"], commands: [] });
      // A client that reads as nats-server does gets it.
      assert.equal((await messagesOf(other)).length, 2);
    }
  });
});
