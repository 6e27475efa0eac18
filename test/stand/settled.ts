import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { waitFor, type WaitOptions } from "./wait.ts";

/** Longer than two ticks of the filter (500 ms each), with which its counts reach Envoy. */
const TWO_TICKS = 1100;

/**
 * What `read` reads of Envoy's stats, once all counts so far have reached them: when two ticks brought nothing more. Without that an
 * earlier test's connections, whose ends Envoy has yet to notice, would change it later. A worker gives its counts one by one, too,
 * and a busy machine may preempt it in between.
 */
export async function settled<T>(read: () => Promise<T>, options?: WaitOptions): Promise<T> {
  let last = await read();
  const stays = async (): Promise<T | false> => {
    await sleep(TWO_TICKS);
    const former = last;
    last = await read();
    return isDeepStrictEqual(last, former) && last;
  };
  return waitFor("counts that stay", stays, options);
}
