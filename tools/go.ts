import { basename, join } from "node:path";
import { cachedFolder, pinOf } from "./cached-folder.ts";
import { must } from "./command.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

/** What to look at if a command of Go's fails. */
export const NEEDS_GO = "Is Go 1.26 here, and a Go module proxy reachable?";

/**
 * The same bytes from the same sources. No VCS stamp, because the cache may be inside a repository. With the same options commands
 * share Go's cache.
 */
export const REPEATABLE: readonly string[] = ["-trimpath", "-buildvcs=false"];

/**
 * Builds the command in a folder that is a Go module of its own. Returns build/go/<folder's name>. Go's cache makes a second build
 * quick.
 */
export async function buildGo(folder: string): Promise<string> {
  const command = inRoot("build", "go", basename(folder));
  const remedy = `${folder} could not be built. ${NEEDS_GO}`;
  await must(remedy, "go", ["build", ...REPEATABLE, "-o", command, "."], { cwd: inRoot(folder) });
  return command;
}

/** Commands of others that a Go module of ours pins. */
export interface GoCommands {
  /** How they are told. */
  commands: string;
  /** What is said of the build behind that: where they come from, and how long it takes. */
  about: string;
  /** How the folder's name in the cache begins. */
  name: string;
  /** The folder of the module. */
  module: string;
  /** The package to build. By default all tools that go.mod names. */
  what?: string;
  options?: readonly string[];
}

/** The folder with the commands, in the versions that the module's go.sum pins. They are built once per machine. */
export function goCommands({
  commands,
  about,
  name,
  module,
  what = "tool",
  options = [],
}: GoCommands): Promise<string> {
  return cachedFolder(`${name}-${pinOf(join(module, "go.sum"))}`, async (folder) => {
    await step(`${commands}, ${about}`, async () => {
      const remedy = `${commands} could not be built. ${NEEDS_GO}`;
      const args = ["build", ...REPEATABLE, ...options, "-o", `${folder}/`, what];
      await must(remedy, "go", args, { cwd: module });
    });
  });
}
