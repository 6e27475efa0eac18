// `npm run bench:memory` measures what memory Envoy takes of the machine: at its start, by connections, by rules, and by the stats of
// principals, without a filter, with an empty one and with istio-nats.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { Stand } from "../../test/stand/stand.ts";
import { Fault, messageOf } from "../../tools/fault.ts";
import { announce } from "../../tools/progress.ts";
import { machineFacts } from "../machine.ts";
import { wholeNumber } from "../options.ts";
import { writePages } from "../pages.ts";
import { updateResults } from "../results.ts";
import { toTerminal } from "../table.ts";
import { memoryTable, sizesTable } from "../tables.ts";
import { measureMemory, MOST_PRINCIPALS, type Counts } from "./stages.ts";

const WHOLE: Counts & { workers: number } = { connections: 5000, rules: 10_000, principals: 512, workers: 2 };

const options = new Command("npm run bench:memory --")
  .description(
    "Measures what memory Envoy takes, in some minutes. Linux only. With other numbers than the usual ones it only prints; otherwise it " +
      "writes bench/results.json, bench/RESULTS.md and the tables of the pages, too.",
  )
  .option("--connections <number>", "with mTLS and a subscription", wholeNumber(1), WHOLE.connections)
  .option("--rules <number>", "that match four principals on sixteen connections", wholeNumber(1), WHOLE.rules)
  .option("--principals <number>", "that have series of their own", wholeNumber(1), WHOLE.principals)
  .option("--workers <number>", "Envoy's worker threads", wholeNumber(1), WHOLE.workers)
  .parse()
  .opts<typeof WHOLE>();

/** Files that Envoy has open besides two for each connection. */
const OTHER_FILES = 100;

function check({ connections, principals }: Counts): void {
  const [, files = "Infinity"] = /^Max open files +\d+ +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  const most = Math.floor((Number(files) - OTHER_FILES) / 2);
  if (connections > most) {
    throw new Fault(
      `A connection takes Envoy two files, and a process may open ${files} here: raise that (ulimit -Hn), or measure --connections ${most}.`,
    );
  }
  if (principals > MOST_PRINCIPALS)
    throw new Fault(`No more than ${MOST_PRINCIPALS} principals have series of their own.`);
}

try {
  check(options);
  const stand = await Stand.start();
  const machine = await machineFacts(stand).finally(() => stand.stop());
  const { workers } = options;
  const rows = await measureMemory(workers, options, announce);
  process.stdout.write(
    `\nWhat Envoy holds, in MiB\n${toTerminal(memoryTable({ rows }))}\n${toTerminal(sizesTable({ rows }))}`,
  );
  if (Object.entries(WHOLE).every(([name, value]) => options[name as keyof typeof WHOLE] === value)) {
    await updateResults({ memory: { machine, workers, rows } });
    await writePages();
    announce("bench/results.json, bench/RESULTS.md and the tables of the pages are written");
  }
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
