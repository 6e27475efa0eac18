/** What a whole run has at least. The documents promise ten minutes, and the last rounds may overrun. */
export const WHOLE = { rounds: 5, seconds: 0.25, minutes: 9.3 } as const;

interface Asked {
  rounds: number;
  seconds: number;
  minutes?: number;
  only?: readonly string[];
  setups?: readonly string[];
  beside?: string;
}

/**
 * The options that make a run less than a whole one, or another one. RESULTS.md says what the filter costs until the next run, and
 * the documents quote it, so a glance must not take its place.
 */
export function lessThanWhole(asked: Asked): string[] {
  const other = (["only", "setups", "beside"] as const).filter((name) => asked[name] !== undefined);
  const less = (["rounds", "seconds", "minutes"] as const).filter((name) => (asked[name] ?? WHOLE[name]) < WHOLE[name]);
  return [
    ...other.map((name) => `--${name}`),
    ...less.map((name) => `--${name} ${asked[name] ?? ""} (a whole one has ${WHOLE[name]})`),
  ];
}
