/** The labels that Istio's proxy must be told of, kept where the tests hold them against the compiled filter's stats. */
export { STATS_TAGS } from "../test/stand/stats-tags.ts";
