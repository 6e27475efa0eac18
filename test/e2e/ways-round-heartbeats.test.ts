import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildGo } from "../../tools/go.ts";
import { inRoot } from "../../tools/paths.ts";
import { pythonPackages } from "../../tools/python.ts";
import { waitFor } from "../stand/wait.ts";
import { RemoteClient } from "./clients/remote.ts";
import { errorsOf, publishBlock, refusedPublish, Town, type Route } from "./ways-round.ts";

/**
 * Each with blocks, without their empty line, that it alone reads as a heartbeat which asks its reader to publish to SECRET. Of the last
 * ones that is so of what JetStream stores: it takes a status away up to the first CR.
 */
const LIBRARIES = {
  "nats.go": {
    start: async () => new RemoteClient(await buildGo("test/e2e/clients/go")),
    blocks: [
      "NATS/1.0\r\nStatus: 100\r\nDescription: Idle Heartbeat\r\nA: b\nNats-Consumer-Stalled: SECRET",
      "NATS/1.0 x\r 100 Idle Heartbeat\r\nA: b\nNats-Consumer-Stalled: SECRET",
    ],
  },
  "nats-py": {
    start: async () =>
      new RemoteClient("python3", [inRoot("test/e2e/clients/python/client.py")], {
        PYTHONPATH: await pythonPackages("clients", "nats-py"),
      }),
    blocks: [
      "NATS/1.0\r\nStatus: 100\r\nDescription: Idle Heartbeat\r\nNats-Consumer-Stalled : SECRET",
      "NATS/1.0 x\r.Status: 100\r\nDescription: Idle Heartbeat\r\nNats-Consumer-Stalled : SECRET",
    ],
  },
};

for (const [name, { start, blocks }] of Object.entries(LIBRARIES)) {
  /** It first shows that the way works (ways-round.test.ts). */
  describe(`ways round a subject policy by what ${name} takes for a heartbeat of nats-server's,`, () => {
    let library: RemoteClient;
    after(() => library.stop());
    const town = Town.ofSuite();
    before(async () => (library = await start()));

    /**
     * The library watches the keys of the bucket, as the operator, and mallory writes one. Returns the errors that mallory receives, what
     * the library has published below `secret.`, and the key that it sees next. A bucket is for one beat only: nats-server 2.15.2 can find
     * messages of a stream that was deleted just before in the next one of its name.
     */
    async function beat(
      bucket: string,
      route: Route,
      block: string,
    ): Promise<{ errors: string[]; secret: string | undefined; key: string | undefined }> {
      const reader = await library.connect({ url: `nats://127.0.0.1:${town.stand.nats.port}` });
      await reader.createBucket(bucket);
      const watch = await reader.watchKeys(bucket);
      const mallory = await town.connect("mallory", route);
      const headers = `${block.replace("SECRET", `secret.${route}`)}\r\n\r\n`;
      const errors = await errorsOf(mallory, publishBlock(`$KV.${bucket}.mine`, headers, ""));
      await reader.putKey(bucket, "other", "x");
      let secret: string | undefined;
      let key: string | undefined;
      // Where nothing comes it ends with the library.
      void watch.take(1).then(
        ([first]) => (key = first!.key),
        () => undefined,
      );
      // What its reader is asked to do comes before the next key.
      await waitFor("a secret or a key", async () => {
        secret ??= (await town.secrets()).find((line) => line.includes(route));
        return secret !== undefined || key !== undefined;
      });
      await reader.close();
      return { errors, secret, key };
    }

    for (const [i, block] of blocks.entries()) {
      it(`${JSON.stringify(block)}: its reader publishes nothing for who may not publish that, and misses nothing`, async () => {
        const published = (route: Route): string => `MSG secret.${route} 1 0 `;
        const secret = published("alone");
        assert.deepEqual(await beat(`alone${i}`, "alone", block), { errors: [], secret, key: undefined });
        const errors = refusedPublish(`$KV.filtered${i}.mine`);
        assert.deepEqual(await beat(`filtered${i}`, "filtered", block), { errors, secret: undefined, key: "other" });
      });
    }
  });
}
