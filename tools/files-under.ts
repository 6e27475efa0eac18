import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** The paths of all files in a folder and its folders, in order; of a file its own. */
export function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
