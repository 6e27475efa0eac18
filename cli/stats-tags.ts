/** The labels that Istio's proxy must be told, kept where the tests compare them with the compiled filter's stats. */
export { STATS_TAGS } from "../test/stand/stats-tags.ts";
