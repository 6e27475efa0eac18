import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { ENDING_SIGNALS, exitStatusOf } from "./exit-status.mjs";
import { Fault } from "./fault.ts";
import { cache } from "./paths.ts";

/** Twelve hexadecimal digits of a file's hash, which is enough to tell one pin from another. */
export function pinOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
}

/** Where `fill` works, to be removed if this process ends before it does. */
const unfinishedFolders = new Set<string>();

process.on("exit", () => {
  for (const folder of unfinishedFolders) remove(folder);
});

/** What a command that still runs writes meanwhile is its own affair. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // The folder is hidden, and nobody takes it for a finished one.
  }
}

/** Without a handler a signal ends Node before its `exit` handlers run. */
function exitBy(signal: NodeJS.Signals): void {
  process.exit(exitStatusOf(signal));
}

function makeUnfinished(name: string): string {
  try {
    mkdirSync(cache, { recursive: true });
    return mkdtempSync(join(cache, `.${name}-`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      `${cache}, where tools are kept, cannot be written (${reason}). Let XDG_CACHE_HOME name a folder that can.`,
    );
  }
}

/**
 * A folder of the cache, which `fill` makes the first time. The folder appears complete or not at all: a `fill` that fails, or that
 * Ctrl-C interrupts, leaves nothing behind. If two processes fill at once, one wins and both get a valid folder.
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;

  const unfinished = makeUnfinished(name);
  unfinishedFolders.add(unfinished);
  for (const signal of ENDING_SIGNALS) process.on(signal, exitBy);
  try {
    await fill(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, exitBy);
    remove(unfinished);
    unfinishedFolders.delete(unfinished);
  }
  return folder;
}

/** What was used this recently may be in use still: Go's own limit for the tests that run from such a folder is 15 minutes. */
const MAYBE_IN_USE = 3_600_000;

/**
 * Notes that `used` is in use, and removes the cache's other folders with this prefix, except for those that another clone may be
 * using and the `kept` that were used last.
 */
export function removeUnused(prefix: string, used: string, kept: number): void {
  const now = Date.now();
  try {
    utimesSync(used, now / 1000, now / 1000);
    readdirSync(cache)
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ folder: join(cache, name), usedAt: statSync(join(cache, name)).mtimeMs }))
      .sort((a, b) => b.usedAt - a.usedAt)
      .slice(kept)
      .filter(({ usedAt }) => now - usedAt > MAYBE_IN_USE)
      .forEach(({ folder }) => rmSync(folder, { recursive: true, force: true }));
  } catch {
    // The cache may be somebody else's, or another process may remove the same folders. The next run tries again.
  }
}
