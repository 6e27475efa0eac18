/**
 * The numbers of rounds after which the targets are looked at. Each look is another chance for noise to seem certain, so there are
 * few looks, and none after the last. A test bounds how often a target at the true median is called certain.
 */
export const LOOKS: readonly number[] = [5, 10, 20, 40, 60];

/** With fewer rounds than this nothing is certain, however well they agree. */
export const LEAST_ROUNDS = 5;

/** The looks that are left after the first rounds, each as the total number of rounds by then. */
export function looksAfter(rounds: number): number[] {
  return LOOKS.filter((look) => look > rounds);
}
