// Dashboards in the form of Istio's own (manifests/addons/dashboards/*.gen.json): schema, variables, data source and grid.

import { createHash } from "node:crypto";
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { Queries } from "./queries.ts";

/** The version that Istio uses, and the last one that Grafana 10.4 and 11.0 write. */
const SCHEMA_VERSION = 39;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

export interface Query {
  expr: string;
  /** The name of a series, with Grafana's `{{label}}`. */
  legend?: string;
}

export interface PanelOptions {
  title: string;
  /** The tooltip of the title: what the numbers mean, and what to do about them. */
  description: string;
  queries: Query[];
  /** Grafana's name of a unit: `cps`, `Bps`, `ms`, `percentunit`. Plain numbers by default. */
  unit?: string;
  /** Width in columns, of 24. 8 by default. */
  width?: number;
  /** What it means that there is no data, which Grafana shows in its place. */
  none?: string;
}

/** What most panels say without data. */
const NO_DATA = "No data: docs/how-to/troubleshoot.md, The dashboards show nothing";
/** A counter of the filter appears with its first event. */
export const NEVER = "None since the proxies started";
export const NONE_IN_TIME = "None in the dashboard's time";

type Panel = Builder<dashboard.Panel>;

/** Panels under a heading. */
export interface Row {
  title: string;
  panels: Panel[];
}

type Form = "curve" | "number" | "table";

function targets(queries: readonly Query[], form: Form): Builder<Dataquery>[] {
  return queries.map(({ expr, legend }, i) => {
    const query = new prometheus.DataqueryBuilder().datasource(DATASOURCE).expr(expr);
    query.refId(String.fromCharCode("A".charCodeAt(0) + i));
    if (legend !== undefined) query.legendFormat(legend);
    if (form === "curve") return query.range();
    return form === "table" ? query.instant().format(prometheus.PromQueryFormat.Table) : query.instant();
  });
}

/** Curves over time. The legend is a table of last and highest values. */
export function curves({
  title,
  description,
  queries,
  unit = "short",
  width = 8,
  none = NO_DATA,
}: PanelOptions): Panel {
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .calcs(["last", "max"]);
  return new TimeseriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, "curve"))
    .unit(unit)
    .noValue(none)
    .min(0)
    .fillOpacity(10)
    .gradientMode(common.GraphGradientMode.Hue)
    .showPoints(common.VisibilityMode.Never)
    .legend(legend)
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .height(8)
    .span(width);
}

/**
 * One current number over a small curve, or with `inTime` the number of the dashboard's whole time. It turns red from `alarm` on.
 */
export function number(options: PanelOptions & { alarm?: number; inTime?: boolean }): Panel {
  const { title, description, queries, unit = "short", width = 4, none = "No data", alarm, inTime = false } = options;
  const steps: dashboard.Threshold[] = [{ value: null, color: "green" }];
  if (alarm !== undefined) steps.push({ value: alarm, color: "red" });
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, inTime ? "number" : "curve"))
    .unit(unit)
    .noValue(none)
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps))
    .graphMode(inTime ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .height(4)
    .span(width);
}

/** The series of the first query as rows of a table, the highest value first. */
export function table({
  title,
  description,
  queries,
  unit = "short",
  width = 12,
  none = NO_DATA,
}: PanelOptions): Panel {
  return new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, "table"))
    .unit(unit)
    .noValue(none)
    .sortBy([new common.TableSortByFieldStateBuilder().displayName("Value").desc(true)])
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true } } })
    .height(8)
    .span(width);
}

/** A histogram over time. The first query provides its buckets. */
export function heatmap({
  title,
  description,
  queries,
  unit = "short",
  width = 12,
  none = NO_DATA,
}: PanelOptions): Panel {
  const buckets = queries.map(({ expr }) =>
    new prometheus.DataqueryBuilder()
      .datasource(DATASOURCE)
      .expr(expr)
      .refId("A")
      .legendFormat("{{le}}")
      .format(prometheus.PromQueryFormat.Heatmap)
      .range(),
  );
  return new HeatmapBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(buckets)
    .noValue(none)
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme("Oranges").exponent(0.5).steps(64))
    .height(8)
    .span(width);
}

/** Istio's variable `Reporter`, with the waypoint added. `destination` is the proxy beside nats-server. */
function reporterVariable(): Builder<dashboard.VariableModel> {
  return new dashboard.CustomVariableBuilder("qrep")
    .label("Reporter")
    .values("destination,source,waypoint")
    .multi(true)
    .current({ selected: true, text: ["destination", "waypoint"], value: ["destination", "waypoint"] });
}

/**
 * Selects among clusters. All of them is every value and none: a Prometheus that sees one cluster alone has no such label, and then
 * this offers nothing else.
 */
function clusterVariable(query: string): Builder<dashboard.VariableModel> {
  return labelVariable("cluster", "Cluster", query).allValue(".*");
}

/** A variable that selects among a label's values, initially all of them. `query` is Grafana's `label_values(selector, label)`. */
export function labelVariable(name: string, label: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: "All", value: "$__all" });
}

/** The variables that select `PROXIES`, among those that have series of this stat. */
export function proxyVariables(of: Queries, stat: string): Builder<dashboard.VariableModel>[] {
  return [
    clusterVariable(of.values(stat, "cluster")),
    reporterVariable(),
    labelVariable("namespace", "Namespace", of.values(stat, "namespace")),
    labelVariable("workload", "Broker", of.values(stat, "destination_workload")),
  ];
}

export interface DashboardOptions {
  title: string;
  description: string;
  /** The file under deploy/dashboards. The uid is derived from it, as in Istio's dashboards. */
  file: string;
  variables: Builder<dashboard.VariableModel>[];
  rows: Row[];
}

/** The tag of all our dashboards. Each links to the others by it, whatever path they are under. */
const TAG = "istio-nats";

/** A dashboard as Grafana imports it. */
export function build({ title, description, file, variables, rows }: DashboardOptions): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(title)
    .uid(createHash("md5").update(file).digest("hex"))
    .description(description)
    .tags([TAG])
    .timezone("utc")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: "now-30m", to: "now" })
    .refresh("15s")
    .editable()
    .link(
      new dashboard.DashboardLinkBuilder("NATS dashboards")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(new dashboard.DatasourceVariableBuilder("datasource").type("prometheus"));
  for (const variable of variables) builder.withVariable(variable);
  for (const row of rows) {
    builder.withRow(new dashboard.RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  const built = { ...builder.build(), schemaVersion: SCHEMA_VERSION };
  return { ...built, panels: (built.panels ?? []).map((panel, i) => ({ ...panel, id: i + 1 })) };
}
