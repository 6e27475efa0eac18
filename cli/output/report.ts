import { documentationOf } from "../doctor/table.ts";
import { SEVERITIES, type Finding, type Severity } from "../doctor/finding.ts";
import { ExitStatus } from "../exit-status.ts";

/** Raised when a field changes its meaning or is removed, but not for new fields. `cli/output.schema.json` has the shape. */
export const OUTPUT_VERSION = 1;

export interface FindingRecord {
  id: string;
  severity: Severity;
  file: string;
  line: number;
  column: number;
  message: string;
  remedy: string;
  documentation: string;
}

export type Counts = Record<Severity, number>;

/** The number of findings of each severity. */
export function countsOf(findings: readonly Finding[]): Counts {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Counts;
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** A finding as `--output json` writes it. */
export function recordOf({ id, severity, place, message, remedy }: Finding): FindingRecord {
  return { id, severity, ...place, message, remedy, documentation: documentationOf(id) };
}

/** The exit status for these counts; `strict` lets warnings count. */
export function statusOf(counts: Counts, strict: boolean): ExitStatus {
  return counts.error > 0 || (strict && counts.warning > 0) ? ExitStatus.FINDINGS : ExitStatus.FINE;
}
