import type { Source } from "../manifests/source.ts";
import { UsageFault } from "../usage-fault.ts";

/** What a command looks for and accepts, in its own words. */
interface Wanted {
  /** `Kubernetes object`. */
  what: string;
  /** What to give instead, unless the files suggest something more exact. */
  remedy: string;
  /** What to do with a chart. */
  chartRemedy: string;
}

/** There was nothing to judge. That must not look like success: the command before the pipe may have failed. */
export function nothingJudged(
  names: readonly string[],
  sources: readonly Source[],
  { what, remedy, chartRemedy }: Wanted,
): UsageFault {
  const files = names.map((name) => (name === "-" ? "<stdin>" : name)).join(", ");
  const isEmpty = sources.every(({ text, helmTemplate }) => text.trim() === "" && !helmTemplate);
  const isChart = sources.some(({ helmTemplate }) => helmTemplate);
  const instead = isEmpty
    ? "it is empty; check whether the command that wrote it failed"
    : isChart
      ? chartRemedy
      : remedy;
  return new UsageFault(`found no ${what} in ${files}, so nothing was judged: ${instead}`);
}
