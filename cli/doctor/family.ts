import type { Filter } from "../filter-host.ts";
import type { Manifests, ReadProblem } from "../manifests/manifests.ts";
import { remedyText, type CommandName, type Remedy } from "../manifests/rendering.ts";
import type { Resource } from "../manifests/resource.ts";
import { placeText, type Place } from "../manifests/place.ts";
import { afterFilling, isFilledIn, unfilledRemedy } from "../manifests/unfilled.ts";
import type { Askable } from "../mesh/cluster.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Finding, Severity } from "./finding.ts";

/** The general part of a check's findings. The documentation is made from it. */
export interface Check {
  severity: Severity;
  /** What will happen, in one or two sentences. */
  what: string;
  /** What to do, unless the finding has something more exact. */
  remedy: Remedy;
  /** What it says is not among the files, where a file that could not be read may have it. Of a cluster's it may not have been asked for. */
  missing?: Askable | "a file";
}

export interface Patient {
  /** The command that was asked. */
  command: CommandName;
  mesh: Mesh;
  manifests: Manifests;
  filter: Filter;
  /** Whether the namespace of objects that do not name one was given. */
  isNamespaceGiven?: boolean | undefined;
}

export interface Remedied {
  /** Given if the finding has something more exact than its check. */
  remedy?: Remedy | undefined;
  /** Objects whose namespaces were compared: the fault may be that one of them was only assumed. */
  compared?: readonly Resource[];
}

export type Report<Id extends string> = (id: Id, place: Place, message: string, remedied?: string | Remedied) => void;

/** Checks on one topic. */
export interface Family {
  title: string;
  checks: Readonly<Record<string, Check>>;
  examine(patient: Patient): Finding[];
}

/** Makes a family from its checks and the one function that runs them. `report` accepts only the ids of these checks. */
export function family<Id extends string>(
  title: string,
  checks: Readonly<Record<Id, Check>>,
  run: (patient: Patient, report: Report<Id>) => void,
): Family & { checks: Readonly<Record<Id, Check>> } {
  return {
    title,
    checks,
    examine: (patient) => {
      const findings: Finding[] = [];
      const unread = patient.manifests.problems.find(({ kind }) => UNREAD.has(kind));
      run(patient, (id, place, message, remedied) => {
        const { remedy, compared = [] } = typeof remedied === "string" ? { remedy: remedied } : (remedied ?? {});
        const { severity, remedy: general, missing } = checks[id];
        const isGiven = patient.isNamespaceGiven === true;
        const whole = withNamespace(remedyText(remedy ?? general, patient.command), compared, isGiven);
        // A finding with a remedy of its own says what it is about, and that is there.
        const isMissed = missing !== undefined && remedy === undefined;
        // Another finding says so, and that this was not judged.
        if (isMissed && patient.mesh.unasked?.kinds.some((kind) => kind === missing)) return;
        findings.push({ id, severity, place, message, remedy: isMissed ? afterReading(whole, unread) : whole });
      });
      return findings;
    },
  };
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

function afterReading(remedy: string, unread: ReadProblem | undefined): string {
  if (!unread) return remedy;
  return `look at ${placeText(unread.place)} first, which could not be judged and may hold it; otherwise ${remedy}`;
}

/** Manifests rendered by Helm often name no namespace, because Helm itself keeps it. */
function withNamespace(remedy: string, compared: readonly Resource[], isGiven: boolean): string {
  const unfilled = compared.find(({ namespace }) => isFilledIn(namespace));
  if (unfilled) return afterFilling(unfilledRemedy(unfilled.namespace), remedy);
  const assumed = compared.find(({ isNamespaceAssumed }) => isNamespaceAssumed);
  if (!assumed || isGiven) return remedy;
  return `${assumed.kind} ${assumed.name} names no namespace and was taken to be in ${assumed.namespace}: give -n NAMESPACE if it belongs elsewhere; otherwise ${remedy}`;
}
