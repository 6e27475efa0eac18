import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AuditRecord } from "../stand/audit.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";
import { ORDERS_API, shopPolicy } from "./policy.ts";

const REFUSALS = 5_000;
const BURST = 20;
const PER_SECOND = 2;

function isRefusal({ event }: AuditRecord): boolean {
  return event === "refused";
}

/** What the records say was left out before each of them. */
function suppressedIn(records: readonly AuditRecord[]): number {
  return records.reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0);
}

describe("audit records under a flood of refusals", () => {
  let stand: Stand;

  before(async () => {
    const audit = { refusalsPerSecond: PER_SECOND, burst: BURST };
    stand = await Stand.start({ listeners: { mtls: { filter: { config: { ...shopPolicy, audit } } } } });
  });

  after(() => stand.stop());

  async function flood(count: number): Promise<number> {
    const client = await RawClient.connect((await stand.sidecar(ORDERS_API)).port, { timeout: 3 * PATIENCE });
    await client.handshake();
    await client.send("PUB billing.a 2\r\nhi\r\n".repeat(count));
    const refusals = (await client.flush()).filter(({ verb }) => verb === "-ERR");
    client.close();
    return refusals.length;
  }

  it("are limited; they count what is left out, and every refusal is still answered and counted in the stats", async () => {
    const began = performance.now();
    assert.equal(await flood(REFUSALS), REFUSALS);
    await stand.envoy.waitForStat("istio_nats_refusals_total", { operation: "PUB" }, (count) => count === REFUSALS);
    // If no further record comes, the tick reports what was left out last.
    await waitFor("the audit adds up", () => {
      const records = stand.audit();
      return records.filter(isRefusal).length + suppressedIn(records) === REFUSALS;
    });
    const seconds = (performance.now() - began) / 1000;
    const written = stand.audit().filter(isRefusal).length;
    assert.ok(written >= BURST, `${written} records of a burst of ${BURST}`);
    assert.ok(written <= BURST + PER_SECOND * (seconds + 1), `${written} records in ${seconds} s`);
  });

  it("resume after the flood", async () => {
    const before = stand.audit().filter(isRefusal).length;
    await waitFor("a record of a single refusal", async () => {
      await flood(1);
      return stand.audit().filter(isRefusal).length > before;
    });
    const { subject, operation, rule } = stand.audit().filter(isRefusal).at(-1)!;
    assert.deepEqual({ subject, operation, rule }, { subject: "billing.a", operation: "PUB", rule: null });
  });
});
