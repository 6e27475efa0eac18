import assert from "node:assert/strict";
import { it } from "node:test";
import { policy } from "../host/wire.ts";
import { Stand } from "../stand/stand.ts";

const CHANGES = 100;
/** Milliseconds of idleness that are looked at: six ticks. */
const IDLE = 3000;

it("an idle proxy wakes up no more often after a hundred changes of its policy, whose root contexts are gone", async () => {
  const filter = (change: number): { config: object } => ({ config: policy({ audit: { burst: change + 1 } }) });
  const stand = await Stand.start({ listeners: { mtls: { filter: filter(0) } }, serverProxy: { concurrency: 2 } });
  try {
    const first = await stand.proxy.wakeUps(IDLE);
    for (let change = 1; change <= CHANGES; change++) assert.equal(await stand.update(filter(change)), "ACCEPTED");
    const last = await stand.proxy.wakeUps(IDLE);
    // Not even once for each of them, who would tick six times in each worker.
    assert.ok(last < first + CHANGES, `${first} times, and then ${last}`);
  } finally {
    await stand.stop();
  }
});
