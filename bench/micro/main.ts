import { readFileSync } from "node:fs";
import { arch, cpus } from "node:os";
import { gzipSync } from "node:zlib";
import { Command, Option } from "commander";
import { Fault, messageOf } from "../../tools/fault.ts";
import { buildCountingFilter, filterWasm } from "../../tools/wasm.ts";
import { fileToWrite, moduleFile, wholeNumber } from "../options.ts";
import { outliveReader, writeFigures } from "../output.ts";
import { pluginConfig } from "../policy.ts";
import { type BuildRow, measureBuilds } from "./builds.ts";
import { measureDecisions, type DecisionRow, type LoadRow } from "./decisions.ts";
import { measureFrames, type FrameRow } from "./frames.ts";
import { hasGrown, openAndClose, type Opens } from "./opens.ts";
import { measurePeers, type PeerRow, type Peers } from "./peers.ts";
import { terminalWidth, toTerminal } from "../table.ts";

const options = new Command("npm run bench:micro --")
  .description("Measures what a frame costs in the compiled module, in Node.")
  .option("--only <text>", 'only what has this in its name: "PUB", "16 B", "chunks of 64", "rules", "opens"', "")
  .option("--rounds <number>", "how often each is measured, in turn; the median counts", wholeNumber(1), 7)
  // With fewer connections there is no tenth of them to compare with.
  .option("--opens <number>", "connections opened and closed (a million take 20 s)", wholeNumber(10), 100_000)
  .addOption(
    new Option(
      "--peers",
      "builds the same work in Go and Rust (bench/peers) and measures it beside, instead of all else",
    ).conflicts(["opens", "telemetry"]),
  )
  .option("--no-telemetry", "a policy without classes of subjects and timed requests, to see what they cost")
  .option("--json <file>", "writes the numbers there too", fileToWrite)
  .option("--module <file>", "another build than build/istio-nats.wasm; what it allocates is not counted", moduleFile)
  .addOption(
    new Option(
      "--beside <file>",
      "a build to take turns with this one, frame by frame, instead of all else; try --rounds 30",
    )
      .argParser(moduleFile)
      .conflicts(["peers", "opens"]),
  )
  .parse()
  .opts<Options>();

interface Options {
  only: string;
  rounds: number;
  opens: number;
  peers?: boolean;
  telemetry: boolean;
  json?: string;
  module?: string;
  beside?: string;
}

interface Results {
  machine: { cpu: string; cpus: number; arch: string; node: string };
  rounds: number;
  module: { bytes: number; gzipped: number };
  frames: FrameRow[];
  decisions: DecisionRow[];
  loads: LoadRow[];
  opens: Opens | null;
  peers: Peers | null;
  builds: BuildRow[];
}

/** A table under its title, or nothing if it has no row. The first column is aligned to the left. */
function table(title: string, [first = "", ...others]: string[], rows: string[][]): string {
  if (rows.length === 0) return "";
  const drawn = toTerminal({ columns: [first, ...others.map((column) => `${column}>`)], rows }, terminalWidth());
  return `\n${title}\n${drawn}`;
}

/** The number with three significant digits. */
function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function range({ least, most }: { least: number; most: number }): string {
  return `${shown(least)}..${shown(most)}`;
}

/** One row for each operation: our filter first, then each peer with its time and the ratio to ours. */
function besidePeers({ rows, sizes }: Peers): string {
  const [ours = "", ...others] = Object.keys(sizes);
  const find = (label: string, language: string): PeerRow | undefined =>
    rows.find((row) => row.label === label && row.language === language);
  const labels = [...new Set(rows.map(({ label }) => label))];
  const bytes = Object.entries(sizes).map(([language, size]) => `${language} ${size} bytes`);
  return table(
    "Nanoseconds for each frame, beside small filters that read, judge by lists and count, but refuse nothing\n" +
      bytes.join(", "),
    ["operation", ours, ...others.flatMap((language) => [language, "ratio"])],
    labels.map((label) => [
      label,
      shown(find(label, ours)?.median ?? NaN),
      ...others.flatMap((language) => {
        const row = find(label, language);
        return [shown(row?.median ?? NaN), `×${(row?.ratio ?? NaN).toFixed(2)}`];
      }),
    ]),
  );
}

/** One row for each operation: this build, the other, and how they compare. */
function besideBuild(rows: readonly BuildRow[]): string {
  const times = (ratio: number): string => `×${ratio.toFixed(3)}`;
  return table(
    "Nanoseconds of processor time for each frame in two builds, which took turns. The ratio is the median of the rounds' own, this\n" +
      "build to the other; that of ever more rounds lies between the last two with 95 % certainty.",
    ["operation", "this", "other", "ratio", "from", "to"],
    rows.map(({ label, median, other, ratio: { value, low, high } }) => [
      label,
      shown(median),
      shown(other),
      ...[value, low, high].map(times),
    ]),
  );
}

function report({ machine, module, frames, decisions, loads, opens, peers, builds }: Results): string {
  return [
    `The module: ${module.bytes} bytes, ${module.gzipped} gzipped. ${machine.cpu}, Node ${machine.node}\n`,
    table(
      "Nanoseconds of processor time for each frame. Host: the same callbacks and host calls without the filter.\n" +
        "Allocated: bytes for each frame. Reads, edits, others: host calls of a callback.",
      ["operation", "all", "range", "host", "filter", "allocated", "reads", "edits", "others"],
      frames.map(({ label, median, least, most, host, allocated, calls }) => [
        label,
        shown(median),
        range({ least, most }),
        shown(host),
        shown(median - host),
        allocated === null ? "?" : allocated.toFixed(1),
        ...[calls.reads, calls.edits, calls.others].map((count) => count.toFixed(2)),
      ]),
    ),
    table(
      "Nanoseconds for each publish of 16 B, by number of rules, all of which match. Remembered: subjects in random order, each\n" +
        "equally often, in a VM that knows them. First time: each subject once, in a VM that has just loaded the policy.\n" +
        "Walked: the same where the third token decides too, which the policy does not tell beforehand.\n" +
        "Groups: the pairs of two first tokens by which istio-nats remembers these subjects. Fewer rules make fewer groups.\n",
      ["asked", "rules", "subjects", "groups", "all", "range", "ratio"],
      decisions.map(({ asked, rules, subjects, groups, median, least, most, ratio }) => [
        asked,
        `${rules}`,
        `${subjects}`,
        `${groups}`,
        shown(median),
        range({ least, most }),
        `×${ratio.toFixed(2)}`,
      ]),
    ),
    table(
      "A policy's first load, in one callback of one VM, and its first peer",
      ["rules", "JSON bytes", "ms", "first peer, ms", "Wasm pages"],
      loads.map(({ rules, bytes, milliseconds, firstPeer, pages }) => [
        `${rules}`,
        `${bytes}`,
        shown(milliseconds),
        shown(firstPeer),
        `${pages}`,
      ]),
    ),
    table(
      "Connections opened and closed. In use: after a tenth of them, and after the last",
      ["connections", "µs each", "bytes in use", "Wasm pages"],
      opens === null
        ? []
        : [
            [
              `${opens.connections}`,
              shown(opens.microseconds),
              `${opens.bytesEarly}, ${opens.bytesLate}`,
              `${opens.pagesEarly}, ${opens.pagesLate}`,
            ],
          ],
    ),
    peers ? besidePeers(peers) : "",
    besideBuild(builds),
    ...(peers?.absent ?? []).map(({ name, absent }) => `\nNothing in ${name}: ${absent}\n`),
  ].join("");
}

/** Has nothing such a name? */
function isEmpty({ frames, decisions, opens, peers, builds }: Results): boolean {
  return frames.length + decisions.length + builds.length + (peers?.rows.length ?? 0) === 0 && opens === null;
}

function whyEmpty({ only, module, beside, peers }: Options): string {
  if ("opens and closes".includes(only) && module !== undefined) {
    return "what connections hold only a build tells that counts it, which is made of assembly/. Leave out --module.";
  }
  const which = beside !== undefined || peers ? "no frame that is compared" : "no name";
  return `${which} has "${only}" in it. npm run bench:micro -- --help has examples.`;
}

async function main(): Promise<void> {
  const { only, rounds } = options;
  const wasm = readFileSync(options.module ?? filterWasm);
  const module = new WebAssembly.Module(wasm);
  const results: Results = {
    machine: { cpu: cpus()[0]?.model ?? "", cpus: cpus().length, arch: arch(), node: process.version },
    rounds,
    module: { bytes: wasm.length, gzipped: gzipSync(wasm, { level: 9 }).length },
    frames: [],
    decisions: [],
    loads: [],
    opens: null,
    peers: null,
    builds: [],
  };
  const policy = pluginConfig("PEER", options.telemetry);
  if (options.beside !== undefined) {
    const other = new WebAssembly.Module(readFileSync(options.beside));
    results.builds = measureBuilds(module, other, only, rounds, policy);
  } else if (options.peers) results.peers = await measurePeers(wasm, only, rounds);
  else {
    const counts = options.module === undefined;
    const counting = counts ? new WebAssembly.Module(readFileSync(await buildCountingFilter())) : null;
    results.frames = measureFrames(module, counting, only, rounds, policy);
    if ("decisions by rules".includes(only)) Object.assign(results, measureDecisions(module, rounds));
    if (counting && "opens and closes".includes(only)) results.opens = openAndClose(counting, options.opens, policy);
  }
  if (isEmpty(results)) throw new Fault(`Nothing is measured: ${whyEmpty(options)}`);
  process.stdout.write(report(results));
  if (options.json !== undefined) writeFigures(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (results.opens && hasGrown(results.opens)) {
    process.stderr.write("Closed connections still hold memory: more is in use than after a tenth of them.\n");
    process.exitCode = 1;
  }
}

try {
  outliveReader(options.json !== undefined);
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
