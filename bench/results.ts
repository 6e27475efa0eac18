// bench/results.json: all that the benches have found, from which bench/RESULTS.md and the tables of the pages are made.

import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { inRoot } from "../tools/paths.ts";
import type { Build, Disturbance, Machine } from "./machine.ts";
import type { Measured, Round } from "./rounds.ts";
import { setupOf, type SetupName } from "./setups.ts";
import { estimatePairs, median, type Estimate } from "./statistics.ts";

/** A setup's figures for one work: medians of its rounds, and what it is beyond the setup that it is compared with, by round. */
export interface SetupResult {
  rounds: number;
  /** Operations in a second. */
  rate: number;
  /** Nanoseconds of CPU time for each operation: of Envoy, of nats-server and of the load generator. */
  envoyCpu?: number;
  natsCpu: number;
  loadCpu: number;
  /** The 99th percentile of latencies, in nanoseconds. */
  p99?: number;
  rateRatio?: Estimate;
  /** Nanoseconds for each operation: of Envoy, and of Envoy and nats-server together. */
  envoyAdded?: Estimate;
  bothAdded?: Estimate;
}

export interface WorkResult {
  name: string;
  title: string;
  /** What rates and CPU times are given for. */
  operation: string;
  /** Messages in a turn. */
  messages: number;
  setups: Partial<Record<SetupName, SetupResult>>;
}

/** What `npm run bench` has found. */
export interface Traffic {
  machine: Machine;
  /** The other build, if one was measured beside. */
  otherBuild?: Build;
  run: { rounds: number; seconds: number; minutes: number } & Disturbance;
  /** What a reader must know of this run besides. */
  note?: string;
  works: WorkResult[];
}

/**
 * A moment of Envoy: at its start, with few rules, with connections, without them again, with many rules, after other policies of as
 * many, and with the stats of principals that have gone.
 */
export type Stage = "start" | "few" | "connections" | "gone" | "rules" | "changed" | "principals";

/** What Envoy's process holds at a moment, in bytes. */
export interface MemoryRow {
  filter: "none" | "empty" | "istio-nats";
  stage: Stage;
  /** How many connections, rules or principals. */
  of?: number;
  resident?: number;
  /** What no other process can share. */
  own?: number;
  /** Pages of Wasm's linear memories that were ever written to. */
  wasm?: number;
  /** What Envoy has allocated itself. */
  allocated?: number;
  /** Series of `/stats/prometheus`, and the bytes of one scrape. */
  series?: number;
  scrape?: number;
}

/** What `npm run bench:memory` has found. */
export interface Memory {
  machine: Machine;
  workers: number;
  note?: string;
  rows: MemoryRow[];
}

export interface Results {
  traffic: Traffic;
  memory: Memory;
}

const FILE = inRoot("bench", "results.json");

export function readResults(): Results {
  return JSON.parse(readFileSync(FILE, "utf8")) as Results;
}

/** Four digits are more than any run can tell. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

/** The results as the text of a file. */
export async function resultsText(results: Partial<Results>): Promise<string> {
  const options = { ...(await resolveConfig(FILE)), parser: "json", objectWrap: "collapse" } as const;
  return format(JSON.stringify(results, rounded), options);
}

/** Replaces what one of the benches had found before. */
export async function updateResults(part: Partial<Results>): Promise<void> {
  writeFileSync(FILE, await resultsText({ ...readResults(), ...part }));
}

const both = ({ envoy, nats }: Round): number => envoy + nats;

function resultOf(name: SetupName, { rounds: all }: Measured): SetupResult {
  const rounds = all[name] ?? [];
  const of = (figure: (round: Round) => number): number => median(rounds.map(figure));
  const { isEnvoy, comparedWith } = setupOf(name);
  const base = comparedWith && all[comparedWith];
  const compare = (figure: (round: Round) => number, combine: (one: number, other: number) => number): Estimate =>
    estimatePairs(rounds.map(figure), base?.map(figure) ?? [], combine);
  const difference = (one: number, other: number): number => one - other;
  return {
    rounds: rounds.length,
    rate: Math.round(of(({ rate }) => rate)),
    ...(isEnvoy && { envoyCpu: of(({ envoy }) => envoy) }),
    natsCpu: of(({ nats }) => nats),
    loadCpu: of(({ load }) => load),
    ...(rounds[0]?.p99 !== undefined && { p99: of(({ p99 = NaN }) => p99) }),
    ...(base && {
      rateRatio: compare(
        ({ rate }) => rate,
        (one, other) => one / other,
      ),
      ...(isEnvoy && { envoyAdded: compare(({ envoy }) => envoy, difference) }),
      // Of nats-server alone when Envoy is not on the way.
      bothAdded: compare(isEnvoy ? both : ({ nats }) => nats, difference),
    }),
  };
}

export function summary(measured: Measured): WorkResult {
  const { work, messages, rounds } = measured;
  const names = Object.keys(rounds) as SetupName[];
  return {
    name: work.name,
    title: work.title,
    operation: work.operation,
    messages,
    setups: Object.fromEntries(names.map((name) => [name, resultOf(name, measured)])),
  };
}
