import { readdirSync, readFileSync } from "node:fs";
import {
  VariableType,
  type Dashboard,
  type Panel,
  type RowPanel,
  type VariableModel,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { parseAllDocuments } from "yaml";
import { inRoot, read } from "../../tools/paths.ts";
import type { PrometheusServer } from "./prometheus-server.ts";

/** A query that we ship, and where it is. */
export interface ShippedQuery {
  place: string;
  expr: string;
}

const DASHBOARDS = inRoot("deploy", "dashboards");

/** The dashboards as they are shipped, by file. */
export function shippedDashboards(): [file: string, dashboard: Dashboard][] {
  return readdirSync(DASHBOARDS)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file, JSON.parse(readFileSync(`${DASHBOARDS}/${file}`, "utf8")) as Dashboard]);
}

/** What the panels of all dashboards ask. */
export function shippedQueries(): ShippedQuery[] {
  return shippedDashboards().flatMap(([, dashboard]) => panelQueries(dashboard));
}

/** What a dashboard shows, without the headings of its rows. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).filter((panel: Panel | RowPanel): panel is Panel => panel.type !== "row");
}

export function panelQueries(dashboard: Dashboard): ShippedQuery[] {
  return panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map((target) => ({ place: `"${title ?? ""}"`, expr: (target as unknown as { expr: string }).expr })),
  );
}

export function variablesOf(dashboard: Dashboard): VariableModel[] {
  return dashboard.templating.list ?? [];
}

/** How Grafana writes a selected value into a PromQL string (interpolateQueryExpr of its Prometheus data source). */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\\\\\").replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&");
}

const LABEL_VALUES = /^label_values\((.*), (\w+)\)$/s;

/**
 * What Grafana puts in place of a dashboard's variables if all values are selected. Asks Prometheus for the values, as Grafana
 * does.
 */
export async function choices(dashboard: Dashboard, prometheus: PrometheusServer): Promise<Map<string, string>> {
  // More than four scrapes, like Grafana's own, and a time in which everything has happened.
  const chosen = new Map([
    ["__rate_interval", "10s"],
    ["__range", "60s"],
    ["__range_s", "60"],
  ]);
  for (const { name, type, query, current, allValue } of variablesOf(dashboard)) {
    if (type === VariableType.Custom) chosen.set(name, `(${(current?.value as string[]).join("|")})`);
    if (type !== VariableType.Query) continue;
    const [, selector = "", label = ""] = LABEL_VALUES.exec(query as string) ?? [];
    const values = await prometheus.labelValues(substitute(selector, chosen), label);
    chosen.set(name, allValue ?? `(${values.map(escaped).join("|")})`);
  }
  return chosen;
}

/** `expr` with its variables replaced. An unknown one is left, and Prometheus will not read it. */
export function substitute(expr: string, chosen: ReadonlyMap<string, string>): string {
  return expr.replace(/\$(\w+)/g, (whole, name: string) => chosen.get(name) ?? whole);
}

interface AnalysisTemplate {
  spec: {
    args: { name: string; value?: string }[];
    metrics: { name: string; successCondition: string; provider: { prometheus: { query: string } } }[];
  };
}

interface MetricTemplate {
  metadata: { name: string };
  spec: { query: string };
}

/** The documents of a shipped YAML file. */
export function documents(...path: string[]): unknown[] {
  return parseAllDocuments(readFileSync(inRoot(...path), "utf8")).map((document) => document.toJS() as unknown);
}

/** The query of a gate. Argo's gates say when their answer is good. For Flagger's, the user says so with a bound. */
export interface Gate extends ShippedQuery {
  successCondition?: string;
}

/** What a user tells a gate. Argo's template has defaults for what may be left out, Flagger's has none. */
export interface GateValues {
  cluster?: string;
  namespace: string;
  workload?: string;
  reporter?: string;
  principal?: string;
  subject?: string;
}

/** The queries of the gates, with their arguments filled in. */
export function gates(values: GateValues): Gate[] {
  const [argo] = documents("deploy", "rollouts", "argo-analysis-template.yaml") as [AnalysisTemplate];
  const flagger = documents("deploy", "rollouts", "flagger-metric-templates.yaml") as MetricTemplate[];
  const defaults = Object.fromEntries(argo.spec.args.map(({ name, value }) => [name, value]));
  const all: Record<string, string | undefined> = { ...defaults, ...values, interval: "1m" };
  const filled = (query: string): string =>
    query.replace(/\{\{\s*(?:args\.|variables\.)?([\w-]+)\s*\}\}/g, (whole, name: string) => all[name] ?? whole);
  return [
    ...argo.spec.metrics.map(({ name, successCondition, provider }) => ({
      place: `Argo's ${name}`,
      expr: filled(provider.prometheus.query),
      successCondition,
    })),
    ...flagger.map(({ metadata, spec }) => ({ place: `Flagger's ${metadata.name}`, expr: filled(spec.query) })),
  ];
}

/** What the sections about alerts show as PromQL. */
export function alertQueries(): string[] {
  return fencedQueries("docs/how-to/troubleshoot.md", /^NATS\w+$/);
}

/** What a guide shows as PromQL, or the sections of it whose titles match. */
export function fencedQueries(guide: string, title?: RegExp): string[] {
  const text =
    title === undefined
      ? read(guide)
      : read(guide)
          .split(/^(?=## )/m)
          .filter((section) => title.test(section.slice(3, section.indexOf("\n"))))
          .join("");
  return [...text.matchAll(/^```promql\n([\s\S]*?)^```$/gm)].map(([, query = ""]) => query.trim());
}
