// Writes bench/results.json into bench/RESULTS.md and into the tables of the pages.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { inRoot } from "../tools/paths.ts";
import { readResults, type Results } from "./results.ts";
import { toMarkdown, type Table } from "./table.ts";
import {
  bothTable,
  costTable,
  envoyTable,
  latencyTable,
  memoryRunTable,
  memoryTable,
  rateTable,
  runTable,
  sizesTable,
  targetTable,
} from "./tables.ts";

const RESULTS = "bench/RESULTS.md";

/** The pages that may have tables between `<!-- table NAME, made from bench/results.json -->` and `<!-- end of table -->`. */
const PAGES = ["README.md", "docs/explanation/performance.md", "docs/how-to/size-the-proxy.md"];
const MARKED = /(<!-- table ([a-z]+), made from bench\/results\.json -->\n)[\s\S]*?(<!-- end of table -->)/g;

const TABLES: Record<string, (results: Results) => Table> = {
  cost: ({ traffic }) => costTable(traffic),
  targets: ({ traffic }) => targetTable(traffic),
  run: ({ traffic }) => runTable(traffic),
  memory: ({ memory }) => memoryTable(memory),
  sizes: ({ memory }) => sizesTable(memory),
};

function resultsPage({ traffic, memory }: Results): string {
  const latencies = latencyTable(traffic);
  return `# Results of the benches

<!-- Made from bench/results.json, which \`npm run bench\` and \`npm run bench:memory\` write. -->

## Traffic

One load generator (\`bench/load\`) sends the same messages to one nats-server, directly and through one Envoy with a listener for each
setup. The setups take turns, and every second round goes backwards.

- A figure is the median over the rounds. A comparison is made within each round, and its median is given; ± is the median distance from
  it. The interval holds the median of ever more rounds with 95 % certainty.
- _Envoy once more_ is the same without a filter at another listener: so much differs by noise alone.
- _permissions_ are the same policy as permissions of a user of nats-server, compared with nats-server without them, over plain TCP. All
  else has mTLS as in Istio's STRICT mode.
- _istio-nats_ enforces twenty rules that all match the peer (\`bench/policy.ts\`), with stats by six classes of subjects, and audit.
- CPU time is what the kernel counts for all threads of a process, divided by the operations: publishes, deliveries (with their publish,
  if that went the same way), or requests with their reply. Trust it more than rates, which the slowest of three processes decides.
- Whatever should arrive has arrived, once, and what should be refused was refused: otherwise the run fails.

${toMarkdown(runTable(traffic))}
${traffic.note === undefined ? "" : `${traffic.note}\n`}
### Targets

CPU is that of Envoy and nats-server beyond the same with Envoy without a filter, in nanoseconds for each operation. The rate is a share
of that through Envoy without a filter. A missed target fails nothing.

${toMarkdown(targetTable(traffic))}
### CPU time of Envoy

Nanoseconds for each operation, of Envoy without a filter and beyond it.

${toMarkdown(envoyTable(traffic))}
### CPU time of Envoy and nats-server

Nanoseconds for each operation, of nats-server alone and beyond it or beyond Envoy.

${toMarkdown(bothTable(traffic))}
### Rates

Operations in a second, and what is left of them. A publish that is refused has nothing to be compared with.

${toMarkdown(rateTable(traffic))}
### Latencies

99th percentiles in microseconds.

${toMarkdown(latencies)}
## Memory

What Envoy's process holds, in MiB. _own_ is what no other process can share; _of Wasm_ are pages of the linear memories of all VMs that
were ever written to; _allocated_ is what Envoy's allocator has given out.

${toMarkdown(memoryRunTable(memory))}
${memory.note === undefined ? "" : `${memory.note}\n`}
${toMarkdown(memoryTable(memory))}`;
}

async function formatted(file: string, text: string): Promise<string> {
  return format(text, { ...(await resolveConfig(inRoot(file))), filepath: file });
}

/** The pages as they must be, by their paths. Throws if one asks for a table that nobody makes. */
export async function pages(results = readResults()): Promise<Map<string, string>> {
  const texts = new Map([[RESULTS, await formatted(RESULTS, resultsPage(results))]]);
  for (const page of PAGES.filter((file) => existsSync(inRoot(file)))) {
    const text = readFileSync(inRoot(page), "utf8").replaceAll(
      MARKED,
      (_, head: string, name: string, end: string): string => {
        const table = TABLES[name];
        if (!table) throw new Error(`${page} wants the table ${name}. There are: ${Object.keys(TABLES).join(", ")}`);
        return `${head}\n${toMarkdown(table(results))}\n${end}`;
      },
    );
    texts.set(page, await formatted(page, text));
  }
  return texts;
}

/** Brings bench/RESULTS.md and the tables of the pages up to bench/results.json. */
export async function writePages(): Promise<void> {
  for (const [file, text] of await pages()) writeFileSync(inRoot(file), text);
}
