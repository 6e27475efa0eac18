import type { Source } from "../manifests/source.ts";
import { UsageFault } from "../usage-fault.ts";

/** What a command looks for, and what it takes, in its own words. */
interface Wanted {
  /** `object of Kubernetes`. */
  what: string;
  /** What to give instead, where the files tell no better. */
  remedy: string;
  /** What to do with a chart. */
  chartRemedy: string;
}

/** There was nothing to judge. That must not look like a good end: the command before the pipe may have failed. */
export function nothingJudged(
  names: readonly string[],
  sources: readonly Source[],
  { what, remedy, chartRemedy }: Wanted,
): UsageFault {
  const files = names.map((name) => (name === "-" ? "<stdin>" : name)).join(", ");
  const isEmpty = sources.every(({ text, helmTemplate }) => text.trim() === "" && !helmTemplate);
  const isChart = sources.some(({ helmTemplate }) => helmTemplate);
  const instead = isEmpty ? "it is empty, see whether what wrote it has failed" : isChart ? chartRemedy : remedy;
  return new UsageFault(`no ${what} is in ${files}, so nothing was judged: ${instead}`);
}
