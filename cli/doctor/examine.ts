import { resolve } from "node:path";
import type { Filter } from "../filter-host.ts";
import { byPosition } from "../manifests/place.ts";
import type { Field } from "../manifests/field.ts";
import type { Manifests, ReadProblem } from "../manifests/manifests.ts";
import { EMPTY_FILE, readManifests } from "../manifests/read.ts";
import { remedyText } from "../manifests/rendering.ts";
import type { Source } from "../manifests/source.ts";
import { Mesh, type MeshOptions } from "../mesh/mesh.ts";
import { isPolicy } from "../mesh/plugin.ts";
import { isChartValues, ownValues } from "../policy/chart-values.ts";
import type { Finding } from "./finding.ts";
import type { Patient } from "./family.ts";
import { FAMILIES } from "./table.ts";
import { withUnfilledLines } from "./unfilled-lines.ts";
import { withWholeCharts } from "./whole-charts.ts";

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
    const rendered = remedyText({ by: `helm template RELEASE CHART --values ${file}` }, "doctor");
    const remedy = `render the chart with them: ${rendered}; to check only the policy: istio-nats check ${file}`;
    return { message: "these are chart values, not a Kubernetes object", remedy };
  }
  const message = "this file has no Kubernetes object";
  return documents.some(isPolicy)
    ? { message, remedy: `for a policy by itself: istio-nats check ${file}` }
    : { message };
}

/** Judges the sources as one mesh. */
export function examine(sources: readonly Source[], filter: Filter, options: ExamineOptions): Diagnosis {
  const manifests: Manifests = { resources: [], others: [], problems: [], patchFiles: [] };
  const read = sources.map((source) => ({ source, ...readManifests(source, options.namespace) }));
  const patchFiles = new Set(read.flatMap((one) => one.patchFiles));
  for (const { source, resources, others, problems } of read) {
    // What a patch leaves out is in the object that it is for. The kustomization has been told that it is not judged.
    const isPatch = patchFiles.has(resolve(source.file));
    if (!isPatch) manifests.resources.push(...resources);
    manifests.others.push(...others);
    manifests.problems.push(...problems.filter(({ kind }) => !isPatch || kind !== "kustomization"));
    if (source.named && !isPatch && resources.length + problems.length === 0)
      manifests.problems.push({
        kind: "no-object",
        place: { file: source.file, line: 1, column: 1 },
        ...strangeText(source, others),
      });
  }
  const mesh = new Mesh(manifests.resources, options);
  const { isNamespaceGiven } = options;
  const patient: Patient = { command: "doctor", mesh, manifests, filter, isNamespaceGiven };
  const found = FAMILIES.flatMap((family) => family.examine(patient));
  const findings = withWholeCharts(withUnfilledLines(found, sources), sources, "doctor");
  const order = new Map(sources.map(({ file }, index) => [file, index]));
  const fileOf = ({ place }: Finding): number => order.get(place.file) ?? 0;
  findings.sort((a, b) => fileOf(a) - fileOf(b) || byPosition(a.place, b.place));
  return { findings, resources: manifests.resources.length };
}
