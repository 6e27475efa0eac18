import pc from "picocolors";
import { messageOf } from "../fault.ts";
import { isNightly } from "./counts.ts";
import { noResult, sumOf, type RunSuite, type SuiteResult } from "./result.ts";
import { SUITES, type Suite } from "./table.ts";

interface FinishedSuite extends SuiteResult {
  suite: Suite;
  seconds: number;
}

type Write = (chunk: string | Uint8Array) => void;

/** How many files the summary names. */
const SLOWEST = 20;

/** Runs a suite, or its tail. What throws has failed. */
async function finish(suite: Suite, part: RunSuite, files: readonly string[], write: Write): Promise<FinishedSuite> {
  const began = performance.now();
  let result: SuiteResult;
  try {
    result = await part(write, files);
  } catch (error) {
    write(`${messageOf(error)}\n`);
    result = { ...noResult(), failed: ["could not run"] };
  }
  return { suite, ...result, seconds: (performance.now() - began) / 1000 };
}

function printHead(name: string, about: string): void {
  process.stdout.write(`\n${pc.bold(`── ${name}`)} ${pc.dim(about)}\n\n`);
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
      printHead(suite.name, suite.about);
      for (const chunk of held) process.stdout.write(chunk);
    };
    return { show, finished: finish(suite, suite.run, files, write) };
  });

  const results: FinishedSuite[] = [];
  for (const { show, finished } of running) {
    show();
    results.push(await finished);
  }
  return results;
}

/** Adds to a suite's result what must have the machine for itself. A suite that has run nothing then has failed. */
async function withTail(finished: FinishedSuite, files: readonly string[]): Promise<FinishedSuite> {
  const { suite } = finished;
  let whole = finished;
  if (suite.tail && files.length === 0) {
    let isBegun = false;
    const tail = await finish(suite, suite.tail, files, (chunk) => {
      if (!isBegun) printHead(suite.name, "what must have the machine for itself");
      isBegun = true;
      process.stdout.write(chunk);
    });
    whole = { suite, ...sumOf(finished, tail), seconds: finished.seconds + tail.seconds };
  }
  if (whole.passed + whole.failed.length === 0) whole.failed.push("ran no test");
  return whole;
}

function printSlowest(results: readonly FinishedSuite[]): void {
  const files = results.flatMap((result) => result.files).sort((a, b) => b.seconds - a.seconds);
  if (files.length <= 1) return;
  process.stdout.write(
    `\n${pc.bold("── slowest files")} ${pc.dim("seconds, and those that the file itself computed")}\n\n`,
  );
  for (const { file, seconds, cpu } of files.slice(0, SLOWEST))
    process.stdout.write(`${seconds.toFixed(1).padStart(6)} ${cpu.toFixed(1).padStart(6)}  ${file}\n`);
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
 * Runs the named suites, or all that this run is to have if none is named, and goes on after a failing one. The last line of stdout
 * is `N passed, N failed`, over all of them. `files` narrows a suite to some of its files. Returns an exit status.
 */
export async function runSuites(names: readonly string[], files: readonly string[]): Promise<number> {
  const chosen = SUITES.filter((suite) =>
    names.length === 0 ? isNightly || suite.isNightly !== true : names.includes(suite.name),
  );
  const stages = [...new Set(chosen.map(({ stage }) => stage))].sort((a, b) => a - b);
  const finished: FinishedSuite[] = [];
  for (const stage of stages) {
    finished.push(
      ...(await runStage(
        chosen.filter((suite) => suite.stage === stage),
        files,
      )),
    );
  }
  const results: FinishedSuite[] = [];
  for (const one of finished) results.push(await withTail(one, files));

  printSlowest(results);
  printSummary(results);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed.length, 0);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
