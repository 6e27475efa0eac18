import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * A folder of its own for a test or a stand, for configurations, keys, logs and JetStream's store. It is removed when this process
 * exits at the latest.
 */
export function makeScratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "istio-nats-"));
  folders.add(folder);
  return folder;
}

/** Removes a folder that `makeScratch` made. */
export function removeScratch(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}
