/** Nodes and entries that one search for overlaps visits. A search that needs more is given up and counts as a find. */
export const MAX_STEPS: i32 = 1024;
/**
 * Steps of all searches of one callback together. A client can write 87,000 lines into 1 MiB, each of which needs a search of
 * MAX_STEPS; this is 1,024 such searches, some 25 ms.
 */
export const STEPS_AT_ONCE: i32 = 1024 * MAX_STEPS;
/**
 * A step hashes or compares a token of the pattern, which takes longer for a longer one: a step counts once, and once more for
 * each so many bytes of the pattern.
 */
const BYTES_OF_STEP: i32 = 64;
let stepsLeft: i32 = STEPS_AT_ONCE;

/** Gives the searches that follow all their steps again. To be called when a callback begins. */
export function renewSteps(): void {
  stepsLeft = STEPS_AT_ONCE;
}

/** May a further search begin? */
export function hasStepsLeft(): bool {
  return stepsLeft > 0;
}

/**
 * Gives the searches that follow `steps` instead of those that are left, which it answers: for searches that are not the client's doing.
 * To be called behind them with what it has answered; it then answers what they have left of `steps`.
 */
export function swapSteps(steps: i32): i32 {
  const left = stepsLeft;
  stepsLeft = steps;
  return left;
}

/** A search for a pattern of so many bytes has made `steps`; those of one for queues do not depend on that. */
export function spendSteps(steps: i32, patternLength: i32): void {
  stepsLeft -= steps * (1 + patternLength / BYTES_OF_STEP);
}
