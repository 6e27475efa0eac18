import { type Estimate, estimatePairs, median } from "../statistics.ts";
import { driverFor, labelOf, passOver, prove, selectedCases, stepsOf } from "./frames.ts";
import { alternate, type Task } from "./measure.ts";

/** One kind of frame in two builds. */
export interface BuildRow {
  label: string;
  /** Nanoseconds for each frame, host included: medians of the rounds. */
  median: number;
  other: number;
  /** This build's time divided by the other's in the same round. */
  ratio: Estimate;
}

/**
 * Measures all cases whose label contains `only` in two builds, which take turns in one process. So both have the same spells of
 * the machine: where its clock changes by a third, ratios still differ by less than a hundredth, unlike those of two runs.
 */
export function measureBuilds(
  module: WebAssembly.Module,
  other: WebAssembly.Module,
  only: string,
  rounds: number,
  policy: object,
): BuildRow[] {
  const prepared = selectedCases(only, policy).flatMap(({ frameCase, chunks, applied }) => {
    const { stream, anew } = frameCase;
    const drivers = [module, other].map((build) => driverFor(build, frameCase, applied));
    return chunks.map((chunk) => {
      for (const build of [module, other]) prove(build, frameCase, chunk, applied);
      const steps = stepsOf(stream, chunk);
      const tasks: Task[] = drivers.map((driver) => ({
        units: stream.ends.length,
        pass: passOver(driver, stream, steps, anew),
      }));
      return { label: labelOf(frameCase, chunk), tasks };
    });
  });
  const timings = alternate(
    prepared.flatMap(({ tasks }) => tasks),
    rounds,
  );
  return prepared.map(({ label }, i) => {
    const [one = [], two = []] = timings.slice(2 * i, 2 * i + 2).map(({ times }) => times);
    return { label, median: median(one), other: median(two), ratio: estimatePairs(one, two, (a, b) => a / b) };
  });
}
