/** The labels that the filter embeds in its stats' names: what meshConfig.defaultConfig.extraStatTags must list. */
export const STATS_TAGS = [
  "reporter",
  "source_principal",
  "source_workload_namespace",
  "operation",
  "verdict",
  "reason",
  "kind",
] as const;
