// `npm run bench` measures in one run what the filter costs, compared with nats-server alone, Envoy alone and an empty filter.
// bench/RESULTS.md says how to read the figures.

import { rmSync, statSync } from "node:fs";
import { basename, relative } from "node:path";
import { Command } from "commander";
import pc from "picocolors";
import { Fault, messageOf } from "../tools/fault.ts";
import { inRoot } from "../tools/paths.ts";
import { announce, notice } from "../tools/progress.ts";
import { attempt, endedBefore, failureList, failuresOf, remedyOf, type Failure } from "./failures.ts";
import { isUnsteady } from "./figures.ts";
import { measureHostCalls } from "./host-calls.ts";
import { jobsFor, withoutAbsent, type Asked } from "./jobs.ts";
import { looksAfter } from "./looks.ts";
import { isDisturbed, machineFacts, watchMachine } from "./machine.ts";
import { Turns, type Job, type Measured, type Plan } from "./measure.ts";
import { checkWritable, fileToWrite, listOf, moduleFile, positive, wholeNumber } from "./options.ts";
import { outliveReader, writeFigures } from "./output.ts";
import type { Peer } from "./peers/modules.ts";
import {
  buildTable,
  hostCallTable,
  languageTable,
  machineTable,
  observedTable,
  peerLines,
  permissionsTable,
  shareTable,
  slowLines,
  targetTable,
  workloadTable,
  type PeerFact,
  type Results,
} from "./report.ts";
import { resultsMarkdown } from "./results-file.ts";
import { Rig } from "./rig.ts";
import { ON_REQUEST, SETUPS } from "./setups.ts";
import { terminalWidth, toTerminal, type Table } from "./table.ts";
import { decisiveFor, verdicts, type Verdict } from "./targets.ts";
import { lessThanWhole, WHOLE } from "./whole.ts";
import { WORKLOADS } from "./workloads.ts";

/** The work that a whole run does not have. */
const NAMED_ONLY = WORKLOADS.filter(({ onRequest }) => onRequest).map(({ name }) => name);

/** A text like "--only, --setups and --rounds 3". */
const listed = new Intl.ListFormat("en-GB", { type: "conjunction" });

const RESULTS = inRoot("bench", "RESULTS.md");
/** What a whole run writes in which something failed. The documents quote RESULTS.md, and nobody must take this for it. */
const INCOMPLETE = inRoot("build", `${basename(RESULTS, ".md")}-incomplete.md`);

interface Options extends Plan, Asked {
  minutes?: number;
  json?: string;
}

const options = new Command("npm run bench --")
  .description(
    "Measures what the filter costs. A whole run takes nearly ten minutes, or longer if something has to be built first. " +
      "Only that writes bench/RESULTS.md. One workload in two setups (--only publish-16 --setups envoy,filter) takes 15 s.",
  )
  .option(
    "--only <work,...>",
    `only this work; ${NAMED_ONLY.join(", ")} only if they are named`,
    listOf(WORKLOADS.map(({ name }) => name)),
  )
  .option(
    "--setups <setup,...>",
    `only these setups; ${ON_REQUEST.join(", ")} only if they are named`,
    listOf(SETUPS.map(({ name }) => name)),
  )
  .option("--rounds <number>", "how many turns each setup gets", wholeNumber(1), WHOLE.rounds)
  .option("--seconds <number>", "about how long a turn takes", positive, WHOLE.seconds)
  .option(
    "--minutes <number>",
    "until which minute of the run targets within the noise get further rounds, beyond --rounds " +
      `(a whole run: ${WHOLE.minutes})`,
    positive,
  )
  .option("--beside <file>", "another build of the filter, to take turns with build/istio-nats.wasm", moduleFile)
  .option("--json <file>", "write every round's figures to this file", fileToWrite)
  .parse()
  .opts<Options>();

/** Only a whole run is written to RESULTS.md. */
const less = lessThanWhole(options);
const isWhole = less.length === 0;

const end = performance.now() + (options.minutes ?? (isWhole ? WHOLE.minutes : 0)) * 60_000;

function factOf(peer: Peer): PeerFact {
  return "absent" in peer
    ? { language: peer.name, absent: peer.absent }
    : { language: peer.name, bytes: statSync(peer.wasmPath).size };
}

/** Tells of a failure when it happens, with what has been logged. */
function tell(reason: string): void {
  process.stderr.write(`\n${pc.red("failed:")} ${reason}\n`);
}

function finished(all: readonly Turns[]): Measured[] {
  return all.flatMap((turns) => turns.finished(options.rounds));
}

function failed(all: readonly Turns[]): Failure[] {
  return all.flatMap(({ failures }) => failures);
}

async function measureAll(rig: Rig, groups: readonly Job[][]): Promise<Turns[]> {
  const all: Turns[] = [];
  for (const group of groups) {
    announce(group.map(({ workload }) => workload.title).join("; "));
    const turns = await Turns.prepare(rig, group, options.seconds, tell);
    // Once more at the end; but who has to wait for that has waited for nothing.
    if (all.length === 0 && rig.ended === undefined) await rig.checkStats();
    all.push(turns);
    for (let round = 0; round < options.rounds; round++) await turns.take();
    // There is nothing to lose yet.
    if (finished(all).length === 0) throw new Fault("Nothing has been measured, since the first work failed.");
    for (const measured of turns.finished(options.rounds)) {
      process.stdout.write(`\n${pc.bold(measured.title)}, for each ${measured.operation}\n`);
      const slow = slowLines(measured).map((line) => `${line}\n`);
      process.stdout.write(`${drawn(workloadTable(measured))}${slow.join("")}\n`);
    }
    if (rig.ended !== undefined) break;
  }
  return all;
}

/**
 * Gives further rounds to the work whose targets are within the noise, while there is time. Verdicts are formed only at looks: a
 * bench that could stop after any round would be misled by the noise.
 */
async function decide(all: readonly Turns[]): Promise<void> {
  const doubted = (among: readonly Turns[]): Turns[] => {
    const doubts = verdicts(finished(all)).filter(({ isCertain }) => !isCertain);
    const workloads = new Set(doubts.flatMap((verdict) => verdict.workloads));
    return among.filter((turns) => finished([turns]).some(({ workload }) => workloads.has(workload)));
  };
  if (performance.now() < end) announce("further rounds for targets within the noise");
  let wanted: readonly Turns[] = all;
  let rounds = options.rounds;
  for (const look of looksAfter(rounds)) {
    wanted = doubted(wanted);
    for (; rounds < look; rounds++) {
      for (const turns of wanted) {
        if (performance.now() >= end) return;
        await turns.take(decisiveFor);
      }
    }
  }
}

function drawn(table: Table): string {
  return toTerminal(table, terminalWidth());
}

function coloured(targets: readonly Verdict[]): string {
  return drawn(targetTable(targets))
    .replaceAll(/\bnot met\b/g, pc.yellow("not met"))
    .replaceAll(/(?<!not )\bmet\b/g, pc.green("met"));
}

function show(results: Results): void {
  const shares = shareTable(results.workloads, results.hostCalls);
  if (shares.rows.length > 0) {
    process.stdout.write(`${pc.bold("Where the time goes")}, in Envoy with mTLS, for each operation\n`);
    process.stdout.write(`${drawn(shares)}\n`);
  }
  if (results.hostCalls.length > 0) {
    process.stdout.write(`${pc.bold("What a call to the host costs")}, in this Envoy\n`);
    process.stdout.write(`${drawn(hostCallTable(results.hostCalls))}\n`);
  }
  const permissions = permissionsTable(results.workloads);
  if (permissions.rows.length > 0) {
    process.stdout.write(`${pc.bold("Beside nats-server's own permissions")}: CPU added for each operation\n`);
    process.stdout.write(`${drawn(permissions)}\n`);
  }
  const builds = buildTable(results.workloads);
  if (builds.rows.length > 0) {
    process.stdout.write(
      `${pc.bold("The two builds")}: CPU of Envoy for each operation, this build beside the other\n`,
    );
    process.stdout.write(`${drawn(builds)}\n`);
  }
  const observed = observedTable(results.workloads);
  if (observed.rows.length > 0) {
    process.stdout.write(`${pc.bold("What observing costs")}: CPU of Envoy for each operation, beside enforcing\n`);
    process.stdout.write(`${drawn(observed)}\n`);
  }
  const languages = languageTable(results.workloads);
  if (languages.rows.length > 0) {
    process.stdout.write(`${pc.bold("What the language costs")}: CPU added to Envoy alone, for each operation\n`);
    process.stdout.write(drawn(languages));
    process.stdout.write("The peers refuse nothing, know no identity, and do only the core of the work.\n");
  }
  for (const line of peerLines(results.peers)) process.stdout.write(`${line}\n`);
  if (results.targets.length > 0) process.stdout.write(`${pc.bold("Targets")}\n${coloured(results.targets)}\n`);
  process.stdout.write(`${pc.bold("The machine")}\n${drawn(machineTable(results))}\n`);
  if (isDisturbed(results.disturbance)) {
    notice("Other processes were busy. Trust the CPU times, and repeat the run if rates matter.");
  }
  if (isUnsteady(results.workloads)) notice("The machine's speed changed: figures with a wide interval say little.");
  if (results.failures.length > 0) {
    process.stdout.write(`${pc.red("Without figures")}, since it failed\n${failureList(results.failures)}`);
    process.stdout.write(`${remedyOf(results.failures)}\n\n`);
  }
}

/** Does a last step of a run. If it fails, or the run cannot go on, that is no reason to lose all figures. */
async function lastStep<T>(
  rig: Rig,
  title: string,
  failures: Failure[],
  step: () => Promise<T>,
): Promise<T | undefined> {
  if (rig.ended !== undefined) {
    failures.push({ title, reason: endedBefore(rig.ended) });
    return undefined;
  }
  announce(title);
  return attempt(rig, { title }, failures, tell, step);
}

async function bench(): Promise<Results> {
  const wanted = jobsFor(options);
  const rig = await Rig.start(new Set(wanted.flat().flatMap(({ setups }) => setups)), options.seconds, options.beside);
  try {
    // The size is read now, because a module that is built during the run is not the one that Envoy has loaded.
    const machine = await machineFacts(rig.stand);
    const disturbance = watchMachine(() => [process.pid, ...rig.pids]);
    const groups = withoutAbsent(wanted, rig.peers);
    const turns = await measureAll(rig, groups);
    if (rig.ended === undefined) await decide(turns);
    const last: Failure[] = [];
    const hostCalls = await lastStep(rig, "single calls to the host", last, () => measureHostCalls(rig.stand));
    const isCounted = await lastStep(rig, "what istio-nats and the peers have counted", last, async () => {
      await rig.checkStats();
      return true;
    });
    const workloads = finished(turns);
    const jobs = groups.flat();
    const failures = failuresOf(jobs, workloads, failed(turns), rig.ended);
    // What has not counted may have done nothing. Where the run had to end, it was looked at when the first work had begun.
    const doubtful = jobs.filter(
      ({ workload }) =>
        (!isCounted && rig.ended === undefined) || failures.some((one) => one.workload === workload.name),
    );
    return {
      machine,
      disturbance: disturbance(),
      plan: { rounds: options.rounds, seconds: options.seconds },
      // The clock starts with this process.
      took: performance.now() / 1000,
      workloads,
      hostCalls: hostCalls ?? [],
      peers: rig.peers.map(factOf),
      targets: verdicts(workloads, doubtful),
      failures: [...failures, ...last],
    };
  } finally {
    await rig.stop();
  }
}

try {
  if (isWhole) checkWritable(RESULTS);
  outliveReader(isWhole || options.json !== undefined);
  const results = await bench();
  show(results);
  if (options.json) writeFigures(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  const isComplete = results.failures.length === 0;
  if (!isComplete) process.exitCode = 1;
  const file = isComplete ? RESULTS : INCOMPLETE;
  if (isWhole && writeFigures(file, await resultsMarkdown(results, file))) {
    announce(`${relative(inRoot(), file)} is written`);
    if (isComplete) rmSync(INCOMPLETE, { force: true });
  }
  const causes = [...less, ...(isComplete ? [] : ["what failed"])];
  if (causes.length > 0) {
    notice(`bench/RESULTS.md stays as it is: this is no whole run, by ${listed.format(causes)}.`);
  }
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
}
