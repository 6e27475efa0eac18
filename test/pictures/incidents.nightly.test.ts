import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { read } from "../../tools/paths.ts";
import { fileLog } from "../stand/access-log.ts";
import type { AuditRecord } from "../stand/audit.ts";
import type { StandSidecarOptions } from "../stand/stand.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { PrometheusServer, scraping, type Series } from "./prometheus-server.ts";
import { choices, panelQueries, shippedDashboards, substitute } from "./queries.ts";

/** For a scrape each second, and Envoy's histograms every five. */
const PATIENCE = 40_000;

const GUIDE = "docs/how-to/troubleshoot.md";
/** The account that the guide's commands and queries name. */
const NAMED = "orders-api";

interface Rule {
  name: string;
  from: { serviceAccounts: string[] }[];
  [words: string]: unknown;
}

function rule(account: string, words: Record<string, unknown>): Rule {
  return { name: account, from: [{ serviceAccounts: [`shop/${account}`] }], ...words };
}

const inbox = ["_INBOX.>"];
const RULES = [
  rule("publisher", { publish: { allow: ["orders.>", "quotes.>"] }, subscribe: { allow: inbox } }),
  rule("billing", { publish: { allow: ["orders.>"], deny: ["orders.admin.>"] } }),
  rule("consumer", { subscribe: { allow: ["orders.>"] } }),
  rule("auditor", { subscribe: { allow: ["orders.>"], deny: ["orders.*.card"] } }),
  rule("reporting", { subscribe: { allow: ["orders.>"] } }),
  rule("pricing", { subscribe: { allow: ["quotes.>"] }, allow_responses: true }),
  rule("batch", { publish: { allow: ["orders.>"] } }),
  rule("poller", { publish: { allow: ["orders.>"] } }),
];

function filter(rules: readonly Rule[]): { config: object } {
  const subjects = ["orders", "quotes", "invoices"].map((name) => ({ name, patterns: [`${name}.>`] }));
  return { config: { trustDomains: ["cluster.local"], telemetry: { subjects }, rules } };
}

/** What a section of the guide has in fences of that kind, about that account. */
function said(section: string, kind: "promql" | "sh", account: string): string[] {
  const text = read(GUIDE)
    .split(/^## /m)
    .find((part) => part.startsWith(`${section}\n`));
  assert.ok(text, section);
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, fence]) => fence === kind)
    .map(([, , body = ""]) => body.trim().replaceAll(NAMED, account));
}

/** By what a series is about: `PUB orders refused`. */
function about({ metric }: Series, ...labels: string[]): string {
  return labels.map((label) => metric[label] ?? "").join(" ");
}

describe("a complaint leads to its cause, by what the guide says and shows", () => {
  let stand: Stand;
  let prometheus: PrometheusServer;
  const clients: NatsConnection[] = [];

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: { filter: filter(RULES) } },
      serverProxy: { metadata: { NAMESPACE: "messaging", WORKLOAD_NAME: "nats" } },
    });
    const labels = { namespace: "messaging", pod: "nats-0", app_kubernetes_io_name: "nats" };
    prometheus = await PrometheusServer.start(stand.folder, [
      scraping([{ address: stand.envoy.adminAddress, labels }]),
    ]);
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await prometheus.stop();
    await stand.stop();
  });

  async function client(account: string, options: StandSidecarOptions = {}): Promise<NatsConnection> {
    const { url } = await stand.sidecar(`spiffe://cluster.local/ns/shop/sa/${account}`, options);
    const connection = await connect({ servers: url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    clients.push(connection);
    return connection;
  }

  /** Asks until the answer is as it must be. Times of days and minutes are those of this test instead. */
  function answer(
    query: string,
    isSo: (series: Series[]) => boolean,
    times: Record<string, string> = {},
  ): Promise<Series[]> {
    const asked = Object.entries(times).reduce((text, [time, here]) => text.replaceAll(time, here), query);
    return prometheus.until(asked, isSo, PATIENCE);
  }

  /** What a command of the guide finds in the real log. */
  function found(command: string): AuditRecord[] {
    const here = command.replace(/^kubectl -n messaging logs nats-0 -c istio-proxy/, "cat");
    assert.notEqual(here, command);
    const { stdout } = spawnSync("sh", ["-c", here], { input: stand.envoy.log(), encoding: "utf8" });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as AuditRecord);
  }

  it("my publish is refused: the rule and the subject", async () => {
    const section = "`Permissions Violation for …`, and the connection stays";
    const billing = await client("billing");
    billing.publish("orders.admin.purge");
    await billing.flush();
    const [query = ""] = said(section, "promql", "billing");
    const [refused] = await answer(query, (series) => series.length === 1);
    assert.equal(about(refused!, "operation", "subject", "reason", "rule"), "PUB orders denied billing");
    assert.equal(refused!.value, 1);
    const [command = ""] = said(section, "sh", "billing");
    assert.deepEqual(
      found(command).map(({ operation, subject, reason }) => [operation, subject, reason]),
      [["PUB", "orders.admin.purge", "denied"]],
    );
  });

  it("my consumer gets nothing: a refused subscription, a deny, or a right that is gone", async () => {
    const section = "A consumer gets nothing, or messages are missing";
    const publisher = await client("publisher");
    const ask = (account: string): string => said(section, "promql", account)[0]!;
    for (const [account, subject] of [
      ["consumer", "invoices.>"],
      ["auditor", "orders.>"],
      ["reporting", "orders.>"],
    ] as const) {
      const consumer = await client(account);
      // As most do it: nothing here hears of a refusal.
      consumer.subscribe(subject, { callback: () => undefined });
      await consumer.flush();
    }
    publisher.publish("orders.7.card");
    await publisher.flush();
    const seen = async (account: string, row: string, value: number): Promise<void> => {
      const is = (series: Series): boolean =>
        about(series, "operation", "subject", "verdict") === row && series.value === value;
      await answer(ask(account), (series) => series.some(is));
    };
    await seen("consumer", "SUB invoices refused", 1);
    await seen("auditor", "MSG orders refused", 1);
    await seen("reporting", "MSG orders allowed", 1);

    await stand.update(filter(RULES.filter(({ name }) => name !== "reporting")));
    await stand.update(
      filter([
        ...RULES.filter(({ name }) => name !== "reporting"),
        rule("reporting", { subscribe: { allow: ["quotes.>"] } }),
      ]),
    );
    await seen("reporting", "SUB orders allowed", 1);
    await stand.waitForAudit(
      ({ event, source_principal: peer }) => event === "revoked" && String(peer).endsWith("/reporting"),
    );
  });

  it("requests are slow since yesterday: the responder", async () => {
    const [query = ""] = said("NATS is slow", "promql", "pricing");
    const [publisher, pricing] = [await client("publisher"), await client("pricing")];
    let delay = 0;
    pricing.subscribe("quotes.>", {
      callback: (_, message) => void sleep(delay).then(() => message.respond("4.20 EUR")),
    });
    await pricing.flush();
    const asking = new AbortController();
    const asked = (async (): Promise<void> => {
      while (!asking.signal.aborted) await publisher.request("quotes.lemons", "3", { timeout: PATIENCE });
    })();
    const times = { "5m": "10s", "1d": "12s" };
    try {
      await sleep(13_000);
      delay = 150;
      const slow = await answer(query, (series) => series.length > 0, times);
      assert.deepEqual(
        slow.map((series) => about(series, "source_principal", "subject")),
        ["spiffe://cluster.local/ns/shop/sa/pricing quotes"],
      );
    } finally {
      asking.abort();
      await asked;
    }
  });

  it("connections drop every hour: the client whose way has a bound, and that it is a bound", async () => {
    const log = join(stand.folder, "batch.log");
    await client("batch", {
      settings: { max_downstream_connection_duration: "1s" },
      accessLog: [fileLog(log, "%RESPONSE_FLAGS%\n")],
    });
    const [, broker] = shippedDashboards().find(([file]) => file.includes("broker"))!;
    const { expr } = panelQueries(broker).find(({ place }) => place === '"Closed, by client"')!;
    await answer("istio_nats_connections_closed_total", (series) => series.length > 0);
    const query = substitute(expr, await choices(broker, prometheus));
    const closing = await answer(query, (series) => series.some(({ value }) => value > 0.3));
    assert.deepEqual(
      closing.filter(({ value }) => value > 0).map((series) => about(series, "source_principal")),
      ["spiffe://cluster.local/ns/shop/sa/batch"],
    );
    const [command = ""] = said("Connections drop again and again", "sh", "batch");
    const records = await waitFor("five ends", () => {
      const some = found(command);
      return some.length >= 5 && some;
    });
    for (const { event } of records) assert.equal(event, "disconnected");
    // A busy machine may notice one of them late.
    const durations = records.map(({ duration_ms: duration }) => Number(duration)).sort((a, b) => a - b);
    const median = durations[durations.length >> 1]!;
    assert.ok(median > 500 && median < 3_000, durations.join());
    assert.ok(existsSync(log) && readFileSync(log, "utf8").includes("DT"));
  });

  it("the sidecar takes more CPU than before: the client that does more, and what", async () => {
    const [query = ""] = said("The proxy takes more of the processor", "promql", "poller");
    const { url } = await stand.sidecar("spiffe://cluster.local/ns/shop/sa/poller");
    const polling = new AbortController();
    const polls = (async (): Promise<void> => {
      while (!polling.signal.aborted) await (await connect({ servers: url, reconnect: false })).close();
    })();
    try {
      const [most] = await answer(query, (series) => (series[0]?.value ?? 0) > 5, { "5m": "5s", "1d": "15s" });
      assert.equal(about(most!, "source_principal"), "spiffe://cluster.local/ns/shop/sa/poller");
      const [connects] = await answer(
        query,
        (series) =>
          series.some(
            (one) => about(one, "operation", "source_principal") === "CONNECT spiffe://cluster.local/ns/shop/sa/poller",
          ),
        { "5m": "5s", "1d": "15s" },
      );
      assert.ok(connects);
    } finally {
      polling.abort();
      await polls;
    }
  });
});
