import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { run } from "../../tools/command.ts";
import { PROMETHEUS_RULE_FILE, RULES_FILE } from "../../tools/dashboards/generate.ts";
import { STATS_TABLE } from "../../tools/dashboards/stats-table.ts";
import { inRoot, read } from "../../tools/paths.ts";
import { findPromtool } from "../../tools/prometheus.ts";
import { faultsOf, validatorOf } from "./crd.ts";
import { snippets } from "../deploy/guide.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { assertAnswers } from "./promtool-answers.ts";
import { documents, fencedQueries, gates, shippedQueries } from "./queries.ts";

const TESTS_FILE = "test/pictures/alerts.test.yaml";
const RUNBOOK = "docs/how-to/troubleshoot.md";
/** How the alerts are set up. */
const GUIDE = "docs/how-to/monitor.md";

interface Rule {
  expr: string;
  alert?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface ExpectedAlert {
  exp_labels: Record<string, string>;
  exp_annotations: Record<string, string>;
}

interface AlertTest {
  alertname: string;
  exp_alerts: ExpectedAlert[];
}

interface RuleTest {
  input_series: { series: string; values: string }[];
  alert_rule_test?: AlertTest[];
}

interface TestsFile {
  rule_files: string[];
  tests: RuleTest[];
}

const [played] = documents(TESTS_FILE) as [TestsFile];

const [rules] = documents(RULES_FILE) as [{ groups: { rules: Rule[] }[] }];
const alerts = rules.groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);
const expressions = rules.groups.flatMap((group) => group.rules).map(({ expr }) => expr);
const names = [...new Set(alerts.map(({ alert }) => alert!))];

const CLUSTERS = ["east", "west"];

/** What is expected of the same in a cluster that Prometheus tells from others. */
function inCluster(cluster: string, { exp_labels: labels, exp_annotations: texts }: ExpectedAlert): ExpectedAlert {
  // `messaging/nats` and the like, but not the namespace in a principal.
  const place = new RegExp(`(?<!/)\\b${labels["namespace"]!}/`, "g");
  const { runbook_url: url, ...told } = texts;
  const named = Object.entries(told).map(([key, text]) => [key, text.replaceAll(place, `${cluster}/$&`)]);
  return {
    exp_labels: { ...labels, cluster },
    exp_annotations: { ...Object.fromEntries(named), runbook_url: url! } as Record<string, string>,
  };
}

/** The labels by which a query selects, matches or groups. */
function labelsIn(query: string): string[] {
  const selected = [...query.matchAll(/(\w+)(?:=~|!=|!~|=)"/g)].map(([, label = ""]) => label);
  const listed = [...query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(/, */));
  return [...selected, ...listed];
}

async function promtool(...args: string[]): Promise<void> {
  const { status, output } = await run(await findPromtool(), args, { cwd: inRoot() });
  assert.equal(status, 0, output);
}

describe("the alerts", () => {
  it("are accepted by promtool without a complaint", () =>
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES_FILE));

  it("fire and resolve as promtool plays them", () => promtool("test", "rules", TESTS_FILE));

  it("are the same for each of two clusters in which the same happens, and name the cluster", async () => {
    const tests = played.tests
      .filter(({ alert_rule_test: steps }) => steps !== undefined)
      .map((test) => ({
        ...test,
        promql_expr_test: [],
        input_series: CLUSTERS.flatMap((cluster) =>
          test.input_series.map(({ series, values }) => ({
            series: series.replace("{", `{cluster="${cluster}", `),
            values,
          })),
        ),
        alert_rule_test: test.alert_rule_test!.map((step) => ({
          ...step,
          exp_alerts: CLUSTERS.flatMap((cluster) => step.exp_alerts.map((alert) => inCluster(cluster, alert))),
        })),
      }));
    assert.ok(tests.length >= 10);
    const folder = makeScratch();
    const file = join(folder, "clusters.test.yaml");
    writeFileSync(file, stringify({ ...played, rule_files: [inRoot(RULES_FILE)], tests }));
    try {
      await promtool("test", "rules", file);
    } finally {
      removeScratch(folder);
    }
  });

  it("never sum, join or compare over clusters, nor do the dashboards and the guides where they name places", () => {
    const shown = shippedQueries();
    const queries = [...shown, ...gates({ namespace: "messaging" })].map(({ expr }) => expr);
    const guides = [RUNBOOK, GUIDE, "docs/how-to/query.md"].flatMap((page) => fencedQueries(page));
    for (const query of [...expressions, ...queries, ...guides]) {
      for (const [clause, labels = ""] of query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
        const of = labels.split(/, */);
        if (!expressions.includes(query) && !["namespace", "instance"].some((label) => of.includes(label))) continue;
        assert.ok(of.includes("cluster"), `${clause} in ${query}`);
      }
    }
  });

  it("do not blame a change of the policy for what was refused before the rules were loaded", async () => {
    const { expr } = alerts.find(({ alert }) => alert === "NATSRefusalsAfterPolicyChange")!;
    const broker = 'reporter="destination", namespace="messaging", destination_workload="nats"';
    const client = `${broker}, source_principal="p", rule="r"`;
    const policies = [
      { series: `istio_nats_policy_info{${broker}, policy="aaaa"}`, values: "1x69 0x20" },
      { series: `istio_nats_policy_info{${broker}, policy="bbbb"}`, values: "_x69 1x20" },
    ];
    const recorded = (counted: string, refused: string): object[] => [
      ...policies,
      { series: `istio_nats:policies:count{${broker}}`, values: counted },
      { series: `istio_nats:refusals:increase10m{${client}}`, values: refused },
    ];
    await assertAnswers(recorded("_x60 1x30", "_x60 5x30"), `${expr} or vector(0)`, 75, 0);
    // Loaded long ago, and refused since the change.
    await assertAnswers(recorded("1x90", "_x70 5x20"), `${expr} or vector(0)`, 75, 5);
  });

  it("are each shown quiet, then firing, then quiet again", () => {
    for (const name of names) {
      const shown = played.tests
        .map(({ alert_rule_test: steps = [] }) => steps.filter(({ alertname }) => alertname === name))
        .map((steps) => steps.map(({ exp_alerts: expected }) => (expected.length > 0 ? "fires" : "quiet")))
        .filter((steps) => steps.length > 0)
        .map((steps) => steps.filter((step, i) => step !== steps[i - 1]).join(", "));
      assert.deepEqual(shown, ["quiet, fires, quiet"], name);
    }
  });

  it("each have a severity, and a section of the runbook with meaning, impact, diagnosis and mitigation", () => {
    const sections = read(RUNBOOK).split(/^## /m);
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels?.["severity"] ?? "", /^(critical|warning|info)$/, alert);
      assert.equal(annotations?.["runbook_url"], `${RUNBOOK}#${alert!.toLowerCase()}`);
      const section = sections.find((text) => text.startsWith(`${alert!}\n`)) ?? "";
      for (const part of ["Meaning", "Impact", "Diagnosis", "Mitigation"]) {
        assert.ok(section.includes(`**${part}.**`), `${alert!} has no ${part} in ${RUNBOOK}`);
      }
    }
    const told = sections.map((text) => text.split("\n")[0]!).filter((title) => /^NATS\w+$/.test(title));
    assert.deepEqual(told.sort(), [...names].sort());
  });

  it("link to web pages once the guide's command has inserted an address", () => {
    const [, script = ""] = /^sed '(.*)' \S+ \| kubectl apply/m.exec(read(GUIDE)) ?? [];
    for (const file of [RULES_FILE, PROMETHEUS_RULE_FILE]) {
      const { stdout } = spawnSync("sed", [script, file], { cwd: inRoot(), encoding: "utf8" });
      const urls = [...stdout.matchAll(/^ *runbook_url: (.*)$/gm)].map(([, url = ""]) => new URL(url));
      assert.equal(urls.length, alerts.length, file);
      for (const { pathname, hash } of urls) {
        assert.ok(pathname.endsWith(`/main/${RUNBOOK}`), pathname);
        assert.ok(
          names.some((name) => hash === `#${name.toLowerCase()}`),
          hash,
        );
      }
    }
  });

  it("ask for no label of pods that the PodMonitor of the guide would leave out", async () => {
    const [addition = ""] = snippets(GUIDE, "yaml of a PodMonitor");
    const { podTargetLabels } = parse(addition) as { podTargetLabels: string[] };
    const validate = await validatorOf({
      kind: "PodMonitor",
      version: "v1",
      module: "github.com/prometheus-operator/prometheus-operator",
      path: ["example", "prometheus-operator-crd", "monitoring.coreos.com_podmonitors.yaml"],
    });
    const monitor = { spec: { selector: {}, podMetricsEndpoints: [], podTargetLabels } };
    assert.deepEqual(faultsOf(validate, monitor), []);
    assert.notDeepEqual(faultsOf(validate, { spec: { ...monitor.spec, podLabels: podTargetLabels } }), []);
    // The operator's name of a pod's label is Prometheus' own (pkg/prometheus/promcfg.go, sanitizeLabelName).
    const brought = podTargetLabels.map((label) => label.replaceAll(/[^a-zA-Z0-9_]/g, "_"));
    const known = new Set([
      ...STATS_TABLE.flatMap(({ labels }) => labels),
      // Of every target and of histograms, of Istio's own rules for stats, and of NATSFilterReloaded itself.
      // Those of kube-state-metrics are its own.
      ...["condition", "phase"],
      ...["__name__", "cluster", "namespace", "pod", "job", "instance", "le", "authz_enforce_result", "stat"],
    ]);
    const queries = [...expressions, ...gates({ namespace: "messaging" }).map(({ expr }) => expr)];
    const asked = queries.flatMap((query) => labelsIn(query)).filter((label) => !known.has(label));
    assert.deepEqual([...new Set(asked)].sort(), brought.sort());
  });

  it("are a valid PrometheusRule by the Prometheus operator's own CRD", async () => {
    const validate = await validatorOf({
      kind: "PrometheusRule",
      version: "v1",
      module: "github.com/prometheus-operator/prometheus-operator",
      path: ["example", "prometheus-operator-crd", "monitoring.coreos.com_prometheusrules.yaml"],
    });
    const [resource] = documents(PROMETHEUS_RULE_FILE);
    assert.deepEqual(faultsOf(validate, resource), []);
  });
});
