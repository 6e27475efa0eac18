import { Fault } from "../fault.ts";
import type { Query } from "./form.ts";
import type { StatRow } from "./stats-table.ts";

/** Labels of the scrape configuration, which Istio's own puts on every target. */
const TARGET_LABELS = ["cluster", "namespace", "pod", "service_istio_io_canonical_name"];

/** StatefulSets of the same name in two namespaces, or in two clusters, have pods of the same names. */
export const POD = ["cluster", "namespace", "pod"];
/** The cluster comes last: a Prometheus that sees one alone has no such label. */
export const POD_LEGEND = "{{namespace}}/{{pod}} {{cluster}}";

/** The matchers of a selector by label, with their operators: `{verdict: '="refused"'}`. */
export type Matchers = Record<string, string>;

/**
 * The proxies that a dashboard's variables select. The namespace is that of their pods: waypoints and clients' sidecars have no
 * destination of their own.
 */
export const PROXIES: Matchers = {
  cluster: '=~"$cluster"',
  reporter: '=~"$qrep"',
  namespace: '=~"$namespace"',
  destination_workload: '=~"$workload"',
};

/** What a scrape and its target have in common. */
const TARGET = "(cluster, job, instance)";

/**
 * Events of a counter in the `range` up to now, which has so many `seconds`; in lines. increase() misses two things. One is the first
 * event of a series, which for a client that was refused once is its only one. The other is that a counter has begun again and come to
 * where it was, or further. Then the counter itself is the answer:
 *
 * - where the series is new at a target that is not, nor has got other labels, which make all of its series new;
 * - where the proxy is young, so that all that it has counted is;
 * - where the series was missing in scrapes that succeeded, as when a new VM follows one that had no connections.
 *
 * Where the counter fell, increase() knows better, since it has what came before, too. The last minute is no gap: by remote write a
 * sample may come later than that of `up`. What is written by hand is held against this (test/pictures/rare-events.test.ts).
 */
export function increaseFromNothing(selector: string, range: string, seconds: number | string): string[] {
  const scrapes = `count_over_time(${selector}[${range}] offset 1m)`;
  const succeeded = `min by ${TARGET} (sum_over_time(up[${range}] offset 1m))`;
  return [
    "(",
    `  (${selector} unless ${selector} offset ${range}) and on ${TARGET} (up offset ${range} == 1 and up)`,
    `  or ${selector} and on ${TARGET} envoy_server_uptime < ${seconds}`,
    `  or ${selector} and ${scrapes} < on ${TARGET} group_left () ${succeeded}`,
    `) unless resets(${selector}[${range}]) > 0`,
    `or increase(${selector}[${range}])`,
  ];
}

/** Of streams that could not be read, those that the mode of a policy decides about: a client that leaves does so in either. */
export const UNREADABLE = "istio_nats_protocol_errors_total";
export const ENDED_UNREADABLE: Matchers = { kind: '!="unfinished"', mode: '="ENFORCE"' };
export const PASSED_UNREAD: Matchers = { kind: '!="unfinished"', mode: '="DRY_RUN"' };

/** `expr`, or 0 where it has no series yet and `witness` has: what has never happened is no missing data. */
export function orZero(expr: string, witness: string): string {
  return `${expr} or 0 * ${witness}`;
}

/** PromQL over the stats of the table. Throws for a name, a label or a use that the table does not have. */
export class Queries {
  readonly #stats: ReadonlyMap<string, StatRow>;
  readonly #scope: Matchers;

  /** `scope` narrows every selector, as far as the stat or its target has its labels. It holds a dashboard's variables. */
  constructor(stats: readonly StatRow[], scope: Matchers = {}) {
    this.#stats = new Map(stats.map((stat) => [stat.name, stat]));
    this.#scope = scope;
  }

  /** Events per second of a counter. */
  rate(counter: string, by: string[] = [], where: Matchers = {}): string {
    return this.#sum(by, `rate(${this.#select(this.#stat(counter, "counter", by), where)}[$__rate_interval])`, []);
  }

  /** The same by one label, whose values are the names of the curves. */
  ratesBy(counter: string, label: string, where: Matchers = {}): Query {
    return { expr: this.rate(counter, [label], where), legend: `{{${label}}}` };
  }

  /**
   * Events of a counter since the proxies started. It is meant for rare events: a counter of the filter appears with its first
   * event, and neither rate() nor increase() sees that one.
   */
  count(counter: string, by: string[] = [], where: Matchers = {}): string {
    return this.#sum(by, this.#select(this.#stat(counter, "counter", by), where), []);
  }

  /** Events of a counter over the dashboard's time. */
  total(counter: string, by: string[] = [], where: Matchers = {}): string {
    const selector = this.#select(this.#stat(counter, "counter", by), where);
    return this.#sum(by, increaseFromNothing(selector, "$__range", "$__range_s").join(" "), []);
  }

  /** The value of a gauge, summed over the proxies. */
  level(gauge: string, by: string[] = [], where: Matchers = {}): string {
    return this.#sum(by, this.#select(this.#stat(gauge, "gauge", by), where), []);
  }

  /** The labels of a gauge's series whose value is above zero, which is what `_info` gauges are for. */
  present(gauge: string, by: string[]): string {
    return `count by (${by.join(", ")}) (${this.#select(this.#stat(gauge, "gauge", by), {})} > 0)`;
  }

  /** The quantile of a histogram, in the histogram's unit. Nothing where nothing has been measured, and not NaN. */
  quantile(quantile: number, histogram: string, by: string[] = []): string {
    return `histogram_quantile(${quantile}, ${this.buckets(histogram, by)}) >= 0`;
  }

  /** A histogram's buckets per second, for a quantile or a heat map. */
  buckets(histogram: string, by: string[] = []): string {
    const stat = this.#stat(histogram, "histogram", by);
    return this.#sum(by, `rate(${this.#select(stat, {}, "_bucket")}[$__rate_interval])`, ["le"]);
  }

  /** The share of a counter's events that satisfies `where`, from 0 to 1. It is 0 where there are no events, and not NaN. */
  share(counter: string, where: Matchers, by: string[] = []): string {
    const all = this.rate(counter, by);
    return orZero(`(${orZero(this.rate(counter, by, where), all)}) / (${all} > 0)`, all);
  }

  /**
   * Grafana's query for the values of a label. It is narrowed by the scope up to that label, because variables may not form a
   * circle.
   */
  values(stat: string, label: string): string {
    const row = this.#stat(stat, undefined, [label]);
    const scope = Object.entries(this.#scope);
    const before = scope.slice(
      0,
      scope.findIndex(([key]) => key === label),
    );
    return `label_values(${this.#select(row, {}, "", Object.fromEntries(before))}, ${label})`;
  }

  #sum(by: string[], vector: string, more: string[]): string {
    const labels = [...more, ...by];
    return labels.length === 0 ? `sum(${vector})` : `sum by (${labels.join(", ")}) (${vector})`;
  }

  #select(stat: StatRow, where: Matchers, suffix = "", scope = this.#scope): string {
    this.#check(stat, Object.keys(where));
    const matchers = [
      ...Object.entries(scope).filter(([label]) => stat.labels.includes(label) || TARGET_LABELS.includes(label)),
      ...Object.entries(where),
    ];
    const name = `${stat.name}${suffix}`;
    return matchers.length === 0 ? name : `${name}{${matchers.map(([label, matcher]) => label + matcher).join(", ")}}`;
  }

  #stat(name: string, kind: StatRow["kind"] | undefined, by: string[]): StatRow {
    const stat = this.#stats.get(name);
    if (!stat) throw new Fault(`assembly/telemetry/stats.ts has no stat ${name}.`);
    if (kind && stat.kind !== kind) throw new Fault(`${name} is a ${stat.kind}; the query wants a ${kind}.`);
    this.#check(stat, by);
    return stat;
  }

  #check(stat: StatRow, labels: string[]): void {
    for (const label of labels) {
      if (stat.labels.includes(label) || TARGET_LABELS.includes(label)) continue;
      throw new Fault(`${stat.name} has no label ${label}; it has ${stat.labels.join(", ")}.`);
    }
  }
}
