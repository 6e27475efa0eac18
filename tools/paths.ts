import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone's top folder. */
const root = fileURLToPath(new URL("..", import.meta.url));

/** A path inside the clone. */
export function inRoot(...parts: string[]): string {
  return join(root, ...parts);
}

/** A text of the clone, by its path there. */
export function read(file: string): string {
  return readFileSync(inRoot(file), "utf8");
}

/** The folder for what is downloaded or built once per machine and shared by all its clones. */
export const cache = join(cacheHome(), "istio-nats");

/** By its specification XDG_CACHE_HOME counts only if it is absolute, and not if it is empty: commands run in many folders. */
function cacheHome(): string {
  const named = process.env["XDG_CACHE_HOME"] ?? "";
  return isAbsolute(named) ? named : join(homedir(), ".cache");
}
