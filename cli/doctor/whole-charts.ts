import { remedyText, type CommandName } from "../manifests/rendering.ts";
import type { Source } from "../manifests/source.ts";
import type { Finding } from "./finding.ts";

/** Says once for each chart, not once for each of its templates, that it is to be rendered. */
export function withWholeCharts(
  findings: readonly Finding[],
  sources: readonly Source[],
  command: CommandName,
): Finding[] {
  const charts = new Map(sources.flatMap(({ file, chart }) => (chart === undefined ? [] : [[file, chart] as const])));
  const chartOf = ({ id, place }: Finding): string | undefined =>
    id === "helm-template" ? charts.get(place.file) : undefined;
  const counts = new Map<string, number>();
  for (const finding of findings) {
    const chart = chartOf(finding);
    if (chart !== undefined) counts.set(chart, (counts.get(chart) ?? 0) + 1);
  }
  return findings.flatMap((finding) => {
    const chart = chartOf(finding);
    if (chart === undefined) return [finding];
    const count = counts.get(chart);
    counts.delete(chart);
    if (count === undefined) return [];
    const templates = count === 1 ? "a template" : `${count} templates`;
    const message = `${templates} of the Helm chart ${chart} ${count === 1 ? "is" : "are"} not judged`;
    return [{ ...finding, message, remedy: remedyText({ by: `helm template RELEASE ${chart}` }, command) }];
  });
}
