/**
 * After how many rounds the targets are looked at. Each look is another chance for the noise to seem certain, so there are few
 * of them, and none after the last: a test bounds how often a target at the true median is called certain.
 */
export const LOOKS: readonly number[] = [5, 10, 20, 40, 60];

/** Of fewer rounds nothing is certain, however well they agree. */
export const LEAST_ROUNDS = 5;

/** The looks that are left after the first rounds, each with how many rounds there are by then. */
export function looksAfter(rounds: number): number[] {
  return LOOKS.filter((look) => look > rounds);
}
