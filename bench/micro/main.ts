import { readFileSync, writeFileSync } from "node:fs";
import { arch, cpus } from "node:os";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { buildCountingFilter, filterWasm } from "../../tools/wasm.ts";
import { pluginConfig } from "../policy.ts";
import { measureDecisions, type DecisionRow, type LoadRow } from "./decisions.ts";
import { measureFrames, type FrameRow } from "./frames.ts";
import { hasGrown, openAndClose, type Opens } from "./opens.ts";
import { measurePeers, type PeerRow, type Peers } from "./peers.ts";
import { toTerminal } from "../table.ts";

const USAGE = `npm run bench:micro -- [--only TEXT] [--rounds N] [--opens N] [--peers] [--no-telemetry] [--json FILE] [--module FILE]

  --only TEXT    only what has TEXT in its name: "PUB", "16 B", "chunks of 64", "rules", "opens"
  --rounds N     how often each is measured, in turn; the median counts (7)
  --opens N      connections opened and closed (100000; a million take 15 s)
  --peers        builds the same work in Go and Rust (bench/peers) and measures it beside, instead of all else
  --no-telemetry a policy without classes of subjects and timed requests: beside a run without this, what they cost
  --json FILE    writes the numbers there too
  --module FILE  another build than build/istio-nats.wasm; what it allocates is not counted then
`;

interface Results {
  machine: { cpu: string; cpus: number; arch: string; node: string };
  rounds: number;
  module: { bytes: number; gzipped: number };
  frames: FrameRow[];
  decisions: DecisionRow[];
  loads: LoadRow[];
  opens: Opens | null;
  peers: Peers | null;
}

/** A table under its title, or nothing if it has no row. The first column is aligned to the left. */
function table(title: string, [first = "", ...others]: string[], rows: string[][]): string {
  if (rows.length === 0) return "";
  return `\n${title}\n${toTerminal({ columns: [first, ...others.map((column) => `${column}>`)], rows })}`;
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

function report({ machine, module, frames, decisions, loads, opens, peers }: Results): string {
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
      "A policy's first load, in one callback of one VM",
      ["rules", "JSON bytes", "ms", "Wasm pages"],
      loads.map(({ rules, bytes, milliseconds, pages }) =>
        [rules, bytes, milliseconds, pages].map(Math.round).map(String),
      ),
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
    ...(peers?.absent ?? []).map(({ name, absent }) => `\nNothing in ${name}: ${absent}\n`),
  ].join("");
}

/** The option's number. If it is missing or too small, undefined, with a line on stderr. */
function wholeNumber(option: string, text: string, least: number): number | undefined {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  process.stderr.write(`--${option} must be a whole number, at least ${least}.\n`);
  return undefined;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      rounds: { type: "string", default: "7" },
      opens: { type: "string", default: "100000" },
      peers: { type: "boolean", default: false },
      "no-telemetry": { type: "boolean", default: false },
      json: { type: "string" },
      module: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const rounds = wholeNumber("rounds", values.rounds, 1);
  // With fewer connections there is no tenth of them to compare with.
  const opens = wholeNumber("opens", values.opens, 10);
  if (rounds === undefined || opens === undefined) {
    process.exitCode = 1;
    return;
  }
  const wasm = readFileSync(values.module ?? filterWasm);
  const module = new WebAssembly.Module(wasm);
  const { only } = values;
  const results: Results = {
    machine: { cpu: cpus()[0]?.model ?? "", cpus: cpus().length, arch: arch(), node: process.version },
    rounds,
    module: { bytes: wasm.length, gzipped: gzipSync(wasm, { level: 9 }).length },
    frames: [],
    decisions: [],
    loads: [],
    opens: null,
    peers: null,
  };
  if (values.peers) results.peers = await measurePeers(wasm, only, rounds);
  else {
    const counts = values.module === undefined;
    const counting = counts ? new WebAssembly.Module(readFileSync(await buildCountingFilter())) : null;
    results.frames = measureFrames(module, counting, only, rounds, pluginConfig("PEER", !values["no-telemetry"]));
    if ("decisions by rules".includes(only)) Object.assign(results, measureDecisions(module, rounds));
    if (counting && "opens and closes".includes(only)) results.opens = openAndClose(counting, opens);
  }
  process.stdout.write(report(results));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  if (results.opens && hasGrown(results.opens)) {
    process.stderr.write("Closed connections still hold memory: more is in use than after a tenth of them.\n");
    process.exitCode = 1;
  }
}

await main();
