import { heldUp } from "../stand/server-proxy.ts";
import type { Stand } from "../stand/stand.ts";

/** How long a change of a policy may take to reach every open connection, in milliseconds. */
export const IN_FORCE = 2000;

/**
 * Measures from now on how long a change takes, in milliseconds, on Linux. `waited` is how much of that one thread was ready and
 * had no core: of Envoy's main thread, its workers and this process, through which a change goes, the one that had to wait longest.
 */
export function stopwatch({ envoy, proxy }: Stand): () => { took: number; waited: number } {
  const [began, workers] = [performance.now(), proxy.workers()];
  const main = (pid: number): number => heldUp(`/proc/${pid}/task/${pid}`);
  const waits = (): number[] => [main(process.pid), main(envoy.pid), ...workers.map(heldUp)];
  const before = waits();
  return () => ({
    took: performance.now() - began,
    waited: Math.max(...waits().map((wait, i) => wait - before[i]!)),
  });
}
