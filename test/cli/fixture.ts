import { readFileSync } from "node:fs";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { inRoot } from "../../tools/paths.ts";
import { filter } from "./support.ts";

/** A folder for each check, with a manifest that shows it and one that does not. */
export const FIXTURES = inRoot("test", "cli", "fixtures");

export function fixture(id: string, which: "bad" | "good"): string {
  return readFileSync(`${FIXTURES}/${id}/${which}.yaml`, "utf8")
    .replaceAll("ALL-STATS-TAGS", STATS_TAGS.join())
    .replaceAll("MODULE-SHA256", filter.sha256);
}
