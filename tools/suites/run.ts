import pc from "picocolors";
import { messageOf } from "../fault.ts";
import type { SuiteResult } from "./result.ts";
import { SUITES, type Suite } from "./table.ts";

interface FinishedSuite extends SuiteResult {
  suite: Suite;
  seconds: number;
}

type Write = (chunk: string | Uint8Array) => void;

/** Runs a suite. A suite that throws or runs nothing has failed. */
async function finish(suite: Suite, files: readonly string[], write: Write): Promise<FinishedSuite> {
  const began = performance.now();
  let result: SuiteResult;
  try {
    result = await suite.run(write, files);
    if (result.passed + result.failed.length === 0) result.failed.push("ran no test");
  } catch (error) {
    write(`${messageOf(error)}\n`);
    result = { passed: 0, failed: ["could not run"], skipped: 0 };
  }
  return { suite, ...result, seconds: (performance.now() - began) / 1000 };
}

/**
 * Starts the suites of one stage together and prints them one after the other: the first as it runs, the others from their buffer
 * when their turn comes. So no two outputs mix.
 */
async function runStage(stage: readonly Suite[], files: readonly string[]): Promise<FinishedSuite[]> {
  const running = stage.map((suite) => {
    const held: (string | Uint8Array)[] = [];
    let live = false;
    const write: Write = (chunk) => {
      if (live) process.stdout.write(chunk);
      else held.push(chunk);
    };
    const show = (): void => {
      live = true;
      process.stdout.write(`\n${pc.bold(`── ${suite.name}`)} ${pc.dim(suite.about)}\n\n`);
      for (const chunk of held) process.stdout.write(chunk);
    };
    return { show, finished: finish(suite, files, write) };
  });

  const results: FinishedSuite[] = [];
  for (const { show, finished } of running) {
    show();
    results.push(await finished);
  }
  return results;
}

function printSummary(results: readonly FinishedSuite[]): void {
  process.stdout.write(`\n${pc.bold("── summary")}\n\n`);
  for (const { suite, passed, failed, skipped, seconds } of results) {
    const mark = failed.length === 0 ? pc.green("✔") : pc.red("✖");
    const counts = [`${passed} passed`, `${failed.length} failed`, ...(skipped > 0 ? [`${skipped} skipped`] : [])];
    process.stdout.write(
      `${mark} ${suite.name.padEnd(12)} ${counts.join(", ")} ${pc.dim(`(${seconds.toFixed(1)} s)`)}\n`,
    );
    // The cause is repeated here, because a reader of a CI log may have only its end.
    for (const failure of failed) process.stdout.write(`    ${pc.red("✖")} ${failure.replaceAll("\n", "\n      ")}\n`);
  }
}

/**
 * Runs the named suites, or all of them if none is named, and goes on after a failing one. The last line of stdout is `N passed, N
 * failed`, over all of them. `files` narrows a suite to some of its files. Returns an exit status.
 */
export async function runSuites(names: readonly string[], files: readonly string[]): Promise<number> {
  const chosen = SUITES.filter(({ name }) => names.length === 0 || names.includes(name));
  const stages = [...new Set(chosen.map(({ stage }) => stage))].sort((a, b) => a - b);
  const results: FinishedSuite[] = [];
  for (const stage of stages) {
    results.push(
      ...(await runStage(
        chosen.filter((suite) => suite.stage === stage),
        files,
      )),
    );
  }

  printSummary(results);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed.length, 0);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
