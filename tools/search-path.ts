import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of the executable of that name in PATH, or undefined if there is none. */
export function onPath(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // It is not in this folder.
    }
  }
  return undefined;
}
