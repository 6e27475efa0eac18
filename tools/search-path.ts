import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where PATH has an executable of that name; undefined where it has none. */
export function onPath(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
