import type { Source } from "../manifests/source.ts";
import { UsageFault } from "../usage-fault.ts";

/** What a command looks for, and what it takes, in its own words. */
interface Wanted {
  /** `object of Kubernetes`. */
  what: string;
  /** What to give instead, where the files tell no better. */
  remedy: string;
}

/** There was nothing to judge. That must not look like a good end: the command before the pipe may have failed. */
export function nothingJudged(
  names: readonly string[],
  sources: readonly Source[],
  { what, remedy }: Wanted,
): UsageFault {
  const files = names.map((name) => (name === "-" ? "<stdin>" : name)).join(", ");
  return new UsageFault(`no ${what} is in ${files}, so nothing was judged: ${remedyFor(sources) ?? remedy}`);
}

function remedyFor(sources: readonly Source[]): string | undefined {
  if (sources.some(({ helmTemplate }) => helmTemplate))
    return "render the chart first: helm template RELEASE CHART | istio-nats doctor -";
  return sources.every(({ text }) => text.trim() === "")
    ? "it is empty, see whether what wrote it has failed"
    : undefined;
}
