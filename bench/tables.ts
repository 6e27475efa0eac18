// The tables of the results, for the terminal, for bench/RESULTS.md and for the pages.

import type { Build, Machine } from "./machine.ts";
import type { Memory, MemoryRow, SetupResult, Stage, Traffic, WorkResult } from "./results.ts";
import { setupOf, type SetupName } from "./setups.ts";
import type { Estimate } from "./statistics.ts";
import { withoutEmpty, type Table } from "./table.ts";
import { verdicts } from "./targets.ts";

function nanoseconds(value: number | undefined): string {
  if (value === undefined) return "";
  return Math.abs(value) < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
}

function added(estimate: Estimate | undefined): string {
  if (!estimate) return "";
  const value = `${estimate.value < 0 ? "" : "+"}${nanoseconds(estimate.value)}`;
  return estimate.spread === null ? value : `${value} ± ${nanoseconds(estimate.spread)}`;
}

function ratio(estimate: Estimate | undefined): string {
  return estimate ? `×${estimate.value.toFixed(3)}` : "";
}

function count(value: number | undefined): string {
  return value === undefined ? "" : Math.round(value).toLocaleString("en-US");
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

type Column = [setup: SetupName, write: (result: SetupResult, work: WorkResult) => string, title?: string];

/** A row for each work, and a column for each setup that some work has. */
function bySetup(works: readonly WorkResult[], columns: readonly Column[]): Table {
  return withoutEmpty({
    columns: ["work", ...columns.map(([setup, , title = setupOf(setup).title]) => `${title}>`)],
    rows: works.map((work) => [
      work.title,
      ...columns.map(([setup, write]) => {
        const result = work.setups[setup];
        return result ? write(result, work) : "";
      }),
    ]),
  });
}

const BEYOND_ENVOY = ["again", "empty", "filter", "other"] as const;

/** What a setup adds to that which it is compared with. Of work that nobody else does, such as a refusal, it is all that it takes. */
function beyond(estimate: Estimate | undefined, all: number, { setups }: WorkResult): string {
  if (estimate) return added(estimate);
  return setups.envoy ? "" : `${nanoseconds(all)} in all`;
}

/** CPU time of Envoy for each operation: alone, and what each setup has beyond that. */
export function envoyTable({ works }: Traffic): Table {
  return bySetup(works, [
    ["envoy", ({ envoyCpu }) => nanoseconds(envoyCpu)],
    ...BEYOND_ENVOY.map((name): Column => [
      name,
      ({ envoyAdded, envoyCpu = NaN }, work) => beyond(envoyAdded, envoyCpu, work),
    ]),
  ]);
}

/** CPU time of Envoy and nats-server together: nats-server alone, and what each setup has beyond what it is compared with. */
export function bothTable({ works }: Traffic): Table {
  return bySetup(works, [
    ["direct", ({ natsCpu }) => nanoseconds(natsCpu)],
    ...(["permissions", ...BEYOND_ENVOY] as const).map((name): Column => [
      name,
      ({ bothAdded, envoyCpu = 0, natsCpu }, work) => beyond(bothAdded, envoyCpu + natsCpu, work),
    ]),
  ]);
}

/** Operations in a second, and what each setup keeps of the rate of what it is compared with. */
export function rateTable({ works }: Traffic): Table {
  const kept = ({ rateRatio, rate }: SetupResult): string => (rateRatio ? ratio(rateRatio) : count(rate));
  return bySetup(works, [
    ["direct", ({ rate }) => count(rate)],
    ["permissions", kept],
    ["envoy", ({ rate }) => count(rate)],
    ...BEYOND_ENVOY.map((name): Column => [name, kept]),
  ]);
}

/** 99th percentiles of latencies in microseconds, of work that has any. */
export function latencyTable({ works }: Traffic): Table {
  const shown = ({ p99 }: SetupResult): string => (p99 === undefined ? "" : (p99 / 1000).toFixed(1));
  const timed = works.filter(({ setups }) => Object.values(setups).some(({ p99 }) => p99 !== undefined));
  return bySetup(
    timed,
    (["direct", "permissions", "envoy", ...BEYOND_ENVOY] as const).map((name): Column => [name, shown]),
  );
}

/** Each target, what was measured, and whether it is met. */
export function targetTable(traffic: Pick<Traffic, "works">): Table {
  return {
    columns: ["work", "what>", "target>", "measured>", "95 %>", "rounds>", "verdict"],
    rows: verdicts(traffic).map(({ work, what, limit, estimate: { value, low, high, rounds }, answer }) => {
      const shown = (figure: number): string => (what === "CPU" ? nanoseconds(figure) : `×${figure.toFixed(3)}`);
      const target = what === "CPU" ? `≤ ${count(limit)} ns` : `≥ ×${limit.toFixed(2)}`;
      const interval = low === null || high === null ? "" : `${shown(low)} to ${shown(high)}`;
      return [work, what, target, shown(value), interval, `${rounds}`, answer];
    }),
  };
}

/** What the pages say of the cost. */
export function costTable({ works }: Traffic): Table {
  return bySetup(
    works.filter(({ setups }) => setups.envoy),
    [
      ["envoy", ({ envoyCpu }) => nanoseconds(envoyCpu), "Envoy takes"],
      ["filter", ({ envoyAdded }) => added(envoyAdded), "the filter adds"],
      ["filter", ({ rateRatio }) => ratio(rateRatio), "of the rate"],
      ["filter", ({ bothAdded }) => added(bothAdded), "with nats-server's part, the filter adds"],
      ["permissions", ({ bothAdded }) => added(bothAdded), "permissions add to nats-server"],
    ],
  );
}

const build = ({ bytes, sha256 }: Build): string =>
  `${bytes.toLocaleString("en-US")} bytes${sha256 === "" ? "" : `, SHA-256 ${sha256}…`}`;

function machineRows({ date, machine, envoy, natsServer, node, module }: Machine): string[][] {
  return [
    ["date", date],
    ["machine", machine],
    ["Envoy, nats-server, Node", `${envoy}, ${natsServer}, ${node}`],
    ["build/istio-nats.wasm", build(module)],
  ];
}

/** Where the run of `npm run bench` took place, and how undisturbed it was. */
export function runTable({ machine, otherBuild, run }: Traffic): Table {
  return {
    columns: ["what", "value"],
    rows: [
      ...machineRows(machine),
      ...(otherBuild ? [["the other build", build(otherBuild)]] : []),
      ["load generator", machine.go],
      ["rounds", `${run.rounds}, of about ${run.seconds} s for each setup, in ${run.minutes} minutes`],
      ["other processes took", `${percent(run.others)} of the machine, other machines ${percent(run.stolen)}`],
    ],
  };
}

export function memoryRunTable({ machine, workers }: Memory): Table {
  return { columns: ["what", "value"], rows: [...machineRows(machine), ["workers of Envoy", `${workers}`]] };
}

const mib = (bytes: number | undefined): string => (bytes === undefined ? "" : (bytes / 2 ** 20).toFixed(1));

const STAGES: Record<Stage, (count: string) => string> = {
  start: () => "at its start",
  few: (rules) => `${rules} rules`,
  connections: (connections) => `${connections} connections`,
  gone: () => "they have gone",
  rules: (rules) => `${rules} rules`,
  changed: () => "after other such policies",
  principals: (principals) => `the stats of ${principals} principals`,
};

/** What Envoy holds, in MiB. */
export function memoryTable({ rows }: Pick<Memory, "rows">): Table {
  return withoutEmpty({
    columns: ["filter", "when", "resident>", "own>", "of Wasm>", "allocated>", "series>", "a scrape>"],
    rows: rows.map(({ filter, stage, of, resident, own, wasm, allocated, series, scrape }) => [
      filter,
      STAGES[stage](count(of)),
      ...[resident, own, wasm, allocated].map(mib),
      count(series),
      mib(scrape),
    ]),
  });
}

/** What the sizing of a proxy adds up. */
export function sizesTable({ rows }: Pick<Memory, "rows">): Table {
  const held = (filter: MemoryRow["filter"], stage: Stage, what: "resident" | "allocated" = "resident"): number =>
    rows.findLast((row) => row.filter === filter && row.stage === stage)?.[what] ?? NaN;
  const [none, few] = [held("none", "start"), held("istio-nats", "few")];
  const many = rows.findLast(({ stage }) => stage === "rules")?.of;
  const each = (filter: MemoryRow["filter"], before: number): string => {
    const { of = NaN, resident = NaN } = rows.find((row) => row.filter === filter && row.stage === "connections") ?? {};
    return `${((resident - before) / of / 1024).toFixed(0)} KiB`;
  };
  const principals = rows.filter(({ stage }) => stage === "principals");
  const [before, after] = [principals[0], principals.at(-1)];
  const eachPrincipal = ((after?.allocated ?? NaN) - (before?.allocated ?? NaN)) / (after?.of ?? NaN) / 1024;
  const more = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB more`;
  return {
    columns: ["for", "memory>"],
    rows: [
      ["Envoy without a filter", `${mib(none)} MiB`],
      ["a filter in Wasm that does nothing", more(held("empty", "start") - none)],
      ["istio-nats with few rules instead", more(few - none)],
      ["each connection with mTLS and a subscription, without a filter", each("none", none)],
      ["the same with istio-nats", each("istio-nats", few)],
      [`${count(many)} rules that match four peers, instead of few`, more(held("istio-nats", "rules") - few)],
      ["the same after other such policies", more(held("istio-nats", "changed") - few)],
      ["each principal that has series of its own", `${eachPrincipal.toFixed(0)} KiB`],
    ],
  };
}
