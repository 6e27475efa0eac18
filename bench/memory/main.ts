// `npm run bench:memory` measures the memory that the real Envoy takes of the machine: by the size of the policy, while one takes
// another's place, by connections, and by the stats of principals.

import { Command, Option } from "commander";
import { messageOf } from "../../tools/fault.ts";
import { announce } from "../../tools/progress.ts";
import { fileToWrite, wholeNumber } from "../options.ts";
import { outliveReader, writeFigures } from "../output.ts";
import { terminalWidth, toTerminal } from "../table.ts";
import { measureConnections, type Wave } from "./connections.ts";
import { measureCrowd, type CrowdWave } from "./crowd.ts";
import { checkFiles } from "./files.ts";
import { measurePolicies, type Stage } from "./policies.ts";
import { measurePrincipals, MOST_PRINCIPALS, type StatsLevel } from "./principals.ts";

interface Options {
  workers: number;
  rules: number;
  connections: number;
  crowd?: number;
  principals?: number;
  json?: string;
}

const options = new Command("npm run bench:memory --")
  .description("Measures the memory that Envoy takes of the machine, in four minutes. Linux only.")
  .option("--workers <number>", "Envoy's worker threads while policies change, or for a crowd", wholeNumber(1), 2)
  .option("--rules <number>", "the rules of a large policy", wholeNumber(1), 10_000)
  .option("--connections <number>", "idle connections, each of which takes Envoy two files", wholeNumber(10), 5000)
  .addOption(
    new Option(
      "--crowd <number>",
      "instead of all that, in a quarter of an hour: clients that come, subscribe and go at once, also with mTLS, and what others notice",
    )
      .argParser(wholeNumber(10))
      .conflicts(["rules", "connections", "principals"]),
  )
  .addOption(
    new Option(
      "--principals <number>",
      "instead of all that, in some minutes: what the stats of so many principals take, and each scrape of them",
    )
      .argParser(wholeNumber(4, MOST_PRINCIPALS))
      .conflicts(["rules", "connections"]),
  )
  .option("--json <file>", "writes the numbers there too", fileToWrite)
  .parse()
  .opts<Options>();

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function policyTable(stages: readonly Stage[]): string {
  const rows = stages.map(({ setup, after, resident, peak, allocated, computed }) => {
    const { all, anonymous, memories } = resident;
    const written = memories.map((memory) => mib(memory.resident)).join(" + ");
    const sizes = memories.reduce((sum, { size }) => sum + size, 0);
    const cpu = (computed / 1000).toFixed(2);
    return [setup, after, mib(all), mib(anonymous), mib(peak), mib(allocated), cpu, mib(sizes), written];
  });
  const columns = [
    "filter",
    "after",
    "resident>",
    "own>",
    "peak>",
    "allocated>",
    "CPU, s>",
    "Wasm's size>",
    "of that written to",
  ];
  return toTerminal({ columns, rows }, terminalWidth());
}

function connectionTable(waves: readonly Wave[]): string {
  const rows = waves.map(({ setup, wave, high, low, each }) => [
    setup,
    `${wave}`,
    mib(high.resident),
    mib(high.allocated),
    mib(low.resident),
    mib(low.allocated),
    each.allocated.toFixed(0),
    each.wasm.toFixed(0),
  ]);
  const columns = [
    "filter",
    "wave>",
    "resident>",
    "allocated>",
    "resident, a tenth left>",
    "allocated, a tenth left>",
    "each: allocated, bytes>",
    "each: Wasm, bytes>",
  ];
  return toTerminal({ columns, rows }, terminalWidth());
}

const us = (nanoseconds: number): string => Math.round(nanoseconds / 1000).toLocaleString("en-US");
const ms = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(1);

function crowdTable(waves: readonly CrowdWave[]): string {
  const rows = waves.map(({ setup, wave, high, low, cpu, connect, wholeConnect }) => [
    setup,
    `${wave}`,
    mib(high.resident),
    mib(high.allocated),
    high.memories.map(mib).join(" + "),
    mib(low.resident),
    mib(low.allocated),
    `${(low.idle * 100).toFixed(2)} %`,
    us(cpu.opening),
    us(cpu.closing),
    us(connect.alone.median),
    us(connect.alone.p99),
    us(wholeConnect),
  ]);
  const columns = [
    "filter",
    "wave>",
    "resident>",
    "allocated>",
    "Wasm, written to>",
    "resident, after>",
    "allocated, after>",
    "idle CPU, after>",
    "CPU to open, µs>",
    "CPU to close, µs>",
    "CONNECT, µs>",
    "p99>",
    "with handshakes>",
  ];
  return toTerminal({ columns, rows }, terminalWidth());
}

function pingTable(waves: readonly CrowdWave[]): string {
  const rows = waves.map(({ setup, wave, ping: { quiet, opening, closing } }) => [
    setup,
    `${wave}`,
    ...[quiet, opening, closing].flatMap(({ through, direct }) => [
      ms(through.median),
      ms(through.p99),
      ms(through.longest),
      ms(direct.longest),
    ]),
  ]);
  const of = (when: string): string[] => [`${when}: median>`, "p99>", "longest>", "direct>"];
  return toTerminal(
    { columns: ["filter", "wave>", ...of("quiet"), ...of("they come"), ...of("they go")], rows },
    terminalWidth(),
  );
}

function statsTable(levels: readonly StatsLevel[]): string {
  const rows = levels.map(({ setup, principals, allocated, scrape, idle }) => [
    setup,
    `${principals}`,
    mib(allocated),
    scrape.series.toLocaleString("en-US"),
    mib(scrape.bytes),
    scrape.computed.toFixed(0),
    scrape.took.toFixed(0),
    (idle * 1000).toFixed(1),
  ]);
  const columns = [
    "filter",
    "principals>",
    "allocated>",
    "series>",
    "scrape>",
    "its CPU, ms>",
    "took, ms>",
    "idle, ms/s>",
  ];
  return toTerminal({ columns, rows }, terminalWidth());
}

async function measureOnlyPrincipals(count: number, workers: number): Promise<void> {
  const stats = await measurePrincipals(count, workers, announce);
  process.stdout.write(
    `\nWhat Envoy with ${workers} workers holds for the stats of principals that have gone, in MiB, and what one scrape of all stats takes of\n` +
      `its main thread. Idle: what all of Envoy computes in a second without scrapes.\n${statsTable(stats)}`,
  );
  if (options.json !== undefined) writeFigures(options.json, `${JSON.stringify({ stats }, null, 2)}\n`);
}

async function measureOnlyCrowd(count: number, workers: number): Promise<void> {
  const crowd = await measureCrowd(count, workers, announce);
  process.stdout.write(
    `\n${count} clients with a subscription that come and go, through ${workers} workers, in MiB. After: with a tenth left, and none after the\n` +
      `last wave. CONNECT: to its PONG, of clients that come one by one while all are there.\n${crowdTable(crowd)}\n` +
      `PING to PONG in ms, of connections that are there meanwhile. Direct: the longest without Envoy.\n${pingTable(crowd)}`,
  );
  if (options.json !== undefined) writeFigures(options.json, `${JSON.stringify({ crowd }, null, 2)}\n`);
}

async function measureAll({ workers, rules, connections }: Options): Promise<void> {
  // Those come after minutes of policies.
  checkFiles("connections", connections);
  const stages = await measurePolicies(workers, rules, announce);
  const waves = await measureConnections(connections, announce);
  process.stdout.write(
    `\nEnvoy with ${workers} workers, in MiB. Own: what no other process can share. Peak, CPU: since the row before. Written to: of the\n` +
      `linear memory of each VM, which are the main thread's, the workers' and one that is only cloned.\n${policyTable(stages)}\n` +
      `${connections} idle connections without TLS that come and go, of one worker, in MiB. Each: one more, by Envoy's allocator and\n` +
      `by pages of linear memory.\n${connectionTable(waves)}`,
  );
  if (options.json !== undefined) writeFigures(options.json, `${JSON.stringify({ stages, waves }, null, 2)}\n`);
}

try {
  outliveReader(options.json !== undefined);
  const { crowd, principals, workers } = options;
  if (crowd !== undefined) await measureOnlyCrowd(crowd, workers);
  else if (principals !== undefined) await measureOnlyPrincipals(principals, workers);
  else await measureAll(options);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
