import type { Place } from "../manifests/place.ts";

export const SEVERITIES = ["error", "warning", "info"] as const;

/** `error`: it will not work, or protects nothing. `warning`: it may be meant so. `info`: good to know. */
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Of the check, as in the table. */
  id: string;
  severity: Severity;
  place: Place;
  /** What is wrong here, with the names of this very case. */
  message: string;
  remedy: string;
}
