import { setTimeout as sleep } from "node:timers/promises";
import type { Envoy } from "../stand/envoy.ts";
import type { Sample } from "../stand/prometheus.ts";
import { HISTORY, Screen } from "./dashboard-screen.ts";
import { Errands } from "./errands.ts";
import { interrupted } from "./interrupted.ts";
import type { Stage } from "./scenes.ts";

/** Two of the ticks on which the filter hands its counts to Envoy. */
const PERIOD = 1_000;

const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** A terminal is drawn over, so that nothing flickers. In a file or a pipe, one screen follows another. */
function show(lines: readonly string[]): void {
  const text = process.stdout.isTTY
    ? HOME + lines.map((line) => `${line}${CLEAR_LINE}\n`).join("") + CLEAR_BELOW
    : `${lines.join("\n")}\n\n`;
  process.stdout.write(text);
}

interface Look {
  samples: Sample[];
  /** Milliseconds on this process's clock. */
  at: number;
}

/** Reads Envoy's stats once per period, until Ctrl-C. */
async function* looksAt(envoy: Envoy): AsyncGenerator<Look> {
  const stop = new AbortController();
  const isStopped = (): boolean => stop.signal.aborted;
  void interrupted().then(() => stop.abort());
  const pause = (): Promise<void> => sleep(PERIOD, undefined, { signal: stop.signal }).catch(() => undefined);
  while (!isStopped()) {
    try {
      yield { samples: await envoy.samples(), at: performance.now() };
    } catch (error) {
      // Ctrl-C in a terminal also ends Envoy, perhaps in the middle of its answer and before this process notices.
      await pause();
      if (!isStopped()) throw error;
    }
    await pause();
  }
}

/** Keeps the cast at work, and shows every second what Envoy's admin port says about it, until Ctrl-C. */
export async function dashboard({ stand, sidecars }: Stage): Promise<void> {
  const errands = await Errands.start(sidecars);
  const screen = new Screen();
  const durations = `p50 and p99 are of the last ${(HISTORY * PERIOD) / 1_000} seconds`;
  const source = `http://${stand.envoy.adminAddress}/stats/prometheus, every second until Ctrl-C`;
  if (process.stdout.isTTY) process.stdout.write(HOME + CLEAR_BELOW);
  try {
    const past: Look[] = [];
    for await (const now of looksAt(stand.envoy)) {
      const [earlier, before] = [past[0], past.at(-1)];
      if (earlier && before) {
        const seconds = (now.at - before.at) / 1000;
        const looks = { earlier: earlier.samples, before: before.samples, now: now.samples, seconds };
        show([...screen.draw(looks), "", durations, source]);
      }
      past.push(now);
      if (past.length > HISTORY) past.shift();
    }
  } finally {
    await errands.stop();
  }
}
