import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { inRoot } from "../../tools/paths.ts";
import { fileLog, formatOf, grpcCluster, grpcLog, SUMMARY_KEYS } from "../stand/access-log.ts";
import { AccessLogService } from "../stand/access-log-service.ts";
import { RawClient } from "../stand/raw-client.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { ORDERS_API, shopPolicy } from "./policy.ts";

/** The manifest that the project ships: the resource, and the providers in its comment. */
const shipped = readFileSync(inRoot("deploy", "telemetry.yaml"), "utf8");
const resource = parse(shipped) as { spec: { accessLogging: { filter: { expression: string } }[] } };
const snippet = parse(
  shipped
    .split("\n")
    .filter((line) => /^# {3,}/.test(line))
    .map((line) => line.replace(/^# {3}/, ""))
    .join("\n"),
) as {
  meshConfig: {
    extensionProviders: [
      { envoyFileAccessLog: { logFormat: { labels: Record<string, string> } } },
      { envoyTcpAls: { filterStateObjectsToLog: string[] } },
    ];
  };
};
const [file, grpc] = snippet.meshConfig.extensionProviders;

describe("the access log that deploy/telemetry.yaml describes, in a real Envoy", () => {
  let stand: Stand;
  let collector: AccessLogService;
  const folder = makeScratch();
  const path = (name: string): string => join(folder, name);

  before(async () => {
    collector = await AccessLogService.start();
    const text = `${SUMMARY_KEYS.map(formatOf).join("|")}\n`;
    const { expression } = resource.spec.accessLogging[0]!.filter;
    const accessLog = [
      fileLog(path("text"), text),
      fileLog(path("json"), file.envoyFileAccessLog.logFormat.labels),
      fileLog(path("denied"), text, expression),
      grpcLog("collector", grpc.envoyTcpAls.filterStateObjectsToLog),
    ];
    stand = await Stand.start({
      listeners: { mtls: { filter: { config: shopPolicy }, accessLog } },
      serverProxy: { clusters: [grpcCluster("collector", collector.port)] },
    });
  });

  after(async () => {
    await stand.stop();
    collector.stop();
    removeScratch(folder);
  });

  async function play(session: string): Promise<RawClient> {
    const client = await RawClient.connect(stand.port(), { tls: await stand.identity(ORDERS_API) });
    await client.handshake();
    await client.send(session);
    await client.flush();
    return client;
  }

  function lines(name: string, count: number): Promise<string[]> {
    return waitFor(`${count} lines in the log ${name}`, () => {
      const all = existsSync(path(name)) ? readFileSync(path(name), "utf8").split("\n").slice(0, -1) : [];
      return all.length >= count && all;
    });
  }

  const DENIED = {
    nats_principal: ORDERS_API,
    nats_messages_in: "1",
    nats_bytes_in: "2",
    nats_messages_out: "1",
    nats_bytes_out: "2",
    nats_refused: "2",
    nats_denied: "1",
    nats_last_refusal: "PUB shop.a.secret.x denied orders-api",
  };

  it("has the filter's summary of a connection with a refusal, as text, as JSON and over gRPC", async () => {
    const session = "SUB shop.a.b 1\r\nPUB shop.a.b 2\r\nhi\r\nSUB billing.> 2\r\nPUB shop.a.secret.x 1\r\nx\r\n";
    (await play(session)).close();
    const [line = ""] = await lines("text", 1);
    const values = line.split("|");
    const text = Object.fromEntries(SUMMARY_KEYS.map((key, i) => [key, values[i]]));
    const { nats_client_id, ...summary } = text;
    assert.match(nats_client_id ?? "", /^\d+$/);
    assert.deepEqual(summary, DENIED);

    const [json = ""] = await lines("json", 1);
    const record = JSON.parse(json) as Record<string, unknown>;
    for (const key of SUMMARY_KEYS) assert.equal(String(record[key]), text[key], key);
    assert.equal(record["peer"], ORDERS_API);

    const logged = await waitFor("an entry at the collector", () => collector.filterState[0]);
    assert.deepEqual(logged, Object.fromEntries(Object.entries(text).map(([key, value]) => [`wasm.${key}`, value])));
  });

  it("has the summary of a connection that was reset, while the filter expression leaves out one without a refusal", async () => {
    const client = await play("PUB shop.a.b 3\r\nabc\r\n");
    client.reset();
    const all = await lines("text", 2);
    const [principal, , messages, bytes, , , refused, denied, last] = all[1]!.split("|");
    assert.deepEqual([principal, messages, bytes, refused, denied, last], [ORDERS_API, "1", "3", "0", "0", "-"]);
  });

  it("has the reason for a peer that may not connect at all, which the filter expression lets pass as the first", async () => {
    const stranger = "spiffe://cluster.local/ns/shop/sa/stranger";
    const client = await RawClient.connect(stand.port(), { tls: await stand.identity(stranger) });
    await client.send("CONNECT {}\r\nPING\r\n");
    await client.untilClosed();
    const all = await lines("text", 3);
    const [principal, , , , , , refused, denied, last] = all[2]!.split("|");
    assert.deepEqual([principal, refused, denied, last], [stranger, "1", "1", "CONNECT no_rule"]);
    // The line of the connection without a refusal would come between those of the others.
    const withRefusals = (await lines("denied", 2)).map((line) => line.split("|")[0]);
    assert.deepEqual(withRefusals, [ORDERS_API, stranger]);
  });
});

describe("what the guide says of a nats-server that does not run", () => {
  it("is so: connections end before INFO with UF in the access log as shipped, and no stat of the filter moves", async () => {
    const folder = makeScratch();
    const log = join(folder, "flags");
    const { expression } = resource.spec.accessLogging[0]!.filter;
    const accessLog = [fileLog(log, file.envoyFileAccessLog.logFormat.labels, expression)];
    const stand = await Stand.start({ listeners: { mtls: { filter: { config: shopPolicy }, accessLog } } });
    try {
      await stand.nats.stop();
      const tls = await stand.identity(ORDERS_API);
      // Envoy asks nats-server while it shakes hands with the client, and may be done with both before the client is.
      const client = await RawClient.connect(stand.port(), { tls }).catch(() => undefined);
      if (client) assert.deepEqual(await client.untilClosed(), []);
      const line = await waitFor("a line in the access log", () => {
        const text = existsSync(log) ? readFileSync(log, "utf8") : "";
        return text.endsWith("\n") && text;
      });
      assert.match(String((JSON.parse(line) as Record<string, unknown>)["response_flags"]), /\bUF\b/);
      assert.equal(await stand.envoy.stat("istio_nats_connections_opened_total"), 0);
      assert.deepEqual(stand.audit(), []);
    } finally {
      await stand.stop();
      removeScratch(folder);
    }
  });
});
