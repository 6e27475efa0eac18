import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { RemoteClient } from "../e2e/clients/remote.ts";
import { errorsOf, publishBlock, refusedPublish, Town, type Route } from "../e2e/ways-round.ts";
import { waitFor } from "../stand/wait.ts";
import { openJnats } from "./ends.ts";

/**
 * Header blocks without their empty line. To a push consumer with flow control jnats 2.26 takes every message of any status for
 * nats-server's, and publishes to what `Nats-Consumer-Stalled` names. It compares no dash behind `Nats`, and strips names.
 */
const BLOCKS = [
  "NATS/1.0 404 x\r\nNats_Consumer-Stalled: SECRET",
  "NATS/1.0 404 x\r\nNats-Consumer-Stalled : SECRET",
  "NATS/1.0 +100 Idle Heartbeat\r\n\tNats-Consumer-Stalled: SECRET",
];

/** Each test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy by what jnats takes for nats-server's word to a push consumer,", () => {
  let library: RemoteClient;
  after(() => library.stop());
  const town = Town.ofSuite();
  before(async () => (library = await openJnats()));

  /**
   * The library reads a stream as the operator by a push consumer, and mallory publishes to the subject on which that delivers.
   * Returns the errors that mallory receives, and what the library has published below `secret.`.
   */
  async function stall(route: Route, block: string): Promise<{ errors: string[]; secrets: string[] }> {
    await town.stream("JOBS", ["jobs.>"]);
    const reader = await library.connect({ url: `nats://127.0.0.1:${town.stand.nats.port}` });
    const pushed = reader.push("JOBS", "ok.deliver", 1);
    await waitFor("the consumer has its reader", async () => {
      const { consumers } = await town.api<{ consumers: { push_bound?: boolean }[] }>("CONSUMER.LIST.JOBS");
      return consumers.some((consumer) => consumer.push_bound);
    });
    const mallory = await town.connect("mallory", route);
    const headers = `${block.replace("SECRET", `secret.${route}`)}\r\n\r\n`;
    const errors = await errorsOf(mallory, publishBlock("ok.deliver", headers, ""));
    await town.store("jobs.a", "x");
    // What the reader is asked to do comes before the job.
    assert.equal((await pushed).unacknowledged, 0);
    const secrets = await town.secrets();
    await reader.close();
    return { errors, secrets };
  }

  for (const block of BLOCKS) {
    it(`${JSON.stringify(block)}: its reader publishes nothing for who may not publish that`, async () => {
      assert.deepEqual(await stall("alone", block), { errors: [], secrets: ["MSG secret.alone 1 0 "] });
      assert.deepEqual(await stall("filtered", block), { errors: refusedPublish("ok.deliver"), secrets: [] });
    });
  }
});
