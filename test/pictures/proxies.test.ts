import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { QUESTIONS } from "../../tools/telemetry-questions.ts";
import { assertAnswers } from "./promtool-answers.ts";
import { shippedQueries, substitute } from "./queries.ts";

/** An hour with a sample per minute, of which the last ten minutes are asked about. */
const MINUTES = 60;

interface Proxy {
  namespace: string;
  pod: string;
  reporter: string;
  workload: string;
}

const NATS_0 = { namespace: "messaging", pod: "nats-0", reporter: "destination", workload: "nats" };
const NATS_1 = { ...NATS_0, pod: "nats-1" };
/** Like clients' sidecars these have no destination of their own, and pods of one name in each namespace. */
const WAYPOINTS = ["east", "west"].map((namespace) => ({
  namespace,
  pod: "nats-waypoint-0",
  reporter: "waypoint",
  workload: "unknown",
}));
const CLIENT = { namespace: "shop", pod: "orders-api-0", reporter: "source", workload: "unknown" };

/** A series of one client's at a proxy, which is up from the first minute on. */
function series(proxy: Proxy, name: string, values: string, labels = ""): object[] {
  const { namespace, pod, reporter, workload } = proxy;
  const target = `job="pods", instance="${namespace}/${pod}", namespace="${namespace}", pod="${pod}"`;
  const destination = `destination_workload="${workload}", destination_workload_namespace="${workload === "unknown" ? workload : namespace}"`;
  const client = 'source_principal="spiffe://cluster.local/ns/shop/sa/orders-api", subject="orders"';
  return [
    { series: `up{${target}}`, values: `1x${MINUTES}` },
    {
      series: `${name}{${target}, reporter="${reporter}", ${destination}, ${client}${labels}}`,
      values,
    },
  ];
}

/** A panel's query, with what its variables have when everything is chosen, unless told otherwise. */
function panel(title: string, chosen: Record<string, string> = {}): string {
  const found = shippedQueries().find(({ place }) => place === JSON.stringify(title));
  assert.ok(found, title);
  const all = {
    __rate_interval: "10m",
    __range: "10m",
    __range_s: "600",
    cluster: ".*",
    qrep: "(destination|waypoint)",
    namespace: "(messaging|east|west|shop)",
    workload: "(nats|unknown)",
    principal: ".+",
    subject: ".+",
  };
  return substitute(found.expr, new Map(Object.entries({ ...all, ...chosen })));
}

const PUBLISHES = ', operation="PUB", verdict="allowed"';
const REFUSALS = ', operation="PUB", reason="denied", rule="orders-api"';

describe("the dashboards, where several proxies report", () => {
  it("show the waypoint of the chosen namespace, although no waypoint has a destination of its own", async () => {
    const [east, west] = WAYPOINTS as [Proxy, Proxy];
    const input = [
      ...series(east, "istio_nats_messages_total", `0+60x${MINUTES}`, PUBLISHES),
      ...series(west, "istio_nats_messages_total", `0+600x${MINUTES}`, PUBLISHES),
      ...series(east, "istio_nats_connections_active", `3x${MINUTES}`),
      ...series(west, "istio_nats_connections_active", `30x${MINUTES}`),
      ...series(east, "istio_nats_refusals_total", `0+120x${MINUTES}`, REFUSALS),
      ...series(west, "istio_nats_refusals_total", `0+1200x${MINUTES}`, REFUSALS),
    ];
    for (const [title, inEast, inBoth] of [
      ["Publishes", 1, 11],
      ["Connections", 3, 33],
      ["Open", 3, 33],
      ["Refused operations", 2, 22],
      ["Refused over the dashboard's time", 1200, 13200],
    ] as const) {
      await assertAnswers(input, panel(title, { namespace: "(east)" }), MINUTES, inEast);
      await assertAnswers(input, panel(title), MINUTES, inBoth);
    }
  });

  it("add up the nodes of a broker, and go on where the counters of one begin again", async () => {
    const input = [
      ...series(NATS_0, "istio_nats_messages_total", `0+60x${MINUTES}`, PUBLISHES),
      ...series(NATS_1, "istio_nats_messages_total", `0+60x${MINUTES - 5} 0+60x4`, PUBLISHES),
    ];
    // Ten minutes hold ten samples, and between them nine steps, of which one is to where the counter begins again.
    await assertAnswers(input, panel("Publishes"), MINUTES, 1 + 8 / 9);
  });

  it("count a message once where the client's own sidecar reports it too, unless both are chosen", async () => {
    const input = [NATS_0, CLIENT].flatMap((proxy) =>
      series(proxy, "istio_nats_messages_total", `0+60x${MINUTES}`, PUBLISHES),
    );
    await assertAnswers(input, panel("Publishes"), MINUTES, 1);
    await assertAnswers(input, panel("Publishes", { qrep: "(source)" }), MINUTES, 1);
    await assertAnswers(input, panel("Publishes", { qrep: "(destination|source)" }), MINUTES, 2);
  });

  it("show what a proxy takes of the processor, for each operation too, and not what other proxies take", async () => {
    const cpu = (pod: string, container: string): object => ({
      series: `container_cpu_usage_seconds_total{namespace="messaging", pod="${pod}", container="${container}"}`,
      values: `0+30x${MINUTES}`,
    });
    const input = [
      ...series(NATS_0, "istio_nats_messages_total", `0+60000x${MINUTES}`, PUBLISHES),
      ...series(NATS_0, "istio_nats_policy_info", `1x${MINUTES}`),
      cpu("nats-0", "istio-proxy"),
      cpu("nats-0", "nats"),
      cpu("orders-0", "istio-proxy"),
    ];
    await assertAnswers(input, panel("Processor time"), MINUTES, 0.5);
    await assertAnswers(input, panel("Processor time of an operation"), MINUTES, 0.5 / 1000);
  });

  it("list nobody as refused who was refused only before the dashboard's time", async () => {
    const before = series(NATS_0, "istio_nats_refusals_total", `5x${MINUTES}`, REFUSALS);
    const now = series(NATS_1, "istio_nats_refusals_total", `0+60x${MINUTES}`, REFUSALS);
    const table = panel("Refused over the dashboard's time");
    await assertAnswers([...before, ...now], table, MINUTES, 600);
    await assertAnswers(before, `count(${table}) or vector(0)`, MINUTES, 0);
  });
});

describe("the questions of docs/how-to/query.md", () => {
  it("tell the errors of two brokers apart that have the same name in two namespaces", async () => {
    const input = [NATS_0, { ...NATS_0, namespace: "messaging-too" }].flatMap((proxy) =>
      series(proxy, "istio_nats_server_errors_total", `0+60x${MINUTES}`, ', kind="payload"'),
    );
    const [query = ""] = QUESTIONS.map((one) => one.query).filter((one) => one.includes("server_errors"));
    const asked = substitute(query, new Map([["__rate_interval", "10m"]]));
    await assertAnswers(input, `count(${asked})`, MINUTES, 2);
  });
});
