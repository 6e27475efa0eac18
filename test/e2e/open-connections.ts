import { isDeepStrictEqual } from "node:util";
import { sum } from "../stand/prometheus.ts";
import type { RawClient } from "../stand/raw-client.ts";
import type { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";

export const OPENED = "istio_nats_connections_opened_total";
const CLOSED = "istio_nats_connections_closed_total";

/**
 * Waits until this many connections of these listeners are open, both by the filter, which counts what it opens and closes, and by
 * Envoy's connections to nats-server, which Envoy counts a moment before or after. No other listener with a filter may have a
 * connection.
 */
export async function waitForOpen(stand: Stand, listeners: Record<string, number>): Promise<void> {
  const wanted = Object.values(listeners).reduce((all, count) => all + count, 0);
  let open = NaN;
  const upstream: Record<string, number> = {};
  await waitFor(
    `${wanted} open connections`,
    async () => {
      // From one answer, so that both counts are from the same moment.
      const samples = await stand.envoy.samples();
      open = sum(samples, OPENED) - sum(samples, CLOSED);
      for (const listener of Object.keys(listeners)) {
        upstream[listener] = await stand.envoy.rawStat(`cluster.nats-${listener}.upstream_cx_active`);
      }
      return open === wanted && isDeepStrictEqual(upstream, listeners);
    },
    { explain: () => `${open} are open, and upstream ${JSON.stringify(upstream)}\n${stand.envoy.explain()}` },
  );
}

/** Opens so many connections, a hundred at a time: Envoy gives up those for which nobody has had a core in ten seconds. */
export async function inBatches(count: number, open: () => Promise<RawClient>): Promise<RawClient[]> {
  const opened: RawClient[] = [];
  while (opened.length < count) {
    opened.push(...(await Promise.all(Array.from({ length: Math.min(100, count - opened.length) }, open))));
  }
  return opened;
}
