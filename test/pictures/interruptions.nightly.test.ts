import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { RULES_FILE } from "../../tools/dashboards/generate.ts";
import { inRoot } from "../../tools/paths.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import type { WasmFilter } from "../stand/wasm-filter.ts";
import { PrometheusServer, scraping, type Series } from "./prometheus-server.ts";
import { shippedQueries, substitute } from "./queries.ts";

const PATIENCE = 20_000;
const CLIENT = "spiffe://cluster.local/ns/shop/sa/orders-api";

/** A policy whose bytes differ with the version. What it refuses does not. */
function filter(version: number, environment?: string): WasmFilter {
  const principals = ["cluster.local/ns/shop/sa/orders-api"];
  const rules = [{ name: "orders-api", from: [{ principals }], publish: { allow: ["orders.>", `v${version}.>`] } }];
  return {
    config: { trustDomains: ["cluster.local"], rules },
    failurePolicy: "FAIL_RELOAD",
    ...(environment === undefined ? {} : { environment: { VERSION: environment } }),
  };
}

function startBroker(): Promise<Stand> {
  const listeners = { mtls: { filter: filter(0) } };
  return Stand.start({ listeners, serverProxy: { metadata: { NAMESPACE: "messaging", WORKLOAD_NAME: "nats" } } });
}

/** The address of a pod, behind which a proxy may be replaced by another, and scrapes may fail. */
class PodAddress {
  proxy: Stand | undefined;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      if (this.proxy === undefined) response.writeHead(503).end();
      else
        void this.proxy.envoy.admin(request.url ?? "/").then(
          (text) => response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(text),
          () => response.writeHead(503).end(),
        );
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("what Prometheus makes of a broker whose proxy, policy or scrapes are interrupted", () => {
  const pod = new PodAddress();
  const brokers: Stand[] = [];
  let prometheus: PrometheusServer;

  before(async () => {
    brokers.push(await startBroker());
    pod.proxy = brokers[0];
    const name = { app_kubernetes_io_name: "nats", service_istio_io_canonical_name: "nats" };
    const labels = { namespace: "messaging", pod: "nats-0", ...name };
    const scrapes = [scraping([{ address: await pod.listen(), labels }])];
    prometheus = await PrometheusServer.start(brokers[0]!.folder, scrapes, [inRoot(RULES_FILE)]);
  });

  after(async () => {
    await prometheus.stop();
    pod.close();
    // Prometheus' files are in the first one's folder.
    for (const broker of brokers.reverse()) await broker.stop();
  });

  /** Connects, and publishes once what no rule allows. */
  async function beRefused(broker: Stand): Promise<void> {
    const client = await RawClient.connect(broker.port(), { tls: await broker.identity(CLIENT) });
    await client.expect("INFO");
    await client.send("CONNECT {}\r\nPUB other.x 0\r\n\r\nPING\r\n");
    await client.until("PONG");
    client.close();
  }

  function until(expr: string, isSo: (series: Series[]) => boolean): Promise<Series[]> {
    return prometheus.until(expr, isSo, PATIENCE);
  }

  const value = (expr: string, is: number): Promise<Series[]> => until(expr, ([first]) => first?.value === is);
  /** What is raised besides NATSBrokerDown, which a single scrape raises that comes too late on a busy machine. */
  const raised = async (): Promise<string[]> => {
    const names = (await prometheus.alerts()).map(({ labels }) => labels["alertname"]!);
    return [...new Set(names)].filter((name) => name !== "NATSBrokerDown").sort();
  };
  const noneRaised = (alert: string): Promise<Series[]> =>
    until(`ALERTS{alertname="${alert}"}`, (series) => series.length === 0);

  const RESETS = "sum(resets(istio_nats_messages_total[5m]))";
  const REFUSED = "sum(istio_nats_refusals_total)";
  const INCREASE = "istio_nats:refusals:increase10m";

  it("goes on counting where a policy changes, and in a new VM as long as the former one has connections", async () => {
    const [broker] = brokers as [Stand];
    const open = await RawClient.connect(broker.port(), { tls: await broker.identity(CLIENT) });
    await open.handshake();
    await beRefused(broker);
    await value(REFUSED, 1);
    let refused = 1;
    for (const next of [filter(1), filter(2), filter(2, "new")]) {
      await broker.update(next);
      await beRefused(broker);
      await value(REFUSED, ++refused);
    }
    await value(RESETS, 0);
    // Each version leaves its gauge behind at 0, and one is in force for who connects now.
    await value('count(istio_nats_policy_info{mode="ENFORCE"} > 0)', 1);
    open.close();
  });

  it("begins again where a new VM follows one without connections, and does not forget what was refused before", async () => {
    const [broker] = brokers as [Stand];
    // A scrape that comes too late on a busy machine leaves no series either.
    await until("up == 1 unless on () (istio_nats_connections_active > 0)", (series) => series.length === 1);
    await broker.update(filter(3, "newer"));
    await beRefused(broker);
    await value(REFUSED, 1);
    // Of the four before and the one after, increase() misses the very first.
    await value(`round(${INCREASE})`, 4);
  });

  it("has no quantile where nothing is measured any more, and no NaN", async () => {
    const { expr } = shippedQueries().find(({ place }) => place === '"PING to PONG"')!;
    const everything = ["cluster", "qrep", "namespace", "workload", "principal"].map((name) => [name, ".*"] as const);
    const query = substitute(expr, new Map([["__rate_interval", "7s"], ...everything]));
    await waitFor(
      "a quantile",
      async () => {
        const client = await RawClient.connect(brokers[0]!.port(), { tls: await brokers[0]!.identity(CLIENT) });
        await client.handshake();
        client.close();
        return (await prometheus.query(query)).length === 1;
      },
      { timeout: PATIENCE },
    );
    await until(query, (series) => series.length === 0);
    await until("istio_nats_ping_rtt_milliseconds_count", (series) => series.length === 1);
  });

  it("raises nothing by scrapes that fail, but for what tells of them, and counts nothing again after them", async () => {
    const before = await raised();
    const [{ value: refused }] = (await prometheus.query(`round(${INCREASE})`)) as [Series];
    pod.proxy = undefined;
    await value("up", 0);
    await until('ALERTS{alertname="NATSBrokerDown", alertstate="pending"}', (series) => series.length === 1);
    assert.deepEqual(await raised(), before);
    pod.proxy = brokers[0];
    await value("up", 1);
    await value(`round(${INCREASE})`, refused);
    await noneRaised("NATSBrokerDown");
    assert.deepEqual(await raised(), before);
  });

  it("takes a pod that comes back at the same address for what it is: its counters begin again, and what it refuses is new", async () => {
    const before = await raised();
    brokers.push(await startBroker());
    pod.proxy = brokers[1];
    await until("istio_nats_refusals_total", (series) => series.length === 0);
    await beRefused(brokers[1]!);
    await value("sum(istio_nats_refusals_total)", 1);
    await until(INCREASE, ([first]) => (first?.value ?? 0) >= 1);
    // Nothing is said to have crashed, to be missing or to differ. Before its first tick a proxy tells of no policy.
    await noneRaised("NATSPluginMissing");
    await noneRaised("NATSBrokerDown");
    assert.deepEqual(await raised(), before);
  });
});
