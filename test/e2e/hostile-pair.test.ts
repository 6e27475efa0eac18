import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CONNECT, policy } from "../host/wire.ts";
import { RawClient } from "../stand/raw-client.ts";
import type { Frame } from "../stand/server-frames.ts";
import { Stand } from "../stand/stand.ts";
import { linesOf } from "./frames.ts";
import { ORDERS_API } from "./policy.ts";
import { publishBlock } from "./ways-round.ts";

/**
 * nats-server asks twice whether a subscriber takes headers, for the MSG line and for the payload. The line is of a size without
 * headers where CONNECT turns them on in between, which is likely while it holds the lock to read a long one. Of such a message the
 * accomplice's headers are the next line.
 */
const SUBS = "SUB ok.race 1\r\nSUB > 2\r\n";
const ON = `CONNECT ${JSON.stringify({ verbose: false, headers: true, name: "n".repeat(3000) })}\r\n`;
const OFF = ON.replace('"headers":true', '"headers":false');
/** What a reader that was led astray takes for a payload, with messages that are none of its own. */
const FORGED = "MSG ok.forged 9 20000";
/** For a race that some forty readers come to see, or two hundred on a single core that others use as well, in milliseconds. */
const LONG = 240_000;
const RACE = publishBlock("ok.race", `body\r\n${FORGED}\r\n`, "body").repeat(1000);

describe("two workloads, one of which turns its headers on and off while the other one publishes some", () => {
  let stand: Stand;
  let floods = true;
  let ended = 0;
  let flood: Promise<void>;

  before(async () => {
    // On a single core Go would run one goroutine at a time, and change over at places where nothing comes in between.
    process.env["GOMAXPROCS"] = "4";
    const config = policy({ rule: { subscribe: { allow: [">"], deny: ["secret.>"] } } });
    stand = await Stand.start({ listeners: { filtered: { filter: { config } } }, nats: { jetStream: false } });
    const accomplice = await RawClient.connect(stand.port(), { tls: await stand.identity(ORDERS_API) });
    await accomplice.handshake();
    flood = (async () => {
      while (floods) {
        await accomplice.send(RACE);
        await sleep(0);
      }
      accomplice.close();
    })();
  });

  after(async () => {
    floods = false;
    await flood;
    await stand.stop();
  });

  /** What a reader receives that subscribes before its CONNECT, which it sends while nats-server has much to deliver to it. */
  async function readAtOnce(publisher: RawClient): Promise<Frame[]> {
    const reader = await RawClient.connect(stand.nats.port);
    await reader.expect("INFO");
    await reader.send(SUBS);
    await sleep(10);
    await Promise.all([publisher.send(RACE), reader.send(ON)]);
    await sleep(20);
    reader.close();
    return reader.untilClosed();
  }

  it("are given by nats-server alone a stream in which what one has published is a line for the other", async () => {
    const publisher = await RawClient.connect(stand.nats.port);
    await publisher.handshake();
    let frames: Frame[] = [];
    const end = performance.now() + LONG;
    while (!linesOf(frames).includes(FORGED) && performance.now() < end) frames = await readAtOnce(publisher);
    publisher.close();
    assert.ok(linesOf(frames).includes(FORGED));
  });

  for (const [name, bytes] of [
    ["on in a first CONNECT behind a SUB", [SUBS, ON]],
    ["off in a further CONNECT", [CONNECT + SUBS, OFF]],
    ["on in a further CONNECT, behind one that has ended all subscriptions", [OFF + SUBS, OFF + SUBS, ON]],
  ] as const) {
    it(`are not, through the filter: turning headers ${name} ends the connection`, async () => {
      const reader = await RawClient.connect(stand.port(), { tls: await stand.identity(ORDERS_API) });
      await reader.expect("INFO");
      for (const some of bytes) {
        await reader.send(some);
        await sleep(10);
      }
      const frames = await reader.untilClosed();
      const lines = linesOf(frames);
      assert.ok(!lines.includes(FORGED));
      // nats-server's last text may be lost behind so much that waits for the reader.
      const errors = { kind: "headers_changed" };
      ended++;
      await stand.envoy.waitForStat("istio_nats_protocol_errors_total", errors, (count) => count === ended);
    });
  }
});
