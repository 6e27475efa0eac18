/** What a failing case of steps says: the problem, what else the case is made of, the steps, and the seed. */
export function failureText(problem: string, facts: object, steps: readonly unknown[], seed: number): string {
  const rest = Object.entries(facts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  // Long runs of one byte are shown in short.
  const lines = steps.map(
    (step) => `  ${JSON.stringify(step).replace(/(.)\1{60,}/g, (run, one) => `${one}{${run.length}}`)}`,
  );
  return [problem, ...rest, ...lines, `seed: ${seed}`].join("\n");
}
