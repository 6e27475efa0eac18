// `npm run bench` measures what the filter costs, compared in one run with nats-server alone and with its own permissions, with Envoy
// without a filter and with an empty one, and with another build of the filter. bench/RESULTS.md says how to read the figures.

import { mkdirSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { messageOf } from "../tools/fault.ts";
import { inRoot } from "../tools/paths.ts";
import { announce, notice } from "../tools/progress.ts";
import { buildAt, machineFacts, watchMachine } from "./machine.ts";
import { listOf, moduleFile, positive, wholeNumber } from "./options.ts";
import { writePages } from "./pages.ts";
import { resultsText, summary, updateResults, type Traffic, type WorkResult } from "./results.ts";
import { Rig } from "./rig.ts";
import { measure, setupsFor } from "./rounds.ts";
import { SETUPS } from "./setups.ts";
import { toTerminal } from "./table.ts";
import { bothTable, envoyTable, latencyTable, rateTable, runTable, targetTable } from "./tables.ts";
import { WORKS } from "./works.ts";

interface Options {
  only?: string[];
  setups?: string[];
  rounds: number;
  seconds: number;
  beside?: string;
  tables?: boolean;
}

/** As many rounds as two times the setups, so that each setup begins twice. */
const WHOLE = { rounds: 12, seconds: 0.25 };

const options = new Command("npm run bench --")
  .description(
    "Measures what the filter costs in Envoy, in a quarter of an hour. A run of all work writes bench/results.json, and from it " +
      "bench/RESULTS.md and the tables of the pages; a shorter one writes build/bench/results.json.",
  )
  .option("--only <work,...>", "only this work", listOf(WORKS.map(({ name }) => name)))
  .option(
    "--setups <setup,...>",
    "only these setups, to profile Envoy in one of them",
    listOf(SETUPS.map(({ name }) => name)),
  )
  .option("--rounds <number>", "how many turns each setup gets", wholeNumber(1), WHOLE.rounds)
  .option("--seconds <number>", "about how long a turn takes", positive, WHOLE.seconds)
  .option("--beside <file>", "another build of the filter, as one more setup", moduleFile)
  .option("--tables", "measure nothing, and write the tables anew from bench/results.json")
  .parse()
  .opts<Options>();

/** What else ran may take this share of the machine before it shows in the rates. */
const DISTURBED = 0.05;

async function bench({ only, setups: wanted, rounds, seconds, beside }: Options): Promise<Traffic> {
  const began = performance.now();
  const rig = await Rig.start(seconds, beside);
  try {
    const machine = await machineFacts(rig.stand);
    const otherBuild = beside === undefined ? undefined : buildAt(beside);
    const disturbance = watchMachine([process.pid, ...rig.pids]);
    const works: WorkResult[] = [];
    for (const work of WORKS.filter(({ name }) => only?.includes(name) ?? true)) {
      announce(work.title);
      const setups = setupsFor(work, otherBuild !== undefined).filter((name) => wanted?.includes(name) ?? true);
      works.push(summary(await measure((...piece) => rig.send(...piece), work, setups, { rounds, seconds })));
    }
    await rig.checkStats();
    const minutes = Math.ceil((performance.now() - began) / 60_000);
    const run = { rounds, seconds, minutes, ...disturbance() };
    return { machine, ...(otherBuild && { otherBuild }), run, works };
  } finally {
    await rig.stop();
  }
}

function show(traffic: Traffic): void {
  for (const [title, table] of [
    ["CPU time of Envoy, ns for each operation", envoyTable(traffic)],
    ["CPU time of Envoy and nats-server, ns for each operation", bothTable(traffic)],
    ["Rates, in a second", rateTable(traffic)],
    ["99th percentiles of latencies, µs", latencyTable(traffic)],
    ["Targets", targetTable(traffic)],
    ["The run", runTable(traffic)],
  ] as const) {
    if (table.rows.length > 0) process.stdout.write(`\n${title}\n${toTerminal(table)}`);
  }
  const { others, stolen } = traffic.run;
  if (others + stolen > DISTURBED)
    notice("Other processes were busy: trust the CPU times more than the rates, and repeat the run.");
}

/** The tables show what the filter costs until the next run: a glance must not take its place. */
async function keep(traffic: Traffic): Promise<void> {
  const { only, setups, rounds, seconds } = options;
  if (only === undefined && setups === undefined && rounds >= WHOLE.rounds && seconds >= WHOLE.seconds) {
    await updateResults({ traffic });
    await writePages();
    announce("bench/results.json, bench/RESULTS.md and the tables of the pages are written");
    return;
  }
  const file = inRoot("build", "bench", "results.json");
  mkdirSync(inRoot("build", "bench"), { recursive: true });
  writeFileSync(file, await resultsText({ traffic }));
  announce(`build/bench/results.json is written; bench/results.json stays, since this is no whole run`);
}

try {
  if (options.tables) await writePages();
  else {
    const traffic = await bench(options);
    show(traffic);
    await keep(traffic);
  }
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
}
