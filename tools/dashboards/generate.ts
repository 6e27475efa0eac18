import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { format, resolveConfig } from "prettier";
import { parse, stringify } from "yaml";
import { inRoot, read } from "../paths.ts";
import { accessDashboard } from "./access.ts";
import { brokerDashboard } from "./broker.ts";
import { meshDashboard } from "./mesh.ts";
import { STATS_TABLE } from "./stats-table.ts";

const FOLDER = "deploy/dashboards";

/** Every dashboard by its file name. Istio names its generated dashboards in the same way. */
function dashboards(): Record<string, Dashboard> {
  const makers = {
    "nats-mesh-dashboard.gen.json": meshDashboard,
    "nats-access-dashboard.gen.json": accessDashboard,
    "nats-broker-dashboard.gen.json": brokerDashboard,
  };
  return Object.fromEntries(Object.entries(makers).map(([file, make]) => [file, make(STATS_TABLE, file)]));
}

/** The rules as they are, and as the resource of the Prometheus operator that is made from them. */
export const RULES_FILE = "deploy/alerts/istio-nats.rules.yaml";
export const PROMETHEUS_RULE_FILE = "deploy/alerts/prometheus-rule.gen.yaml";

function prometheusRule(): string {
  const rules = parse(read(RULES_FILE)) as { groups: object[] };
  const resource = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "istio-nats", namespace: "messaging" },
    spec: rules,
  };
  const head = `# Made from ${RULES_FILE.split("/").at(-1)} by npm run generate:dashboards. For the Prometheus operator.\n`;
  return head + stringify(resource, { lineWidth: 0 });
}

/** The content of every generated file, by its path in the clone, formatted like the clone's other files. */
export async function generated(): Promise<Record<string, string>> {
  const files: Record<string, string> = { [PROMETHEUS_RULE_FILE]: prometheusRule() };
  for (const [file, dashboard] of Object.entries(dashboards())) {
    files[`${FOLDER}/${file}`] = JSON.stringify(dashboard);
  }
  const formatted = Object.entries(files).map(async ([file, text]): Promise<[string, string]> => {
    const filepath = inRoot(file);
    return [file, await format(text, { ...(await resolveConfig(filepath)), filepath })];
  });
  return Object.fromEntries(await Promise.all(formatted));
}

/** Writes every generated file. Returns an exit status. */
export async function generate(): Promise<number> {
  for (const [file, text] of Object.entries(await generated())) {
    const path = inRoot(file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    process.stdout.write(`${file}\n`);
  }
  return 0;
}
