import type { Filter } from "../filter-host.ts";
import type { Manifests } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Place } from "../manifests/place.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Finding, Severity } from "./finding.ts";

/** What doctor says of one check, wherever it finds it. The documentation is made of it. */
export interface Check {
  severity: Severity;
  /** What will happen, in one or two sentences. */
  what: string;
  /** What to do, where the finding has nothing more exact. */
  remedy: string;
}

export interface Patient {
  mesh: Mesh;
  manifests: Manifests;
  filter: Filter;
  /** Whether somebody has said where objects go that name no namespace. */
  isNamespaceGiven?: boolean | undefined;
}

export interface Remedied {
  /** Where the finding has something more exact than its check. */
  remedy?: string | undefined;
  /** Objects whose namespaces were compared: the fault may be that one of them was only assumed. */
  compared?: readonly Resource[];
}

export type Report<Id extends string> = (id: Id, place: Place, message: string, remedied?: string | Remedied) => void;

/** Checks of one matter. */
export interface Family {
  title: string;
  checks: Readonly<Record<string, Check>>;
  examine(patient: Patient): Finding[];
}

/** Makes a family of its checks and the one function that carries them out; `report` takes the ids of its own checks only. */
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
      run(patient, (id, place, message, remedied) => {
        const { remedy, compared = [] } = typeof remedied === "string" ? { remedy: remedied } : (remedied ?? {});
        const { severity, remedy: general } = checks[id];
        const assumed = patient.isNamespaceGiven === true ? [] : compared;
        findings.push({ id, severity, place, message, remedy: withNamespace(remedy ?? general, assumed) });
      });
      return findings;
    },
  };
}

/** Manifests that Helm has rendered often name no namespace: it is Helm that knows it. */
function withNamespace(remedy: string, compared: readonly Resource[]): string {
  const assumed = compared.find(({ isNamespaceAssumed }) => isNamespaceAssumed);
  if (!assumed) return remedy;
  return `${assumed.kind} ${assumed.name} names no namespace and was taken to be in ${assumed.namespace}: give -n NAMESPACE if it goes elsewhere; else ${remedy}`;
}
