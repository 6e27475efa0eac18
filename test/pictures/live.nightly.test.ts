import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { quantile } from "../demo/dashboard-numbers.ts";
import { waitFor } from "../stand/wait.ts";
import type { Series, SyntaxNode } from "./prometheus-server.ts";
import {
  choices,
  documents,
  alertQueries,
  fencedQueries,
  gates,
  panelQueries,
  shippedDashboards,
  substitute,
  variablesOf,
} from "./queries.ts";
import { World } from "./world.ts";

/** Scrapes come every second, and a rate needs two of them after a series has appeared. */
const PATIENCE = 40_000;
/** Seconds after which a scrape that has begun is in Prometheus. */
const SCRAPES_END = 5;

/** What cannot have data here, and why. */
const WITHOUT_DATA: [pattern: RegExp, reason: string][] = [
  [/^up\{.*\} == 0$/, "every proxy runs until the last test"],
  [/container_cpu_usage_seconds_total/, "the kubelet's cAdvisor counts it, and the stand has no Kubernetes"],
  [/kube_pod_/, "kube-state-metrics counts it, and the stand has no Kubernetes"],
  [/istio_agent_/, "istio-agent counts it, and the stand has no agent: Envoy's filters come from files"],
  [/istio_nats_untested_servers_total/, "the stand's nats-server is of a version that the filter was tested with"],
];

function reasonFor(expr: string): string | undefined {
  return WITHOUT_DATA.find(([pattern]) => pattern.test(expr))?.[1];
}

function hasData(series: readonly Series[]): boolean {
  return series.some(({ value }) => !Number.isNaN(value));
}

describe("what we ship, in a real Prometheus that scrapes real Envoys", () => {
  let world: World;

  before(async () => {
    world = await World.start();
    // increase() sees a change only between two scrapes.
    await data("istio_nats_revoked_subscriptions_total");
    await world.changePolicy();
  });

  after(() => world.stop());

  /** Waits until a query returns something that is a number. */
  function data(expr: string): Promise<Series[]> {
    return world.prometheus.until(expr, hasData, PATIENCE);
  }

  /** Waits until a query returns nothing: a scrape that comes too late on a busy machine shows a proxy as down for a moment. */
  function noData(expr: string): Promise<Series[]> {
    return world.prometheus.until(expr, (series) => series.length === 0, PATIENCE);
  }

  for (const [file, dashboard] of shippedDashboards()) {
    describe(`the dashboard ${file}`, () => {
      let chosen: ReadonlyMap<string, string>;

      before(async () => {
        // Variables with the values that they have when everybody has been there.
        await data("sum(rate(istio_nats_request_duration_milliseconds_count[10s])) > 0");
        chosen = await choices(dashboard, world.prometheus);
      });

      it("offers values for each of its variables", () => {
        for (const { name } of variablesOf(dashboard)) {
          if (name !== "datasource") assert.notEqual(chosen.get(name) ?? "()", "()", name);
        }
      });

      for (const { place, expr } of panelQueries(dashboard)) {
        const reason = reasonFor(expr);
        it(`${reason ? "reads" : "has data for"} ${place}: ${expr}`, async () => {
          const query = substitute(expr, chosen);
          await (reason ? noData(query) : data(query));
        });
      }
    });
  }

  describe("the gates of roll-outs", () => {
    for (const { place, expr } of gates({
      namespace: "messaging",
      principal: "spiffe://cluster.local/ns/shop/sa/orders-api",
    })) {
      it(`${place} is above 0 for a client that is refused much`, async () => {
        // The refused connections are the stranger's, and the workers answer.
        const played = place.includes("connections")
          ? expr.replaceAll("/shop/sa/orders-api", "/web/sa/.+")
          : expr.replaceAll("orders-api", place.includes("service") ? "workers" : "orders-api");
        // A world that is a minute old has no day.
        const query = played.replaceAll("[1d:10m]", "[1m:1s]");
        const [first] = await waitFor(
          `a value of ${query}`,
          async () => {
            const series = await world.prometheus.query(query);
            return (series[0]?.value ?? 0) > 0 && series;
          },
          { timeout: PATIENCE },
        );
        assert.ok(first);
      });
    }

    for (const { place, expr } of gates({
      namespace: "messaging",
      principal: "spiffe://cluster.local/ns/nobody/sa/nobody",
    })) {
      it(`${place} lets a client pass that does nothing`, async () => {
        // Argo's conditions allow an empty answer and NaN. Flagger takes an empty answer for a failure, which there also is for a
        // moment when a scrape comes too late on a busy machine.
        if (place.startsWith("Flagger")) assert.equal((await data(expr))[0]!.value, 0);
        else if (place.includes("filter-in-force")) assert.ok((await data(expr))[0]!.value > 0);
        else {
          const [first] = await world.prometheus.query(expr);
          assert.ok(first === undefined || Number.isNaN(first.value));
        }
      });
    }
  });

  for (const [guide, shown, count] of [
    ["docs/how-to/troubleshoot.md", alertQueries(), 5],
    ["docs/how-to/monitor.md", fencedQueries("docs/how-to/monitor.md"), 1],
    ["docs/how-to/query.md", fencedQueries("docs/how-to/query.md"), 10],
  ] as const) {
    describe(guide, () => {
      const queries = shown.map((query) => substitute(query, new Map([["__rate_interval", "10s"]])));

      it("has queries", () => assert.ok(queries.length >= count));

      for (const expr of queries) {
        const reason = reasonFor(expr);
        it(`${reason ? "reads" : "has data for"} ${expr}`, async () => {
          await (reason ? noData(expr) : data(expr));
        });
      }
    });
  }

  it("has the quantiles that the demo's dashboard shows", async () => {
    const buckets = "istio_nats_ping_rtt_milliseconds_bucket";
    // A scrape is dated when it begins, and may end between two queries. Those that began before this have ended: none may take
    // longer than a second.
    const { time, samples } = await waitFor("buckets of some seconds ago", async () => {
      const then = Date.now() / 1000 - SCRAPES_END;
      const there = await world.prometheus.query(buckets, then);
      return there.length > 0 && { time: then, samples: there };
    });
    for (const part of [0, 0.1, 0.5, 0.9, 0.99, 1]) {
      const [expected] = await world.prometheus.query(`histogram_quantile(${part}, sum by (le) (${buckets}))`, time);
      const now = samples.map(({ metric: { __name__: name = "", ...labels }, value }) => ({ name, labels, value }));
      const seen = quantile({ earlier: [], now }, "istio_nats_ping_rtt_milliseconds", part);
      assert.ok(Math.abs(seen! - expected!.value) < 1e-9, `${part}: ${seen ?? "none"} and ${expected!.value}`);
    }
  });

  describe("the alerts", () => {
    interface RulesFile {
      groups: { rules: { alert?: string; record?: string; expr: string }[] }[];
    }
    const [{ groups }] = documents("deploy", "alerts", "istio-nats.rules.yaml") as [RulesFile];
    const rules = groups.flatMap(({ rules: some }) => some);

    it("are all evaluated without an error", async () => {
      const evaluated = await waitFor("every rule's first evaluation", async () => {
        const known = await world.prometheus.rules();
        return known.every(({ health }) => health !== "unknown") && known;
      });
      assert.equal(evaluated.length, rules.length);
      for (const { name, health, lastError } of evaluated) assert.equal(health, "ok", `${name}: ${lastError ?? ""}`);
    });

    for (const { alert, record, expr } of rules) {
      it(`${alert ?? record ?? ""} queries only series that exist`, async () => {
        for (const selector of selectorsOf(await world.prometheus.parse(expr))) {
          if (reasonFor(selector) === undefined) await data(selector);
        }
      });
    }

    for (const [alertname, pod] of [
      ["NATSDryRunWouldRefuse", undefined],
      ["NATSDryRunPassesUnread", undefined],
      ["NATSProtocolErrors", undefined],
      ["NATSUnauthenticated", undefined],
      ["NATSServerErrors", undefined],
      ["NATSPluginDenyAll", "nats-1"],
      ["NATSPluginAllowAll", "nats-2"],
      ["NATSPluginMissing", "nats-1"],
      ["NATSPluginMissing", "orders-api-1"],
    ] as const) {
      it(`${alertname} is raised by what happens here${pod === undefined ? "" : ` at ${pod}`}, and for nobody else`, async () => {
        let pods: (string | undefined)[] = [];
        await waitFor(
          `${alertname} is pending or firing`,
          async () => {
            const alerts = (await world.prometheus.alerts()).filter(({ labels }) => labels["alertname"] === alertname);
            pods = alerts.map(({ labels }) => labels["pod"]);
            // Prometheus scrapes the pods one after the other, and may raise another's first.
            return pods.includes(pod);
          },
          { timeout: PATIENCE, explain: () => `it is for ${pods.join(", ")}` },
        );
        assert.ok(!pods.includes("nats-0") && !pods.includes("orders-api-0"));
      });
    }

    it("NATSBrokerDown is raised by a proxy that has ended, and for nobody else", async () => {
      const down = async (): Promise<(string | undefined)[]> =>
        (await world.prometheus.alerts())
          .filter(({ labels }) => labels["alertname"] === "NATSBrokerDown")
          .map(({ labels }) => labels["pod"]);
      // A scrape that comes too late on a busy machine raises it for a moment.
      const areDown = (...pods: string[]): Promise<true> =>
        waitFor(`NATSBrokerDown of [${pods.join()}]`, async () => isDeepStrictEqual(await down(), pods), {
          timeout: PATIENCE,
          explain: async () => `it is raised by [${(await down()).join()}]`,
        });
      await areDown();
      await world.loseProxy();
      await areDown("nats-2");
    });
  });
});

/** The selectors in an expression as Prometheus reads it, each over the last minute. */
function selectorsOf(node: SyntaxNode): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== "object" || value === null) return;
    const { type, matchers } = value as SyntaxNode;
    if (type === "vectorSelector" || type === "matrixSelector") {
      const texts = (matchers ?? []).map((matcher) => `${matcher.name}${matcher.type}${JSON.stringify(matcher.value)}`);
      found.push(`last_over_time({${texts.join(", ")}}[1m])`);
    }
    Object.values(value).forEach(visit);
  };
  visit(node);
  return found;
}
