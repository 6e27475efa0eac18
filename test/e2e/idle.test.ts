import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { policy } from "../host/wire.ts";
import { Stand } from "../stand/stand.ts";

const CHANGES = 100;
/** Milliseconds of idleness that are looked at: six ticks. */
const IDLE = 3000;

/** How often the workers of an idle proxy have woken up meanwhile. */
async function wakeUps({ proxy }: Stand): Promise<number> {
  const before = proxy.wakeUps();
  await sleep(IDLE);
  return proxy.wakeUps() - before;
}

it("an idle proxy wakes up no more often after a hundred changes of its policy, whose root contexts are gone", async () => {
  const filter = (change: number): { config: object } => ({ config: policy({ audit: { burst: change + 1 } }) });
  const stand = await Stand.start({ listeners: { mtls: { filter: filter(0) } }, serverProxy: { concurrency: 2 } });
  try {
    const first = await wakeUps(stand);
    for (let change = 1; change <= CHANGES; change++) assert.equal(await stand.update(filter(change)), "ACCEPTED");
    const last = await wakeUps(stand);
    // Not even once for each of them, who would tick six times in each worker.
    assert.ok(last < first + CHANGES, `${first} times, and then ${last}`);
  } finally {
    await stand.stop();
  }
});
