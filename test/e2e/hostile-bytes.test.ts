import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MALFORMED } from "../host/malformed.ts";
import { freshSeed, Random } from "../host/random.ts";
import { CONNECT, policy, pub } from "../host/wire.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { linesOf } from "./frames.ts";
import { waitForOpen } from "./open-connections.ts";
import { ORDERS_API } from "./policy.ts";

/** What any client may do while others misbehave. This one is there before the first of them and after the last. */
class Neighbour {
  private constructor(readonly client: RawClient) {}

  static async connect(stand: Stand): Promise<Neighbour> {
    const client = await RawClient.connect(stand.port("filtered"), { tls: await stand.identity(ORDERS_API) });
    await client.handshake();
    await client.send("SUB ok.neighbour 1\r\n");
    return new Neighbour(client);
  }

  async assertWorks(): Promise<void> {
    await this.client.send(pub("ok.neighbour", "hi") + pub("no.neighbour"));
    assert.deepEqual(linesOf(await this.client.flush()), [
      "MSG ok.neighbour 1 2",
      "-ERR 'Permissions Violation for Publish to \"no.neighbour\"'",
    ]);
  }
}

describe("bytes that no client should send", () => {
  let stand: Stand;
  let neighbour: Neighbour;

  before(async () => {
    stand = await Stand.start({ listeners: { filtered: { filter: { config: policy() } }, bare: {} } });
    neighbour = await Neighbour.connect(stand);
  });

  after(async () => {
    neighbour.client.close();
    await stand.stop();
  });

  /** What a client of the listener reads after INFO, in answer to these bytes, until the server closes. */
  async function answers(listener: string, bytes: Uint8Array, { end = false } = {}): Promise<string[]> {
    const client = await RawClient.connect(stand.port(listener), { tls: await stand.identity(ORDERS_API) });
    await client.expect("INFO");
    // A server that closes while bytes are under way may reset the connection.
    await client.send(bytes).catch(() => undefined);
    if (end) client.end();
    const frames = await client.untilClosed();
    client.close();
    return linesOf(frames.filter(({ verb }) => verb !== "INFO"));
  }

  for (const { name, bytes, kind, first, stricter } of MALFORMED) {
    const answer = stricter
      ? "is refused on purpose, with an error of nats-server's"
      : "is answered as without the filter";
    it(`${name}: ${answer}, is counted, and disturbs nobody else`, async () => {
      const start = first ? "" : `${CONNECT}PUB ok.before 0\r\n\r\n`;
      const sent = Buffer.from(`${start}${bytes}${pub("ok.after")}`, "latin1");
      const counted = await stand.envoy.stat("istio_nats_protocol_errors_total", { kind });
      const got = await answers("filtered", sent);
      if (stricter) assert.match(got.join(), /^-ERR '(Unknown Protocol Operation|maximum control line exceeded)'$/);
      else assert.deepEqual(got, await answers("bare", sent));
      await stand.envoy.waitForStat("istio_nats_protocol_errors_total", { kind }, (count) => count === counted + 1);
      await neighbour.assertWorks();
    });
  }

  it("noise ends each connection, at its start or after CONNECT, and disturbs nobody else", async (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    for (let round = 0; round < 100; round++) {
      const noise = random.bytes(1 + random.below(20_000));
      const start = Buffer.from(random.pick(["", CONNECT, CONNECT + pub("ok.1", "x")]), "latin1");
      // The bytes after the noise make sure that the connection ends if the noise happens to begin an operation.
      const sent = Buffer.concat([start, noise, Buffer.from(`\r\n${"?".repeat(20_000)}\r\n`)]);
      const got = await answers("filtered", sent);
      assert.ok(
        got.length <= 1 && got.every((line) => line.startsWith("-ERR ")),
        `TEST_SEED=${random.seed}: ${got.join()}`,
      );
    }
    await neighbour.assertWorks();
  });

  it("operations with some bytes changed get what they get without the filter, or are refused", async (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    const session = `${CONNECT}SUB ok.a 1\r\nPUB ok.a 3\r\nabc\r\nHPUB ok.a 12 13\r\nNATS/1.0\r\n\r\nx\r\nUNSUB 1 9\r\nPING\r\n`;
    const end = "?\r\n";
    let same = 0;
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(session + end, "latin1");
      for (let i = 0; i < 1 + random.below(2); i++) {
        bytes[random.below(session.length)] = random.pick([random.below(256), 0x20, 0x30, 0x31, 0x2e, 0x0a, 0x0d]);
      }
      // A changed size may make the server wait for more, so the client ends its half.
      const got = await answers("filtered", bytes, { end: true });
      const expected = await answers("bare", bytes, { end: true });
      if (got.join("\n") === expected.join("\n")) {
        same++;
        continue;
      }
      // If the two differ, it is because of a refusal: some of the answers, then an error.
      const where = `TEST_SEED=${random.seed}, round ${round}: ${JSON.stringify(bytes.toString("latin1"))}\n${got.join("\n")}`;
      assert.ok(
        got.some(
          (line) => line.startsWith("-ERR 'Permissions Violation ") || line === "-ERR 'Unknown Protocol Operation'",
        ),
        where,
      );
      const delivered = got.filter((line) => !line.startsWith("-ERR "));
      assert.ok(
        delivered.every((line) => expected.includes(line)),
        where,
      );
    }
    assert.ok(same >= 75, `${same} of 150 were the same`);
    await neighbour.assertWorks();
  });

  it("a second CONNECT is legal, with and without the filter", async () => {
    const sent = `${CONNECT}SUB ok.a 1\r\n${CONNECT}PUB ok.a 1\r\nx\r\nSUB ok.a 1\r\nPUB ok.a 1\r\ny\r\nPING\r\n?\r\n`;
    const bytes = Buffer.from(sent, "latin1");
    const got = await answers("filtered", bytes);
    assert.deepEqual(got, await answers("bare", bytes));
    assert.deepEqual(got, ["MSG ok.a 1 1", "PONG", "-ERR 'Unknown Protocol Operation'"]);
  });

  for (const half of ["", "PUB ok.a 5\r\nab", "PUB ok.a", "SU", 'CONNECT {"verb', "HPUB ok.a 12 12\r\nNATS"]) {
    it(`a client that ends its half after ${JSON.stringify(half)} gets its answers, with and without the filter`, async () => {
      const bytes = Buffer.from(`${CONNECT}SUB ok.a 1\r\nPUB ok.a 1\r\nx\r\nPING\r\n${half}`, "latin1");
      const got = await answers("filtered", bytes, { end: true });
      assert.deepEqual(got, await answers("bare", bytes, { end: true }));
      assert.deepEqual(got, ["MSG ok.a 1 1", "PONG"]);
      await neighbour.assertWorks();
    });
  }

  it("a reset inside an operation leaves no connection behind", async () => {
    // The neighbour's connection.
    await waitForOpen(stand, { filtered: 1 });
    const clients = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await RawClient.connect(stand.port("filtered"), { tls: await stand.identity(ORDERS_API) });
        await client.handshake();
        await client.send("PUB no.a 50000\r\nabc");
        return client;
      }),
    );
    await waitForOpen(stand, { filtered: 1 + clients.length });
    for (const client of clients) client.reset();
    await waitForOpen(stand, { filtered: 1 });
    await neighbour.assertWorks();
  });
});
