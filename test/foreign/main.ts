import { join } from "node:path";
import { Command, Option } from "commander";
import pc from "picocolors";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { SuiteCopy } from "./copy.ts";
import { startFront } from "./front.ts";
import { goTest, type Front, type Results } from "./go-test.ts";
import { FOREIGN_SUITES, type ForeignSuite } from "./suites.ts";

/**
 * `npm run test:foreign` runs tests that others wrote for nats-server and for its client. They run from their own modules, with
 * every connection led through Envoy and the filter. See README.md here.
 */

const names = FOREIGN_SUITES.map(({ module }) => module.split("/")[2] ?? "");
const { suite: chosen, run: only } = new Command("npm run test:foreign --")
  .description("Runs the tests of nats-server and nats.go through Envoy and the filter.")
  .addOption(new Option("--suite <names...>", "only these").choices(names).default(names))
  .option("--run <tests...>", "only these tests, with all that they write")
  .parse()
  .opts<{ suite: string[]; run?: string[] }>();

interface Summary {
  suite: ForeignSuite;
  passed: string[];
  adjusted: string[];
  excluded: string[];
  skipped: string[];
  /** Tests that failed once and passed when they ran again, alone. */
  repeated: string[];
  faults: string[];
}

/** The tests that must not pass through the filter: exclusions, and adjusted tests in their original form. */
async function checkExceptions(
  copy: SuiteCopy,
  suite: ForeignSuite,
  tests: readonly string[],
  front: Front,
): Promise<string[]> {
  const faults: string[] = [];
  const excluded = suite.exclusions.flatMap((one) => one.tests.map((test) => [test, one] as const));
  const all = copy.tests();
  for (const [test] of excluded.filter(([name]) => !all.includes(name))) {
    faults.push(`${test} is excluded, but the suite has no such test.`);
  }
  const ran = excluded.filter(([test]) => tests.includes(test));
  if (ran.length > 0) {
    const direct = await goTest(
      copy,
      suite,
      ran.map(([test]) => test),
      undefined,
    );
    for (const [test, { why, bypasses }] of ran) {
      // One by one, because some of them end the whole run.
      const through = await goTest(copy, suite, [test], front);
      if (direct.verdicts.get(test) !== "pass") faults.push(`${test} is excluded (${why}), but fails directly too.`);
      if (bypasses ? through.witnesses.has(test) : through.verdicts.get(test) === "pass") {
        faults.push(`${test} is excluded (${why}), but passes through the filter: take it from the list.`);
      }
    }
  }
  for (const adjustment of suite.adjustments.filter(({ test }) => tests.includes(test))) {
    copy.revert(adjustment);
    const { verdicts } = await goTest(copy, suite, [adjustment.test], front);
    if (verdicts.get(adjustment.test) !== "fail") {
      faults.push(`${adjustment.test} is adjusted (${adjustment.why}), but passes in its original form.`);
    }
    copy.apply(adjustment);
  }
  return faults;
}

function show(test: string, results: Results): string {
  const output = results.output.get(test) ?? "";
  return output === "" ? results.rest.slice(-4000) : output.slice(-4000);
}

async function runSuite(suite: ForeignSuite): Promise<Summary> {
  process.stdout.write(`\n${pc.bold(`── ${suite.name}`)}\n`);
  const folder = makeScratch();
  const copy = await SuiteCopy.make(suite, join(folder, "module"));
  const clients = await copy.takeUsers();
  const envoy = await startFront(folder, clients, suite.controlLine);
  try {
    const front: Front = {
      address: `127.0.0.1:${envoy.port("front")}`,
      users: Object.fromEntries(clients.map(({ name, address }) => [name, address])),
    };
    const tests = copy.tests().filter((test) => only?.includes(test) ?? true);
    const excluded = suite.exclusions.flatMap((one) => one.tests);
    const wanted = tests.filter((test) => !excluded.includes(test));
    const first = await goTest(copy, suite, wanted, front);

    const summary: Summary = { suite, passed: [], adjusted: [], excluded: [], skipped: [], repeated: [], faults: [] };
    summary.excluded = tests.filter((test) => excluded.includes(test));
    for (const test of wanted) {
      let results = first;
      if (first.verdicts.get(test) === "fail") {
        // Some depend on time: a RST that overtakes the last -ERR, or a leak that is counted too early.
        results = await goTest(copy, suite, [test], front);
        if (results.verdicts.get(test) === "pass") summary.repeated.push(test);
      }
      const verdict = results.verdicts.get(test);
      if (only) process.stdout.write(results.output.get(test) ?? "");
      if (verdict === "skip") summary.skipped.push(test);
      else if (verdict !== "pass") summary.faults.push(`${test} fails through the filter:\n${show(test, results)}`);
      else if (!results.witnesses.has(test)) summary.faults.push(`${test} passes, but never reaches the filter.`);
      else if (suite.adjustments.some((one) => one.test === test)) summary.adjusted.push(test);
      else summary.passed.push(test);
    }
    summary.faults.push(...(await checkExceptions(copy, suite, tests, front)));
    return summary;
  } finally {
    await envoy.stop();
    removeScratch(folder);
  }
}

function report({ suite, passed, adjusted, excluded, skipped, repeated, faults }: Summary): void {
  process.stdout.write(`\n${pc.bold(suite.name)}\n`);
  const line = (mark: string, count: number, what: string): void => {
    if (count > 0) process.stdout.write(`${mark} ${String(count).padStart(4)} ${what}\n`);
  };
  line(pc.green("✔"), passed.length, "pass through the filter as they stand");
  line(pc.green("✔"), adjusted.length, `pass with an adjustment: ${adjusted.join(", ")}`);
  line(pc.yellow("!"), repeated.length, `of these passed only when run again: ${repeated.join(", ")}`);
  line(" ", skipped.length, `skip themselves: ${skipped.join(", ")}`);
  line(" ", excluded.length, "are excluded:");
  for (const { tests, why } of suite.exclusions) process.stdout.write(`         ${tests.join(", ")}: ${why}\n`);
  line(pc.red("✖"), faults.length, "faults:");
  for (const fault of faults) process.stdout.write(`${fault}\n`);
}

const summaries: Summary[] = [];
for (const [index, suite] of FOREIGN_SUITES.entries()) {
  if (chosen.includes(names[index] ?? "")) summaries.push(await runSuite(suite));
}
for (const summary of summaries) report(summary);
const passed = summaries.reduce((sum, one) => sum + one.passed.length + one.adjusted.length, 0);
const failed = summaries.reduce((sum, one) => sum + one.faults.length, 0);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
