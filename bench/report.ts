import {
  addedValues,
  envoyCpu,
  excess,
  readsByUnitCosts,
  inCommon,
  loadCpu,
  medianOf,
  natsCpu,
  p50,
  p99,
  p999,
  podCpu,
  rate,
  ratio,
  ratioOfAdded,
  roundsOf,
  unsteadiness,
  type Figure,
} from "./figures.ts";
import { readCosts, type HostCall } from "./host-calls.ts";
import type { Failure } from "./failures.ts";
import type { Disturbance, Machine } from "./machine.ts";
import type { Measured, Plan } from "./measure.ts";
import { baselineOf, ON_REQUEST, setupOf, SETUPS, type SetupName } from "./setups.ts";
import type { Estimate, Interval } from "./statistics.ts";
import type { Table } from "./table.ts";
import type { Verdict } from "./targets.ts";

/** A small filter in another language: the size of its module, or why it is absent. */
export type PeerFact = { language: string; bytes: number } | { language: string; absent: string };

/** Everything that a run has found. */
export interface Results {
  machine: Machine;
  disturbance: Disturbance;
  plan: Plan;
  /** Seconds from the start of the run to its last figure. */
  took: number;
  workloads: Measured[];
  hostCalls: HostCall[];
  peers: PeerFact[];
  targets: Verdict[];
  /** What was to be measured and has no figures. */
  failures: Failure[];
}

const NOTHING = "";

function nanoseconds(value: number | undefined): string {
  if (value === undefined) return NOTHING;
  return Math.abs(value) < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
}

function microseconds(value: number | undefined): string {
  return value === undefined ? NOTHING : (value / 1000).toFixed(1);
}

function added(estimate: Estimate | undefined): string {
  if (!estimate) return NOTHING;
  const value = `${estimate.value < 0 ? "" : "+"}${nanoseconds(estimate.value)}`;
  // One round differs from nothing, which must not look like agreement.
  return estimate.count > 1 ? `${value} ± ${nanoseconds(estimate.spread)}` : value;
}

function times(estimate: Estimate | undefined): string {
  return estimate ? `×${estimate.value.toFixed(3)}` : NOTHING;
}

/** A comparison, in a row of so many rounds. If the other setup had fewer turns, the number of rounds that both had follows. */
function among(
  rounds: number,
  estimate: Estimate | undefined,
  write: (estimate: Estimate | undefined) => string,
): string {
  return estimate && estimate.count < rounds ? `${write(estimate)} (${estimate.count})` : write(estimate);
}

function factor(interval: Interval | undefined): string {
  if (!interval) return NOTHING;
  const [value, low, high] = [interval.value, interval.low, interval.high].map((one) =>
    one === Infinity ? "∞" : one.toFixed(2),
  );
  return `×${value} (${low} to ${high})`;
}

function perSecond(value: number | undefined): string {
  return value === undefined ? NOTHING : Math.round(value).toLocaleString("en-US");
}

function measuredSetups(measured: Measured): SetupName[] {
  return SETUPS.map(({ name }) => name).filter((name) => measured.setups[name]);
}

/** A workload's setups: rates, CPU times for each operation, and latencies if they were taken. */
export function workloadTable(measured: Measured): Table {
  const hasLatency = Object.values(measured.setups).some((rounds) => rounds[0]?.latency);
  const latency: Figure[] = hasLatency ? [p50, p99, p999] : [];
  const rows = measuredSetups(measured).map((name) => {
    const setup = setupOf(name);
    const { title, envoy } = setup;
    const baseline = baselineOf(setup);
    const empty: SetupName = baseline === "envoy" ? "empty" : "plain-empty";
    const isBaseline = name === baseline;
    const rounds = roundsOf(measured, [name]);
    const addedTo = (other: SetupName): string =>
      envoy && !isBaseline && name !== other
        ? among(rounds, excess(measured, [name, other], envoyCpu), added)
        : NOTHING;
    return [
      title,
      rounds.toString(),
      perSecond(medianOf(measured, name, rate)),
      isBaseline ? NOTHING : among(rounds, ratio(measured, [name, baseline], rate), times),
      envoy ? nanoseconds(medianOf(measured, name, envoyCpu)) : NOTHING,
      addedTo(baseline),
      addedTo(empty),
      nanoseconds(medianOf(measured, name, natsCpu)),
      nanoseconds(medianOf(measured, name, loadCpu)),
      ...latency.map((figure) => microseconds(medianOf(measured, name, figure))),
    ];
  });
  const latencies = ["p50, µs>", "p99, µs>", "p99.9, µs>"];
  return {
    columns: [
      "setup",
      "rounds>",
      "rate, 1/s>",
      "to alone>",
      "Envoy, ns>",
      "to alone, ns>",
      "to empty, ns>",
      "nats-server, ns>",
      "load, ns>",
      ...(hasLatency ? latencies : []),
    ],
    rows,
  };
}

/** A sentence for each setup that got fewer messages than the others, because it is slow. */
export function slowLines({ fewer }: Measured): string[] {
  return Object.entries(fewer).map(
    ([name, count]) => `${setupOf(name as SetupName).title}, being slow, got ${count.toLocaleString("en-US")}.`,
  );
}

/** Each target, what was measured, and whether it is met. */
export function targetTable(targets: readonly Verdict[]): Table {
  return {
    columns: ["what", "target>", "measured>", "rounds>", "verdict", "beside it"],
    rows: targets.map(({ what, target, measured, rounds, met, isMeasured, isCertain, note }) => {
      if (!isMeasured) return [what, target, NOTHING, rounds.toString(), "not measured", NOTHING];
      const verdict = `${met ? "met" : "not met"}${isCertain ? "" : ", within the noise"}`;
      return [what, target, measured, rounds.toString(), verdict, note ?? NOTHING];
    }),
  };
}

/** The whole and its parts all use the rounds that every one of these setups had. */
const SHARES = ["envoy", "empty", "reading", "filter"] as const;

/** The parts of the CPU time that is added to an operation, with mTLS. */
export function shareTable(workloads: readonly Measured[], hostCalls: readonly HostCall[]): Table {
  const costs = readCosts(hostCalls);
  const rows = workloads
    .filter((measured) => measured.callbacks)
    .map((measured) => inCommon(measured, SHARES))
    .map((measured) => {
      const { toServer, toClient } = measured.callbacks ?? { toServer: undefined, toClient: undefined };
      return [
        measured.title,
        roundsOf(measured, ["empty"]).toString(),
        (toServer?.perOperation ?? 0).toPrecision(2),
        Math.round(toServer?.bytes ?? 0).toLocaleString("en-US"),
        (toClient?.perOperation ?? 0).toPrecision(2),
        Math.round(toClient?.bytes ?? 0).toLocaleString("en-US"),
        added(excess(measured, ["filter", "envoy"], envoyCpu)),
        added(excess(measured, ["empty", "envoy"], envoyCpu)),
        added(excess(measured, ["reading", "empty"], envoyCpu)),
        added(excess(measured, ["filter", "reading"], envoyCpu)),
        nanoseconds(readsByUnitCosts(measured, costs)),
      ];
    });
  return {
    columns: [
      "work",
      "rounds>",
      "to server: calls>",
      "bytes each>",
      "to client: calls>",
      "bytes each>",
      "added, ns>",
      "calling>",
      "reading>",
      "inside Wasm>",
      "reads, by unit costs>",
    ],
    rows,
  };
}

/** What single calls to the host cost on this machine. */
export function hostCallTable(calls: readonly HostCall[]): Table {
  return {
    columns: ["host call", "ns each>", "95 %>"],
    rows: calls.map(({ name, cost: { value, low, high } }) => [
      name,
      nanoseconds(value),
      `${nanoseconds(low)} to ${nanoseconds(high)}`,
    ]),
  };
}

const PERMISSIONS = ["direct", "native", "envoy", "filter"] as const;

/**
 * What istio-nats adds to the pod of a broker with Envoy, beside what nats-server's own permissions add to a broker without Envoy:
 * a user picks one or the other. Has rows only for work where both were measured.
 */
export function permissionsTable(workloads: readonly Measured[]): Table {
  const rows = workloads
    .filter((measured) => roundsOf(measured, PERMISSIONS) > 0)
    .map((measured) => inCommon(measured, PERMISSIONS))
    .map((measured) => [
      measured.title,
      roundsOf(measured, PERMISSIONS).toString(),
      added(excess(measured, ["filter", "envoy"], podCpu)),
      added(excess(measured, ["native", "direct"], natsCpu)),
    ]);
  return { columns: ["work", "rounds>", "istio-nats adds, ns>", "permissions add, ns>"], rows };
}

const BUILDS = ["envoy", "filter", "beside"] as const;

/** Two builds of istio-nats, compared round by round. Has rows only for work where another build was measured. */
export function buildTable(workloads: readonly Measured[]): Table {
  const rows = workloads
    .filter(({ setups }) => setups.beside)
    .map((measured) => inCommon(measured, BUILDS))
    .map((measured) => [
      measured.title,
      roundsOf(measured, ["beside"]).toString(),
      ...(["filter", "beside"] as const).map((name) => added(excess(measured, [name, "envoy"], envoyCpu))),
      added(excess(measured, ["filter", "beside"], envoyCpu)),
      times(ratio(measured, ["filter", "beside"], rate)),
    ]);
  return { columns: ["work", "rounds>", "this, added>", "other, added>", "this beside other>", "rate>"], rows };
}

/** What istio-nats takes with more to observe, compared round by round with what it takes without. */
export function observedTable(workloads: readonly Measured[]): Table {
  const rows = workloads.flatMap((measured) =>
    ON_REQUEST.flatMap((name) => {
      const common = inCommon(measured, ["envoy", "filter", name]);
      const beside = excess(common, [name, "filter"], envoyCpu);
      if (!beside) return [];
      return [
        [
          measured.title,
          setupOf(name).title,
          beside.count.toString(),
          added(excess(common, ["filter", "envoy"], envoyCpu)),
          added(excess(common, [name, "envoy"], envoyCpu)),
          added(beside),
          times(ratio(common, [name, "filter"], rate)),
        ],
      ];
    }),
  );
  return {
    columns: ["work", "setup", "rounds>", "enforcing, added>", "this, added>", "this beside it>", "rate>"],
    rows,
  };
}

const LANGUAGES = ["envoy", "filter", "rust", "go"] as const;

/** What istio-nats and the peers add to Envoy alone. Has rows only for work where a peer was measured. */
export function languageTable(workloads: readonly Measured[]): Table {
  const rows = workloads
    .filter(({ setups }) => setups.rust ?? setups.go)
    .map((measured) => inCommon(measured, LANGUAGES))
    .map((measured) => [
      measured.title,
      roundsOf(measured, [measured.setups.rust ? "rust" : "go"]).toString(),
      ...(["filter", "rust", "go"] as const).map((name) => added(excess(measured, [name, "envoy"], envoyCpu))),
      ...(["rust", "go"] as const).map((name) => {
        return factor(ratioOfAdded(addedValues(measured, name, envoyCpu), addedValues(measured, "filter", envoyCpu)));
      }),
    ]);
  return {
    columns: ["work", "rounds>", "istio-nats, ns>", "Rust, ns>", "Go, ns>", "Rust to istio-nats>", "Go to istio-nats>"],
    rows,
  };
}

/** A line for each peer: the size of its module, or why it is absent. */
export function peerLines(peers: readonly PeerFact[]): string[] {
  return peers.map((peer) =>
    "bytes" in peer
      ? `The peer in ${peer.language} is a module of ${peer.bytes.toLocaleString("en-US")} bytes.`
      : `There is no peer in ${peer.language} here: ${peer.absent.replaceAll(/\s+/g, " ").trim()}`,
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function isBound({ cores, usable }: Machine): boolean {
  return usable < cores;
}

function coresText(machine: Machine): string {
  const { cores, usable } = machine;
  return isBound(machine) ? `${usable} of ${cores} cores` : `${cores} cores`;
}

/** The rounds of a run, and how many there are where targets wanted more. */
function roundsText({ rounds, seconds }: Plan, workloads: readonly Measured[]): string {
  const most = Math.max(...workloads.flatMap(({ setups }) => Object.values(setups).map((each) => each.length)));
  const more = most > rounds ? `; up to ${most} where targets wanted more` : "";
  return `${rounds}, of about ${seconds} s for each setup${more}`;
}

/** Where the run took place, with which versions, and how undisturbed it was. */
export function machineTable({ machine, disturbance, plan, took, workloads }: Results): Table {
  const differed = unsteadiness(workloads);
  return {
    columns: ["what", "value"],
    rows: [
      ["date", machine.date],
      ["CPU", `${machine.cpu}, ${coresText(machine)}`],
      ["memory", `${(machine.memory / 2 ** 30).toFixed(1)} GiB`],
      ["system", machine.system],
      ["Envoy", `${machine.envoy}, 1 worker`],
      ["nats-server", machine.natsServer],
      ["load generator", machine.go],
      ["Node", machine.node],
      ["build/istio-nats.wasm", `${machine.moduleSize.toLocaleString("en-US")} bytes`],
      ["rounds", roundsText(plan, workloads)],
      ["took", minutes(took)],
      [
        "other processes took",
        `${percent(disturbance.others)} of ${isBound(machine) ? "these cores" : "the machine"}, other machines ${percent(disturbance.stolen)}`,
      ],
      ...(Number.isNaN(differed) ? [] : [["Envoy alone differed from itself by", percent(differed)]]),
      ["load average at the end", disturbance.loadAverage.toFixed(1)],
    ],
  };
}
