import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { binariesEnvironment } from "../binaries.ts";
import { run } from "../command.ts";
import { inRoot } from "../paths.ts";
import { buildFilter } from "../wasm.ts";
import { isNightly } from "./counts.ts";
import { noResult, type RunSuite, type SuiteResult } from "./result.ts";

/** Milliseconds for one file, so that a test that hangs cannot hold up all others for ever. */
const FILE_TIMEOUT = 600_000;

/**
 * In the name of a file that measures time, or loads the machine so much that others would miss theirs: it runs when nothing else
 * does.
 */
const SERIAL = ".serial.";
/** In the name of a file that takes long and guards what seldom breaks: `npm run test:nightly` alone runs it. */
const NIGHTLY = ".nightly.";

interface CountedTest {
  verdict: "passed" | "failed" | "skipped";
  name: string;
  file?: string;
  why: string;
}

/** The `*.test.ts` files under a folder of test/ that this run is to have. */
function testFiles(folder: string): string[] {
  const top = inRoot("test", folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && (isNightly || !file.includes(NIGHTLY)))
    .map((file) => join("test", folder, file))
    .sort();
}

/** A failure's name and file, and below them its message. */
function failureOf({ name, file, why }: CountedTest): string {
  const title = `${name} (${file?.replace(inRoot(), "") ?? "?"})`;
  return why === "" ? title : `${title}\n${why}`;
}

/** The lines of a file of JSON, one value a line. None if there is no such file. */
function jsonLines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

function resultOf(counts: string, times: string): SuiteResult {
  const result: SuiteResult = { ...noResult(), files: jsonLines(times) };
  for (const test of jsonLines<CountedTest>(counts)) {
    if (test.verdict === "passed") result.passed += 1;
    else if (test.verdict === "skipped") result.skipped += 1;
    else result.failed.push(failureOf(test));
  }
  return result;
}

/** Runs these files, so many at a time, with the filter built and the real commands in their environment. */
async function runFiles(
  files: readonly string[],
  concurrency: number,
  write: Parameters<RunSuite>[0],
): Promise<SuiteResult> {
  if (files.length === 0) return noResult();
  await buildFilter();
  const environment = await binariesEnvironment();
  const scratch = await mkdtemp(join(tmpdir(), "istio-nats-counts-"));
  const [counts, times] = [join(scratch, "counts"), join(scratch, "times")];
  // As URLs, because node:test and --import read # and % in a path as those of a URL.
  const beside = (name: string): string => pathToFileURL(inRoot("tools", "suites", name)).href;
  const options = [
    ["--import", "tsx", "--import", beside("file-times.mjs")],
    ["--test", `--test-timeout=${FILE_TIMEOUT}`, `--test-concurrency=${concurrency}`],
    ["--test-reporter=spec", "--test-reporter-destination=stdout"],
    [`--test-reporter=${beside("test-counts.mjs")}`, `--test-reporter-destination=${counts}`],
  ].flat();
  try {
    const { status } = await run(process.execPath, [...options, ...files], {
      cwd: inRoot(),
      env: { ...environment, ISTIO_NATS_FILE_TIMES: times },
      onOutput: write,
    });
    const result = resultOf(counts, times);
    if (status !== 0 && result.failed.length === 0) result.failed.push(`node --test ended with status ${status}`);
    return result;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The two parts of a suite of node:test. */
interface NodeSuite {
  run: RunSuite;
  /** The files named `*.serial.test.ts`, one at a time. */
  tail: RunSuite;
}

/**
 * A suite of node:test: every `*.test.ts` under `test/<folder>`, `concurrency` files at a time. Files that are named on the command
 * line run one at a time. `prepare` builds what several files need, which each of them would otherwise start to build at once.
 */
export function nodeSuite(
  folder: string,
  { concurrency = 2, prepare }: { concurrency?: number; prepare?: () => Promise<unknown> } = {},
): NodeSuite {
  const isSerial = (file: string): boolean => file.includes(SERIAL);
  return {
    run: async (write, files) => {
      if (files.length > 0) return runFiles(files, 1, write);
      await prepare?.();
      return runFiles(
        testFiles(folder).filter((file) => !isSerial(file)),
        concurrency,
        write,
      );
    },
    tail: (write, files) => runFiles(files.length > 0 ? [] : testFiles(folder).filter(isSerial), 1, write),
  };
}
