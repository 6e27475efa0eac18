// `npm run bench:micro` measures what a frame costs in the compiled module alone, in Node.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { gzipSync } from "node:zlib";
import { Command } from "commander";
import { Fault, messageOf } from "../../tools/fault.ts";
import { filterWasm } from "../../tools/wasm.ts";
import { moduleFile, wholeNumber } from "../options.ts";
import { pluginConfig } from "../policy.ts";
import { estimate, estimatePairs } from "../statistics.ts";
import { toTerminal } from "../table.ts";
import { CASES, passOver } from "./cases.ts";
import { alternate } from "./timing.ts";

interface Options {
  only: string;
  rounds: number;
  module: string;
  beside?: string;
}

const options = new Command("npm run bench:micro --")
  .description(
    "Measures what a frame costs in the compiled module, in Node: nanoseconds of processor time, the median of the rounds.",
  )
  .option("--only <text>", 'only what has this in its name, such as "HPUB" or "16 B"', "")
  .option("--rounds <number>", "how often each is measured, in turn", wholeNumber(1), 15)
  .option("--module <file>", "another build than build/istio-nats.wasm", moduleFile, filterWasm)
  .option("--beside <file>", "a build that takes turns with it, frame by frame", moduleFile)
  .parse()
  .opts<Options>();

/** The number with three significant digits. */
function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function report({ only, rounds, module, beside }: Options): string {
  const files = beside === undefined ? [module] : [module, beside];
  const builds = files.map((file) => new WebAssembly.Module(readFileSync(file)));
  const cases = CASES.filter(({ name }) => name.includes(only));
  if (cases.length === 0)
    throw new Fault(
      `Nothing has "${only}" in its name. There are:\n${CASES.map(({ name }) => `  ${name}\n`).join("")}`,
    );
  const times = alternate(
    cases.flatMap((one) =>
      builds.map((build) => ({ units: one.frames.length, pass: passOver(build, one, pluginConfig) })),
    ),
    rounds,
  );
  const rows = cases.map(({ name }, i) => {
    const [ours = [], theirs] = times.slice(i * builds.length, (i + 1) * builds.length);
    const { value, spread } = estimate(ours);
    const row = [name, `${shown(value)}${spread === null ? "" : ` ± ${shown(spread)}`}`];
    if (!theirs) return row;
    const ratio = estimatePairs(ours, theirs, (a, b) => a / b);
    const interval =
      ratio.low === null || ratio.high === null ? "" : `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`;
    return [...row, shown(estimate(theirs).value), `×${ratio.value.toFixed(3)}`, interval];
  });
  const columns = ["frame", "ns>", ...(beside === undefined ? [] : ["beside>", "ratio>", "95 %>"])];
  const sizes = files.map((file) => {
    const bytes = readFileSync(file);
    return `${file}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped\n`;
  });
  return `${sizes.join("")}${cpus()[0]?.model ?? ""}, Node ${process.versions.node}\n\n${toTerminal({ columns, rows })}`;
}

try {
  process.stdout.write(report(options));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
