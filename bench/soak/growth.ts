import { median } from "../statistics.ts";

/** What may grow in hours, and is looked at after each round, when nothing is under way. */
export interface Held {
  /** Bytes of memory of Envoy that are in the machine. */
  resident: number;
  /** Of these, bytes that no other process can share. */
  own: number;
  /** Bytes of the linear memories of Wasm that were ever written to. */
  wasm: number;
  /** Bytes that Envoy has allocated itself. */
  allocated: number;
  /** Of these, what is beyond the Envoy that takes the same configurations with an empty filter (twins.ts). */
  beyondTwin: number;
  /** Bytes that Envoy's allocator keeps for later, in caches and as free pages. */
  spare: number;
  /** Series of `/stats/prometheus`. */
  stats: number;
  /** Virtual machines. */
  vms: number;
  /** How often the workers wake up in an idle second. */
  wakeUps: number;
  /** Open files, sockets among them. */
  files: number;
}

const PLATEAU = 1.02;

/**
 * By what factor a third of the rounds may have more than the third before it. What Envoy has allocated is only shown, since Envoy
 * keeps something of each configuration, and so is what it keeps for later. An idle second has some 35 wake-ups, give or take a tenth;
 * the ticks of a hundred former configurations would be hundreds.
 */
const BOUNDS: Record<keyof Held, number> = {
  resident: PLATEAU,
  own: PLATEAU,
  wasm: PLATEAU,
  allocated: Infinity,
  beyondTwin: PLATEAU,
  spare: Infinity,
  stats: PLATEAU,
  vms: PLATEAU,
  wakeUps: 1.5,
  files: PLATEAU,
};

export const HELD = Object.keys(BOUNDS) as readonly (keyof Held)[];

/** So many rounds, or lives of VMs, can be judged. */
export const LEAST = 9;

export interface Growth {
  what: keyof Held;
  /** The median of the second third of the rounds, and of the last one. */
  second: number;
  last: number;
  isPlateau: boolean;
}

/** Compares the last third of the rounds with the one before it. The first third is for tables and caches to fill. */
function growthOf(rounds: readonly Held[]): Growth[] {
  const third = Math.floor(rounds.length / 3);
  return HELD.filter((what) => BOUNDS[what] < Infinity).map((what) => {
    const of = (part: readonly Held[]): number => median(part.map((held) => held[what]));
    const [second, last] = [of(rounds.slice(-2 * third, -third)), of(rounds.slice(-third))];
    return { what, second, last, isPlateau: last <= second * BOUNDS[what] };
  });
}

/** What has grown while the same VMs were there, and from their lives to those of the next ones; undefined where that were too few. */
export interface Growths {
  within: Growth[] | undefined;
  between: Growth[] | undefined;
}

/**
 * `lives` are the rounds of the VMs that followed each other. What VMs hold goes with them, so that within a life is looked at by
 * itself: in the longest one. Between lives it is the last round of each.
 */
export function growthsOf(lives: readonly (readonly Held[])[]): Growths {
  const longest = lives.toSorted((a, b) => b.length - a.length)[0] ?? [];
  const ends = lives.flatMap((rounds) => rounds.at(-1) ?? []);
  return {
    within: longest.length < LEAST ? undefined : growthOf(longest),
    between: ends.length < LEAST ? undefined : growthOf(ends),
  };
}
