import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { DashboardLinkType, VariableType } from "@grafana/grafana-foundation-sdk/dashboard";
import { generated, RULES_FILE } from "../../tools/dashboards/generate.ts";
import { STATS_TABLE } from "../../tools/dashboards/stats-table.ts";
import { inRoot, read } from "../../tools/paths.ts";
import { fencedQueries, panelQueries, panelsOf, shippedDashboards, shippedQueries, variablesOf } from "./queries.ts";

/** Columns of Grafana's grid. */
const GRID = 24;

describe("the generated files of deploy/", () => {
  it("are what npm run generate:dashboards makes of the table of stats and the rules", async () => {
    for (const [file, text] of Object.entries(await generated())) {
      assert.equal(read(file), text, `${file}: npm run generate:dashboards`);
    }
  });
});

for (const [file, dashboard] of shippedDashboards()) {
  describe(`the dashboard ${file}`, () => {
    it("has the form of Istio's own", () => {
      const { uid, schemaVersion, timezone, graphTooltip, refresh } = dashboard;
      assert.deepEqual(
        { uid, schemaVersion, timezone, graphTooltip, refresh },
        {
          uid: createHash("md5").update(file).digest("hex"),
          schemaVersion: 39,
          timezone: "utc",
          graphTooltip: 1,
          refresh: "15s",
        },
      );
      const [datasource, cluster, reporter] = variablesOf(dashboard);
      assert.deepEqual(
        [datasource?.name, datasource?.type, datasource?.query],
        ["datasource", "datasource", "prometheus"],
      );
      assert.equal(cluster?.name, "cluster");
      assert.equal(reporter?.name, "qrep");
    });

    it("uses the selected data source in every panel and variable", () => {
      const asked = [
        ...panelsOf(dashboard),
        ...variablesOf(dashboard).filter(({ type }) => type === VariableType.Query),
      ];
      for (const { datasource } of asked) assert.deepEqual(datasource, { type: "prometheus", uid: "$datasource" });
    });

    it("shows times that fit the scrape interval and the screen", () => {
      for (const { expr } of panelQueries(dashboard)) {
        for (const [, range] of expr.matchAll(/\[([^\]]*)\]/g)) {
          // A subquery without a step has the evaluation interval, which may be as long as the rate interval.
          assert.match(range!, /^\$__(rate_interval(:5s)?|range)$/, expr);
        }
      }
    });

    it("has variables that depend only on those before them, and uses every one", () => {
      const known: string[] = [];
      for (const { name, query } of variablesOf(dashboard)) {
        if (typeof query === "string") {
          for (const [, used] of query.matchAll(/\$(\w+)/g)) assert.ok(known.includes(used!), `${name} uses ${used!}`);
        }
        known.push(name);
      }
      const everything = JSON.stringify(dashboard.panels);
      for (const name of known) assert.ok(everything.includes(`$${name}`), name);
    });

    it("explains each panel, and numbers them", () => {
      const panels = dashboard.panels ?? [];
      assert.deepEqual(
        panels.map(({ id }) => id),
        panels.map((_, i) => i + 1),
      );
      for (const { title, description } of panelsOf(dashboard)) assert.ok((description ?? "").length > 20, title);
    });

    it("lays its panels out without a gap or an overlap", () => {
      const taken = new Set<string>();
      let bottom = 0;
      for (const { gridPos, title } of dashboard.panels ?? []) {
        const { x, y, w, h } = gridPos!;
        assert.ok(x + w <= GRID, title);
        bottom = Math.max(bottom, y + h);
        for (let column = x; column < x + w; column++) {
          for (let line = y; line < y + h; line++) {
            assert.ok(!taken.has(`${column} ${line}`), `${title ?? ""} lies over another panel`);
            taken.add(`${column} ${line}`);
          }
        }
      }
      assert.equal(taken.size, GRID * bottom);
    });
  });
}

describe("the dashboards", () => {
  it("tell pods of the same name in two namespaces and two clusters apart, and so does the runbook", () => {
    const shown = shippedQueries();
    for (const expr of [...shown.map((query) => query.expr), ...fencedQueries("docs/how-to/troubleshoot.md")]) {
      for (const [, labels = ""] of expr.matchAll(/by \(([^)]*)\)/g)) {
        const names = labels.split(", ");
        if (names.includes("pod"))
          assert.ok(
            ["cluster", "namespace"].every((label) => names.includes(label)),
            expr,
          );
      }
    }
    for (const [file] of shippedDashboards()) {
      const text = readFileSync(inRoot("deploy", "dashboards", file), "utf8");
      for (const [legend] of text.matchAll(/"legendFormat": ".*\{\{pod\}\}/g)) {
        assert.ok(legend.endsWith("{{namespace}}/{{pod}}"), legend);
        assert.ok(text.includes(`${legend} {{cluster}}"`), legend);
      }
    }
  });

  it("ask only for the clusters that are chosen", () => {
    for (const { place, expr } of shippedQueries())
      assert.ok(expr.includes('cluster=~"$cluster"'), `${place}: ${expr}`);
  });

  it("do not take it for missing data that Istio has put in no stand-in, whose stats are there only with it", () => {
    const panels = shippedDashboards().flatMap(([, dashboard]) => panelsOf(dashboard));
    const ofStandIn = panels.filter(({ targets = [] }) => JSON.stringify(targets).includes("envoy_wasm_default_"));
    assert.deepEqual(
      ofStandIn.map(({ fieldConfig }) => fieldConfig?.defaults.noValue),
      ["None: Istio has put in no stand-in"],
    );
  });

  it("offer every client that has connected, even if it never sent an operation", () => {
    for (const [file, dashboard] of shippedDashboards()) {
      for (const { name, query } of variablesOf(dashboard)) {
        if (name !== "principal") continue;
        assert.match(query as string, /^label_values\(istio_nats_connections_opened_total\{/, file);
      }
    }
  });

  it("show the policy and the health of a broker to which nobody has connected yet", () => {
    const shown = shippedDashboards().filter(([file]) => /access|broker/.test(file));
    const brokers = shown
      .flatMap(([, dashboard]) => variablesOf(dashboard))
      .filter(({ name }) => name === "namespace" || name === "workload");
    assert.equal(brokers.length, 4);
    for (const { query } of brokers) assert.match(query as string, /^label_values\(istio_nats_policy_info\{/);
    const queries = shown.flatMap(([, dashboard]) => panelQueries(dashboard));
    const ofEnvoy = queries.filter(({ expr }) => expr.includes("envoy_") && expr.includes("istio_nats_"));
    assert.ok(ofEnvoy.some(({ place }) => place === '"Reloads after a trap"'));
    for (const { expr } of ofEnvoy) {
      if (!expr.includes("$__range"))
        assert.match(expr, /and on \(cluster, namespace, pod\) .*istio_nats_policy_info\{/);
    }
  });

  it("count policies in force for each fleet that NATSPolicyVersionsDiverge watches, so that two brokers may differ", () => {
    const rules = read(RULES_FILE);
    const [, count = ""] = /record: istio_nats:policies:count\n\s+expr: \|\n([\s\S]*?)\n\s+- alert/.exec(rules) ?? [];
    const queries = shippedQueries();
    const shown = queries.find(({ place }) => place === '"Policies in force"')?.expr ?? "";
    const compact = (expr: string): string => expr.replace(/\s+|\{[^}]*\}/g, "");
    assert.equal(compact(shown), `max(${compact(count)})`);
  });

  it("say in each panel without data what that means, and lead to a section that says more", () => {
    const guide = readFileSync(inRoot("docs", "how-to", "troubleshoot.md"), "utf8");
    for (const [file, dashboard] of shippedDashboards()) {
      for (const { title, fieldConfig } of panelsOf(dashboard)) {
        const { noValue = "" } = fieldConfig?.defaults ?? {};
        assert.notEqual(noValue, "", `${file}: ${title ?? ""}`);
        const [, section = ""] = /docs\/how-to\/troubleshoot\.md, (.*)$/.exec(noValue) ?? [];
        assert.ok(section === "" || guide.includes(`\n## ${section}\n`), noValue);
      }
    }
  });

  it("show every stat of the table", () => {
    const queries = shippedQueries();
    const shown = queries.map(({ expr }) => expr).join("\n");
    for (const { name } of STATS_TABLE) assert.match(shown, new RegExp(`\\b${name}(_bucket)?\\b`));
  });

  it("link to each other by tag, which does not depend on where they were imported", () => {
    for (const [file, { links, tags }] of shippedDashboards()) {
      assert.deepEqual(tags, ["istio-nats"], file);
      assert.ok(
        links?.every(({ type, url }) => type === DashboardLinkType.Dashboards && !url),
        file,
      );
    }
  });
});
