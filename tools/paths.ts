import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone's top folder. */
const root = fileURLToPath(new URL("..", import.meta.url));

/** A path inside the clone. */
export function inRoot(...parts: string[]): string {
  return join(root, ...parts);
}

/** The folder for what is downloaded or built once per machine and shared by all its clones. */
export const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "istio-nats");
