import { writeFileSync } from "node:fs";
import { format } from "prettier";
import { reference } from "../cli/reference.ts";
import { inRoot } from "./paths.ts";

export const referencePage = inRoot("docs", "cli.md");

/** The content that docs/cli.md must have. */
export function referenceText(): Promise<string> {
  return format(reference(), { parser: "markdown", printWidth: 120 });
}

/** Writes docs/cli.md. Returns an exit status. */
export async function writeReference(): Promise<number> {
  writeFileSync(referencePage, await referenceText());
  return 0;
}
