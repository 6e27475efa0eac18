import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { binariesEnvironment } from "../binaries.ts";
import { run } from "../command.ts";
import { inRoot } from "../paths.ts";
import { buildFilter } from "../wasm.ts";
import type { RunSuite, SuiteResult } from "./result.ts";

/** Milliseconds for one file, so that a test that hangs cannot hold up all others for ever. */
const FILE_TIMEOUT = 600_000;

interface CountedTest {
  verdict: "passed" | "failed" | "skipped";
  name: string;
  file?: string;
  why: string;
}

/** The `*.test.ts` files under a folder of test/. */
function testFiles(folder: string): string[] {
  const top = inRoot("test", folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join("test", folder, file))
    .sort();
}

/** A failure's name and file, and below them its message. */
function failureOf({ name, file, why }: CountedTest): string {
  const title = `${name} (${file?.replace(inRoot(), "") ?? "?"})`;
  return why === "" ? title : `${title}\n${why}`;
}

function resultOf(counts: string): SuiteResult {
  const result: SuiteResult = { passed: 0, failed: [], skipped: 0 };
  if (!existsSync(counts)) return result;
  for (const line of readFileSync(counts, "utf8").split("\n")) {
    if (line === "") continue;
    const test = JSON.parse(line) as CountedTest;
    if (test.verdict === "passed") result.passed += 1;
    else if (test.verdict === "skipped") result.skipped += 1;
    else result.failed.push(failureOf(test));
  }
  return result;
}

/**
 * A suite of node:test: every `*.test.ts` under `test/<folder>`, with the filter built and the real commands in its environment.
 */
export function nodeSuite(folder: string): RunSuite {
  return async (write, files) => {
    await buildFilter();
    const environment = await binariesEnvironment();
    const chosen = files.length > 0 ? files : testFiles(folder);
    if (chosen.length === 0) return { passed: 0, failed: [], skipped: 0 };

    const scratch = await mkdtemp(join(tmpdir(), "istio-nats-counts-"));
    const counts = join(scratch, "counts");
    // As a URL, because node:test reads # and % in a path as those of a URL.
    const reporter = pathToFileURL(inRoot("tools", "suites", "test-counts.mjs")).href;
    const reporters = [
      ["--test-reporter=spec", "--test-reporter-destination=stdout"],
      [`--test-reporter=${reporter}`, `--test-reporter-destination=${counts}`],
    ].flat();
    try {
      const { status } = await run(
        process.execPath,
        ["--import", "tsx", "--test", `--test-timeout=${FILE_TIMEOUT}`, ...reporters, ...chosen],
        {
          cwd: inRoot(),
          env: environment,
          onOutput: write,
        },
      );
      const result = resultOf(counts);
      if (status !== 0 && result.failed.length === 0) result.failed.push(`node --test ended with status ${status}`);
      return result;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  };
}
