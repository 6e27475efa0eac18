import { basename } from "node:path";
import { must } from "./command.ts";
import { inRoot } from "./paths.ts";

/**
 * Builds the command in a folder that is a Go module of its own. Returns build/go/<folder's name>. Go's cache makes a second build
 * quick.
 */
export async function buildGo(folder: string): Promise<string> {
  const command = inRoot("build", "go", basename(folder));
  const remedy = `${folder} could not be built. Is Go 1.26 here, and a Go module proxy reachable?`;
  await must(remedy, "go", ["build", "-trimpath", "-buildvcs=false", "-o", command, "."], { cwd: inRoot(folder) });
  return command;
}
