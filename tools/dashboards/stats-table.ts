import { FILTER_LABELS, PEER_LABELS, STATS } from "../../assembly/telemetry/stats.ts";

/** One stat, with all labels of its series. */
export interface StatRow {
  name: string;
  kind: "counter" | "gauge" | "histogram";
  labels: string[];
}

/** The filter's own table. It is plain TypeScript, so what is read here is what the filter counts. */
export const STATS_TABLE: readonly StatRow[] = STATS.map(({ name, kind, labels, filterWide }) => ({
  name,
  kind: kind as StatRow["kind"],
  labels: [...(filterWide ? FILTER_LABELS : PEER_LABELS), ...labels],
}));
