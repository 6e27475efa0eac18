import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { RULES_FILE } from "../../tools/dashboards/generate.ts";
import { inRoot } from "../../tools/paths.ts";
import { snippets } from "../deploy/guide.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { Started } from "../stand/started.ts";
import { PrometheusServer, scraping, type Series, type SyntaxNode } from "./prometheus-server.ts";
import { documents, shippedQueries, substitute } from "./queries.ts";
import { startStandIn } from "./stand-in.ts";

/** A scrape of a cluster's Prometheus, which scrapes every second, and an evaluation. */
const PATIENCE = 40_000;
const CLIENT = "spiffe://cluster.local/ns/shop/sa/orders-api";
const POLICY = {
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "orders-api",
      from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
      publish: { allow: ["orders.>"] },
    },
  ],
};

interface FederateJob {
  params: { "match[]": string[] };
  static_configs: { targets: string[]; labels: { cluster: string } }[];
}

const [snippet = ""] = snippets("docs/how-to/monitor.md", "yaml of federation");
const [job] = parse(snippet) as [FederateJob];

function federating(cluster: string, address: string): object {
  return { ...job, job_name: `federate-${cluster}`, static_configs: [{ targets: [address], labels: { cluster } }] };
}

/** The names of the metrics in an expression as Prometheus reads it. */
function metricsOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(metricsOf);
  if (typeof node !== "object" || node === null) return [];
  const { type = "", matchers = [] } = node as Partial<SyntaxNode>;
  const own = type.endsWith("Selector") ? matchers.filter(({ name }) => name === "__name__") : [];
  return [...own.map(({ value }) => value), ...Object.values(node).flatMap(metricsOf)];
}

describe("a Prometheus over those of two clusters, as the guide federates them", () => {
  let started: Started;
  let stand: Stand;
  let prometheus: PrometheusServer;

  before(async () => {
    await Started.whole(async (all) => {
      started = all;
      const listeners = { mtls: { filter: { config: POLICY } } };
      const serverProxy = { metadata: { NAMESPACE: "messaging", WORKLOAD_NAME: "nats" } };
      stand = await all.add(Stand.start({ listeners, serverProxy }));
      const standIn = await all.add(startStandIn(stand.folder, stand.nats.port, "deny"));
      const server = (name: string, configs: object[], rules?: string[]): Promise<PrometheusServer> => {
        const folder = join(stand.folder, name);
        mkdirSync(folder);
        return all.add(PrometheusServer.start(folder, configs, rules));
      };
      const labels = { namespace: "messaging", pod: "nats-0", app_kubernetes_io_name: "nats" };
      const east = await server("east", [scraping([{ address: stand.envoy.adminAddress, labels }])]);
      const west = await server("west", [scraping([{ address: standIn.adminAddress, labels }])]);
      const jobs = [federating("east", east.address), federating("west", west.address)];
      prometheus = await server("mesh", jobs, [inRoot(RULES_FILE)]);
    });
  });

  after(() => started.stop());

  function data(expr: string): Promise<Series[]> {
    return prometheus.until(expr, (series) => series.length > 0, PATIENCE);
  }

  it("tells that the plugin is missing in one of them, though a pod of the same name has it in the other", async () => {
    await data('istio_nats_policy_info{cluster="east"} > 0');
    const missing = [["west", "messaging", "nats-0"]];
    // Before its first tick a proxy tells of no policy, which raises it in the other one, too, until the next evaluation.
    await prometheus.until(
      'ALERTS{alertname="NATSPluginMissing"}',
      (raised) => {
        const pods = raised.map(({ metric }) => [metric["cluster"], metric["namespace"], metric["pod"]]);
        return isDeepStrictEqual(pods, missing);
      },
      PATIENCE,
    );
  });

  it("counts a client's first refusal in its cluster", async () => {
    const client = await RawClient.connect(stand.port(), { tls: await stand.identity(CLIENT) });
    await client.expect("INFO");
    await client.send("CONNECT {}\r\nPUB other.x 0\r\n\r\nPING\r\n");
    await client.until("PONG");
    const [refused] = await data("istio_nats:refusals:increase10m > 0");
    assert.equal(refused!.value, 1);
    assert.equal(refused!.metric["cluster"], "east");
    client.close();
  });

  it("has everything that alerts and dashboards ask for", async () => {
    const [{ groups }] = documents(RULES_FILE) as [{ groups: { rules: { expr: string }[] }[] }];
    const rules = groups.flatMap(({ rules: some }) => some.map(({ expr }) => expr));
    const chosen = new Map([
      ["__rate_interval", "1m"],
      ["__range", "1h"],
      ["__range_s", "3600"],
    ]);
    const panels = shippedQueries();
    const queries = [...rules, ...panels.map(({ expr }) => substitute(expr, chosen))];
    const names = new Set<string>();
    for (const query of queries) for (const name of metricsOf(await prometheus.parse(query))) names.add(name);
    assert.ok(names.size > 20);
    const [, pattern = ""] = /__name__=~"(.*)"/.exec(job.params["match[]"][0]!) ?? [];
    // What the rules record is made here. What a pattern finds stands for all that it can find.
    const brought = [...names].filter((name) => !name.startsWith("istio_nats:"));
    for (const name of brought)
      assert.match(name.replace(".+", "x").replace("(success|failure)", "success"), new RegExp(`^(?:${pattern})$`));
  });
});
