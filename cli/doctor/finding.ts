import type { Place } from "../manifests/place.ts";

export const SEVERITIES = ["error", "warning", "info"] as const;

/** `error`: it will not work, or it protects nothing. `warning`: it may be a mistake or intended. `info`: good to know. */
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** The check's id, as in the table. */
  id: string;
  severity: Severity;
  place: Place;
  /** What is wrong here, with the names of this case. */
  message: string;
  remedy: string;
}
