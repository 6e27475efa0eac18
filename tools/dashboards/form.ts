// The form of Istio's own dashboards (manifests/addons/dashboards/*.gen.json): schema, variables, data source, grid.

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

/** Istio's, and the last that Grafana 10.4 and 11.0 write. */
const SCHEMA_VERSION = 39;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

export interface Query {
  expr: string;
  /** Names a series; Grafana's `{{label}}`. */
  legend?: string;
}

export interface PanelOptions {
  title: string;
  /** What somebody sees who points at the title: what the numbers mean and what to do about them. */
  description: string;
  queries: Query[];
  /** Grafana's name of a unit: `cps`, `Bps`, `ms`, `percentunit`; plain numbers unless said. */
  unit?: string;
  /** Columns of 24; 8 unless said. */
  width?: number;
}

type Panel = Builder<dashboard.Panel>;

/** Some rows of the grid under a heading. */
export interface Row {
  title: string;
  panels: Panel[];
}

function targets(queries: readonly Query[], table: boolean): Builder<Dataquery>[] {
  return queries.map(({ expr, legend }, i) => {
    const query = new prometheus.DataqueryBuilder().datasource(DATASOURCE).expr(expr);
    query.refId(String.fromCharCode("A".charCodeAt(0) + i));
    if (legend !== undefined) query.legendFormat(legend);
    return table ? query.instant().format(prometheus.PromQueryFormat.Table) : query.range();
  });
}

/** Curves over time, the legend a table of last and highest values. */
export function curves({ title, description, queries, unit = "short", width = 8 }: PanelOptions): Panel {
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .calcs(["last", "max"]);
  return new TimeseriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, false))
    .unit(unit)
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

/** One number of now, over a small curve. `alarm` is the value from which it is red. */
export function number(options: PanelOptions & { alarm?: number }): Panel {
  const { title, description, queries, unit = "short", width = 4, alarm } = options;
  const steps: dashboard.Threshold[] = [{ value: null, color: "green" }];
  if (alarm !== undefined) steps.push({ value: alarm, color: "red" });
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, false))
    .unit(unit)
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps))
    .graphMode(common.BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .height(4)
    .span(width);
}

/** The first query's series as lines of a table, the highest value first. */
export function table({ title, description, queries, unit = "short", width = 12 }: PanelOptions): Panel {
  return new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(targets(queries, true))
    .unit(unit)
    .sortBy([new common.TableSortByFieldStateBuilder().displayName("Value").desc(true)])
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true } } })
    .height(8)
    .span(width);
}

/** A histogram over time: the first query gives its buckets. */
export function heatmap({ title, description, queries, unit = "short", width = 12 }: PanelOptions): Panel {
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
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme("Oranges").exponent(0.5).steps(64))
    .height(8)
    .span(width);
}

/** `Reporter` as Istio has it, with the waypoint; `destination` is the proxy beside nats-server. */
export function reporterVariable(): Builder<dashboard.VariableModel> {
  return new dashboard.CustomVariableBuilder("qrep")
    .label("Reporter")
    .values("destination,source,waypoint")
    .multi(true)
    .current({ selected: true, text: ["destination", "waypoint"], value: ["destination", "waypoint"] });
}

/** A choice among a label's values, all of them at first. `query` is Grafana's `label_values(selector, label)`. */
export function labelVariable(name: string, label: string, query: string): Builder<dashboard.VariableModel> {
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

export interface DashboardOptions {
  title: string;
  description: string;
  /** The file under deploy/dashboards; the uid is made of it, as in Istio's. */
  file: string;
  variables: Builder<dashboard.VariableModel>[];
  rows: Row[];
}

/** All of ours have it, so that each links to the others whatever path they are under. */
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
