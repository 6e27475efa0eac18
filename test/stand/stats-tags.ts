import { LABELS } from "../../assembly/telemetry/stats.ts";

/** The labels that the filter embeds in its stats' names, which meshConfig.defaultConfig.extraStatTags must list. */
export const STATS_TAGS: readonly string[] = LABELS.map(({ name }) => name);
