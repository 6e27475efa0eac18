import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { inRoot } from "../../tools/paths.ts";
import { pythonPackages } from "../../tools/python.ts";
import type { Address, Connection, Message, Subscription } from "./clients/client.ts";
import { RemoteClient } from "./clients/remote.ts";
import { errorsOf, messagesOf, publish, publishBlock, refusedPublish, Town } from "./ways-round.ts";

/** A connection of nats-py with two subscriptions, which the library calls 1 and 2. */
class Reader {
  private constructor(
    readonly connection: Connection,
    private readonly requests: Subscription,
    private readonly commands: Subscription,
  ) {}

  static async connect(library: RemoteClient, address: Address): Promise<Reader> {
    const connection = await library.connect(address);
    const requests = await connection.subscribe("ok.>");
    const commands = await connection.subscribe("secret.in");
    await connection.flush();
    return new Reader(connection, requests, commands);
  }

  /** What has come for each of the two since the last call. */
  async received(): Promise<{ requests: Message[]; commands: Message[] }> {
    await this.connection.flush();
    return { requests: await this.requests.takeAll(), commands: await this.commands.takeAll() };
  }
}

/** Each test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy by what nats-py reads otherwise than nats-server,", () => {
  let library: RemoteClient;
  let alone: Reader;
  let filtered: Reader;
  // Before the town goes, since nats-py would wait for it (hooks run in the order in which they are set).
  after(async () => {
    await alone.connection.close();
    await filtered.connection.close();
    await library.stop();
  });
  const town = Town.ofSuite();

  before(async () => {
    library = new RemoteClient("python3", [inRoot("test/e2e/clients/python/client.py")], {
      PYTHONPATH: await pythonPackages("clients", "nats-py"),
    });
    const { nats } = town.stand;
    alone = await Reader.connect(library, { url: `nats://127.0.0.1:${nats.port}`, user: "auditor" });
    const tls = await town.stand.identity("spiffe://cluster.local/ns/shop/sa/auditor");
    filtered = await Reader.connect(library, { url: `tls://127.0.0.1:${town.stand.port("filtered")}`, tls });
  });

  it("a form feed or a vertical tab in a subject: its message comes to no other subscription", async () => {
    const mallory = await town.connect("mallory", "filtered");
    const other = await town.connect("auditor", "filtered");
    await messagesOf(other, "SUB ok.> 1\r\n");
    for (const blank of ["\f", "\v"]) {
      assert.deepEqual(await errorsOf(mallory, publish(`ok.a${blank}2`, "stolen") + publish("ok.b", "x")), []);
      const plain = { subject: "ok.b", data: "x", headers: {} };
      const stolen = { subject: "ok.a", data: "stolen", headers: {} };
      assert.deepEqual(await alone.received(), { requests: [plain], commands: [stolen] });
      assert.deepEqual(await filtered.received(), { requests: [plain], commands: [] });
      // A client that reads as nats-server does gets it.
      assert.deepEqual(await messagesOf(other), [`MSG ok.a${blank}2 1 6 stolen`, "MSG ok.b 1 1 x"]);
    }
  });

  it("a vertical tab in a reply subject: it ends no connection", async () => {
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, publish("ok.a", "x", "", "_INBOX.m.a\vb") + publish("ok.b", "x")), []);
    const plain = { subject: "ok.b", data: "x", headers: {} };
    assert.deepEqual(await filtered.received(), { requests: [plain], commands: [] });
    assert.equal(await filtered.connection.reconnects(), 0);
    while ((await alone.connection.reconnects()) === 0) await town.secrets();
  });

  it("headers of at most eight bytes: they keep nobody from reading on", async () => {
    const plain = { subject: "ok.b", data: "x", headers: {} };
    const mallory = await town.connect("mallory", "filtered");
    const blocks = ["x", "\r\n", "\r\n\r\n", "abcd\r\n\r\n"];
    for (const block of blocks) {
      assert.deepEqual(await errorsOf(mallory, publishBlock("ok.a", block, "x")), refusedPublish("ok.a"));
    }
    assert.deepEqual(await errorsOf(mallory, publish("ok.b", "x")), []);
    assert.deepEqual(await filtered.received(), { requests: [plain], commands: [] });
    const forced = await town.connect("mallory", "alone");
    for (const block of blocks) {
      const reader = await library.connect({ url: `nats://127.0.0.1:${town.stand.nats.port}` });
      const requests = await reader.subscribe("ok.>");
      await reader.flush();
      assert.deepEqual(await errorsOf(forced, publishBlock("ok.a", block, "x") + publish("ok.b", "x")), []);
      await setTimeout(300);
      assert.deepEqual(await requests.takeAll(), [], JSON.stringify(block));
      await reader.close();
    }
  });
});
