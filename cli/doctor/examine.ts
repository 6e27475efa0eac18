import type { Filter } from "../filter-host.ts";
import { byPosition, placeText } from "../manifests/place.ts";
import type { Field } from "../manifests/field.ts";
import { EMPTY_FILE, readManifests, type Manifests, type ReadProblem } from "../manifests/read.ts";
import type { Source } from "../manifests/source.ts";
import { Mesh, type MeshOptions } from "../mesh/mesh.ts";
import { isPolicy } from "../mesh/plugin.ts";
import { isChartValues, ownValues } from "../policy/chart-values.ts";
import type { Finding } from "./finding.ts";
import { CHECKS, FAMILIES } from "./table.ts";

export interface ExamineOptions extends MeshOptions {
  /** The namespace of objects that do not name one. */
  namespace: string;
  /** Whether that namespace was given, not assumed. */
  isNamespaceGiven?: boolean;
}

export interface Diagnosis {
  /** Sorted by file in the order of the sources, then by position. */
  findings: Finding[];
  resources: number;
}

/** What a file without any object holds instead. */
function strangeText({ file, text }: Source, documents: readonly Field[]): Pick<ReadProblem, "message" | "remedy"> {
  if (text.trim() === "") return EMPTY_FILE;
  if (documents.flatMap(ownValues).some(isChartValues)) {
    const rendered = `helm template RELEASE CHART --values ${file} | istio-nats doctor -`;
    const remedy = `render the chart with them: ${rendered}; to check only the policy: istio-nats check ${file}`;
    return { message: "these are chart values, not a Kubernetes object", remedy };
  }
  const message = "this file has no Kubernetes object";
  return documents.some(isPolicy)
    ? { message, remedy: `for a policy by itself: istio-nats check ${file}` }
    : { message };
}

/** Why something that was given was not judged, and may hold what other findings miss. */
const UNREAD: ReadonlySet<ReadProblem["kind"]> = new Set([
  "syntax",
  "too-large",
  "aliases",
  "helm-template",
  "kustomization",
  "object-incomplete",
]);

/** A finding with a remedy of its own says what it is about, and that is there. */
function afterReading(finding: Finding, { place }: ReadProblem): Finding {
  const check = CHECKS.get(finding.id);
  if (check?.isOfAbsence !== true || !finding.remedy.endsWith(check.remedy)) return finding;
  const remedy = `look at ${placeText(place)} first, which could not be judged and may hold it; otherwise ${finding.remedy}`;
  return { ...finding, remedy };
}

/** Judges the sources as one mesh. */
export function examine(sources: readonly Source[], filter: Filter, options: ExamineOptions): Diagnosis {
  const manifests: Manifests = { resources: [], others: [], problems: [] };
  for (const source of sources) {
    const { resources, others, problems } = readManifests(source, options.namespace);
    manifests.resources.push(...resources);
    manifests.others.push(...others);
    manifests.problems.push(...problems);
    if (source.named && resources.length + problems.length === 0)
      manifests.problems.push({
        kind: "no-object",
        place: { file: source.file, line: 1, column: 1 },
        ...strangeText(source, others),
      });
  }
  const mesh = new Mesh(manifests.resources, options);
  const { isNamespaceGiven } = options;
  const unread = manifests.problems.find(({ kind }) => UNREAD.has(kind));
  const found = FAMILIES.flatMap((family) => family.examine({ mesh, manifests, filter, isNamespaceGiven }));
  const findings = unread ? found.map((finding) => afterReading(finding, unread)) : found;
  const order = new Map(sources.map(({ file }, index) => [file, index]));
  const fileOf = ({ place }: Finding): number => order.get(place.file) ?? 0;
  findings.sort((a, b) => fileOf(a) - fileOf(b) || byPosition(a.place, b.place));
  return { findings, resources: manifests.resources.length };
}
