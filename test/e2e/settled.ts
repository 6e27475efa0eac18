import { setTimeout as sleep } from "node:timers/promises";
import type { Envoy } from "../stand/envoy.ts";

/** Longer than two ticks of the filter (500 ms each), with which its counts reach Envoy. */
const TWO_TICKS = 1100;

/**
 * A stat, summed as `Envoy.stat` does, once all counts so far have reached Envoy: when two ticks brought nothing more. Without that
 * an earlier test's connections, whose ends Envoy has yet to notice, would change it later.
 */
export async function settled(envoy: Envoy, name: string, labels: Record<string, string> = {}): Promise<number> {
  for (let last = await envoy.stat(name, labels); ;) {
    await sleep(TWO_TICKS);
    const now = await envoy.stat(name, labels);
    if (now === last) return now;
    last = now;
  }
}
