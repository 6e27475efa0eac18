import {
  addedValues,
  envoyCpu,
  excess,
  p99,
  podCpu,
  rate,
  ratio,
  ratioOfAdded,
  valuesOf,
  type Figure,
} from "./figures.ts";
import { LEAST_ROUNDS } from "./looks.ts";
import type { Job, Measured, Round } from "./measure.ts";
import { ON_REQUEST, type SetupName } from "./setups.ts";
import { estimatePairs, type Estimate, type Interval } from "./statistics.ts";

/** A figure compared with its target. A missed target is reported, and fails nothing. */
export interface Verdict {
  what: string;
  target: string;
  measured: string;
  /** The same two as numbers, for whoever reads `--json`: nanoseconds, shares and ratios. An endless interval is null there. */
  limit: number;
  interval: Interval;
  /** How many rounds the figure is made of. */
  rounds: number;
  met: boolean;
  /** False if work that decides it has failed. Nothing is known then, and `met` is false. */
  isMeasured: boolean;
  /** True if more rounds would not change the verdict. If the host's share decides, this holds for that share too. */
  isCertain: boolean;
  /** The work whose further rounds would settle the verdict. */
  workloads: readonly string[];
  /** What a reader must know besides. */
  note?: string;
}

interface Bound {
  what: string;
  workloads: readonly string[];
  estimate: Interval | undefined;
  limit: number;
  kind: "at most" | "at least";
  write: (value: number) => string;
  note?: string | undefined;
}

const asRatio = (value: number): string => (value === Infinity ? "×∞" : `×${value.toFixed(3)}`);
const asNanoseconds = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ns`;
const asPercent = (value: number): string => `${(value * 100).toFixed(2)} %`;
const asMicroseconds = (value: number): string => `${(value / 1000).toFixed(1)} µs`;

function judge({ what, workloads, estimate, limit, kind, write, note }: Bound): Verdict[] {
  if (!estimate) return [];
  const { count, value, low, high } = estimate;
  return [
    {
      what,
      workloads,
      target: `${kind === "at most" ? "≤" : "≥"} ${write(limit)}`,
      measured: count > 1 ? `${write(value)} (${write(low)} to ${write(high)})` : write(value),
      limit,
      interval: { count, value, low, high },
      rounds: count,
      met: kind === "at most" ? value <= limit : value >= limit,
      isMeasured: true,
      isCertain: count >= LEAST_ROUNDS && (limit < low || limit > high),
      ...(note ? { note } : {}),
    },
  ];
}

/** The filter that shows what any filter pays: one that reads what each callback brings, or one that reads lines alone. */
type HostSetup = "reading" | "lines";

interface PublishTarget {
  workload: string;
  /** Nanoseconds, or a share of Envoy's own CPU time. */
  added: { nanoseconds: number } | { share: number };
  rate: number;
  /** `lines` if payloads fill callbacks: payloads need not be read, and istio-nats does not read them. */
  host?: HostSetup;
}

const PUBLISH_TARGETS: readonly PublishTarget[] = [
  { workload: "publish-16", added: { nanoseconds: 15 }, rate: 0.97 },
  { workload: "publish-128", added: { nanoseconds: 25 }, rate: 0.97 },
  { workload: "publish-1k", added: { nanoseconds: 100 }, rate: 0.95 },
  { workload: "publish-16k", added: { nanoseconds: 700 }, rate: 0.95 },
  { workload: "publish-1m", added: { share: 0.01 }, rate: 0.99, host: "lines" },
];

const RATE_TARGETS: Record<string, number> = {
  "fan-out-1": 0.97,
  "fan-out-10": 0.97,
  queue: 0.97,
  request: 0.97,
  "jetstream-publish": 0.97,
  "jetstream-pull": 0.97,
  filtered: 0.9,
};

const ADDED_REQUEST_P99 = 10_000;
const REFUSED_TO_ALLOWED = 2;
const RANDOM_TO_REPEATED = 1.5;

const OURS = ["filter", "envoy"] as const;

function hostSetup(workload: string): HostSetup {
  return PUBLISH_TARGETS.find((target) => target.workload === workload)?.host ?? "reading";
}

/** The setups that the verdicts on this work are made of, and those that are compared with istio-nats as it is. */
export function decisiveFor(workload: string): SetupName[] {
  return ["envoy", hostSetup(workload), "filter", "beside", ...ON_REQUEST];
}

type Pair = Parameters<typeof excess>[1];

/**
 * If measurement shows for certain that any filter exceeds a target, the target binds only what comes on top. A user pays the
 * whole, so the note reports that too.
 */
function judgeBeyondHost(
  { workload }: Measured,
  target: Omit<Bound, "workloads" | "estimate" | "note">,
  of: (pair: Pair) => Estimate | undefined,
): Verdict[] {
  const bound = { ...target, workloads: [workload] };
  const setup = hostSetup(workload);
  const [host] = judge({ ...bound, estimate: of([setup, "envoy"]) });
  if (!host) return judge({ ...bound, estimate: of(OURS) });
  const alone = `the host alone ${bound.kind === "at most" ? "adds" : "leaves"} ${host.measured}`;
  if (!host.met && host.isCertain) {
    const whole = judge({ ...bound, estimate: of(OURS) }).map(({ measured }) => `; the whole: ${measured}`);
    const note = `${alone}; the target binds what is beyond it${whole.join("")}`;
    return judge({ ...bound, estimate: of(["filter", setup]), note });
  }
  return judge({ ...bound, estimate: of(OURS), note: alone }).map((verdict) => ({
    ...verdict,
    isCertain: verdict.isCertain && (verdict.met || host.isCertain),
  }));
}

function publishVerdicts(measured: Measured, target: PublishTarget): Verdict[] {
  const { added } = target;
  const cpu = (): Verdict[] => {
    const what = `${measured.title}: CPU added`;
    if ("nanoseconds" in added) {
      const bound = { what, limit: added.nanoseconds, kind: "at most", write: asNanoseconds } as const;
      return judgeBeyondHost(measured, bound, (pair) => excess(measured, pair, envoyCpu));
    }
    const bound = { what, limit: added.share, kind: "at most", write: asPercent } as const;
    return judgeBeyondHost(measured, bound, (pair) => {
      const over = ratio(measured, pair, envoyCpu);
      return over && { ...over, value: over.value - 1, low: over.low - 1, high: over.high - 1 };
    });
  };
  return [...cpu(), ...rateVerdict(measured, target.rate)];
}

function rateVerdict(measured: Measured, limit: number): Verdict[] {
  const bound = { what: `${measured.title}: rate`, limit, kind: "at least", write: asRatio } as const;
  return judgeBeyondHost(measured, bound, (pair) => ratio(measured, pair, rate));
}

function requestVerdict(request: Measured): Verdict[] {
  const what = "request and reply: p99 added";
  const bound = { what, limit: ADDED_REQUEST_P99, kind: "at most", write: asMicroseconds } as const;
  return judgeBeyondHost(request, bound, (pair) => excess(request, pair, p99));
}

/**
 * The issue bounds what a refused publish costs, but does not say to whom. The pod pays the sum, but nats-server is spared most of
 * its work for the publish, and that hides what Envoy pays. So both are held to the same bound.
 */
const REFUSED_COSTS: readonly [whose: string, figure: Figure][] = [
  ["CPU of Envoy and nats-server", podCpu],
  ["Envoy's own CPU", envoyCpu],
];

function refusedVerdicts(refused: Measured, allowed: Measured): Verdict[] {
  return REFUSED_COSTS.flatMap(([whose, figure]) => {
    const [ours = [], theirs = []] = [refused, allowed].map((one) => valuesOf(one, "filter", figure));
    if (ours.length === 0 || theirs.length === 0) return [];
    return judge({
      what: `a refused publish against an allowed one: ${whose}`,
      workloads: [refused.workload, allowed.workload],
      estimate: estimatePairs(ours, theirs, (one, other) => one / other),
      limit: REFUSED_TO_ALLOWED,
      kind: "at most",
      write: asRatio,
    });
  });
}

function randomVerdict(random: Measured, repeated: Measured): Verdict[] {
  const added = ratioOfAdded(addedValues(random, "filter", envoyCpu), addedValues(repeated, "filter", envoyCpu));
  const whole = estimatePairs(
    valuesOf(random, "filter", envoyCpu),
    valuesOf(repeated, "filter", envoyCpu),
    (one, other) => one / other,
  );
  return judge({
    what: "1,000 random subjects against a repeated one: CPU added",
    workloads: [random.workload, repeated.workload],
    estimate: added,
    limit: RANDOM_TO_REPEATED,
    kind: "at most",
    write: asRatio,
    note: `all of Envoy's CPU: ${asRatio(whole.value)}`,
  });
}

/** Work that has failed, as if each of its setups had had a round. That tells which targets it has. */
function standIn({ workload: { name, title, operation }, setups }: Job): Measured {
  const round: Round = { seconds: 0, rate: 0, envoyCpu: 0, natsCpu: 0, loadCpu: 0 };
  const rounds = Object.fromEntries(setups.map((setup) => [setup, [round]]));
  return { workload: name, title, operation, messages: 0, fewer: {}, setups: rounds };
}

function unmeasured({ what, target, limit, workloads }: Verdict): Verdict {
  const interval = { count: 0, value: NaN, low: NaN, high: NaN };
  const known = { what, target, limit, workloads };
  return { ...known, measured: "", interval, rounds: 0, met: false, isMeasured: false, isCertain: false };
}

/** The verdict on every target whose workloads and setups were measured, and those on which nothing can be said: of failed work. */
export function verdicts(all: readonly Measured[], failed: readonly Job[] = []): Verdict[] {
  const without = new Set(failed.map(({ workload }) => workload.name));
  const whole = [...all.filter(({ workload }) => !without.has(workload)), ...failed.map(standIn)];
  return judged(whole).map((verdict) =>
    verdict.workloads.some((workload) => without.has(workload)) ? unmeasured(verdict) : verdict,
  );
}

function judged(all: readonly Measured[]): Verdict[] {
  const of = (workload: string): Measured | undefined => all.find((measured) => measured.workload === workload);
  const found: Verdict[] = [];
  for (const target of PUBLISH_TARGETS) {
    const measured = of(target.workload);
    if (measured) found.push(...publishVerdicts(measured, target));
  }
  for (const [workload, limit] of Object.entries(RATE_TARGETS)) {
    const measured = of(workload);
    if (measured) found.push(...rateVerdict(measured, limit));
  }
  const [request, repeated] = [of("request"), of("publish-128")];
  if (request) found.push(...requestVerdict(request));
  const [refused, random] = [of("publish-refused"), of("publish-random")];
  if (refused && repeated) found.push(...refusedVerdicts(refused, repeated));
  if (random && repeated) found.push(...randomVerdict(random, repeated));
  return found;
}
