/** What a failing case of steps says: the problem, the nanoseconds between two looks at the clock, the steps, and the seed. */
export function failureText(problem: string, clockStep: number, steps: readonly unknown[], seed: number): string {
  const lines = steps.map((step) => `  ${JSON.stringify(step)}`);
  return [problem, `clock step: ${clockStep} ns`, ...lines, `seed: ${seed}`].join("\n");
}
