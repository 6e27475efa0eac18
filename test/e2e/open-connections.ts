import assert from "node:assert/strict";
import { sum } from "../stand/prometheus.ts";
import type { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";

export const OPENED = "istio_nats_connections_opened_total";
const CLOSED = "istio_nats_connections_closed_total";

/**
 * Waits until this many connections of these listeners are open, both by the filter, which counts what it opens and closes, and by
 * Envoy's connections to nats-server. No other listener with a filter may have a connection.
 */
export async function waitForOpen(stand: Stand, listeners: Record<string, number>): Promise<void> {
  const wanted = Object.values(listeners).reduce((all, count) => all + count, 0);
  let open = NaN;
  await waitFor(
    `${wanted} open connections`,
    async () => {
      // From one answer, so that both counts are from the same moment.
      const samples = await stand.envoy.samples();
      open = sum(samples, OPENED) - sum(samples, CLOSED);
      return open === wanted;
    },
    { explain: () => `${open} are open\n${stand.envoy.explain()}` },
  );
  for (const [listener, count] of Object.entries(listeners)) {
    const stat = `cluster.nats-${listener}.upstream_cx_active`;
    assert.equal(await stand.envoy.rawStat(stat), count, stat);
  }
}
