import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own for one stand: configurations, keys, logs, JetStream's store. Gone at the latest when we exit. */
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
