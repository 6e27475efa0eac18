import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { inRoot } from "../../tools/paths.ts";
import type { Failure } from "./client-fuzz.ts";
import type { Chunks } from "./minimise.ts";

/** An input that is kept because it once showed something. All texts are latin-1. */
export interface SavedInput {
  /** Why it is kept. */
  name: string;
  /** The name of a policy in policies.ts. */
  policy: string;
  chunks: Chunks;
}

/** The inputs in test/fuzz/corpus, one file each. */
export function savedInputs(): SavedInput[] {
  const folder = new URL("./corpus/", import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as SavedInput);
}

/** Writes a failing input to build/fuzz/. If it is moved to test/fuzz/corpus, every run tries it. Returns the file's path. */
function saveFailure({ policy, chunks, problem }: Failure): string {
  const folder = inRoot("build", "fuzz");
  mkdirSync(folder, { recursive: true });
  const text = `${JSON.stringify({ name: problem, policy, chunks } satisfies SavedInput, null, 2)}\n`;
  const file = join(folder, `${createHash("sha256").update(text).digest("hex").slice(0, 12)}.json`);
  writeFileSync(file, text);
  return file;
}

/** A failure in readable form: what failed, how to repeat it, and where it is saved. */
export function explain(failure: Failure, seed: number): string {
  return [
    failure.problem,
    `policy: ${failure.policy}`,
    `input:  ${JSON.stringify(failure.chunks)}`,
    `seed:   ${seed}`,
    `saved:  ${saveFailure(failure)} (move it to test/fuzz/corpus to have it tried always)`,
  ].join("\n");
}
