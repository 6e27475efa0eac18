import { writeFileSync } from "node:fs";
import { format } from "prettier";
import { reference } from "../cli/reference.ts";
import { inRoot } from "./paths.ts";

export const referencePage = inRoot("docs", "reference", "cli.md");

/** The content that docs/reference/cli.md must have. */
export function referenceText(): Promise<string> {
  return format(reference(), { parser: "markdown", printWidth: 120, proseWrap: "always" });
}

/** Writes docs/reference/cli.md. Returns an exit status. */
export async function writeReference(): Promise<number> {
  writeFileSync(referencePage, await referenceText());
  return 0;
}
