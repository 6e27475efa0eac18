import type { Field } from "./field.ts";
import type { Place } from "./place.ts";
import type { Remedy } from "./rendering.ts";
import type { Resource } from "./resource.ts";

/** Why a text, or a part of it, could not be read. */
export interface ReadProblem {
  kind:
    | "syntax"
    | "too-large"
    | "aliases"
    | "helm-template"
    | "kustomization"
    | "object-incomplete"
    | "no-object"
    | "no-policy"
    | "values-key";
  place: Place;
  message: string;
  /** Given if this case has a more exact remedy than its check. */
  remedy?: Remedy;
}

/** What has been read of a source. */
export interface Manifests {
  resources: Resource[];
  /** Documents that are not Kubernetes objects: a policy by itself, a patch, chart values. */
  others: Field[];
  problems: ReadProblem[];
  /** The files that kustomizations name as patches. */
  patchFiles: string[];
}
