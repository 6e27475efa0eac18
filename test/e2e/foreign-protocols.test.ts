import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { clientIdOf } from "./frames.ts";
import { ORDERS_API, shopPolicy } from "./policy.ts";

/** The first bytes of a TLS 1.3 ClientHello. */
const CLIENT_HELLO = Buffer.from("16030100c8010000c40303", "hex");
const PROXY_V2 = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** Protocols other than NATS that may reach the port, and what the audit tells an operator to do about them. */
const PROTOCOLS: readonly { title: string; bytes: Uint8Array; kind: string; remedy: RegExp }[] = [
  { title: "TLS inside the stream", bytes: CLIENT_HELLO, kind: "tls", remedy: /turn NATS TLS off/ },
  { title: "HTTP", bytes: Buffer.from("GET / HTTP/1.1\r\n\r\n"), kind: "http", remedy: /WebSocket/ },
  { title: "a PROXY v1 header", bytes: Buffer.from("PROXY TCP4 10.0.0.1 "), kind: "proxy_protocol", remedy: /PROXY/ },
  { title: "a PROXY v2 header", bytes: PROXY_V2, kind: "proxy_protocol", remedy: /PROXY/ },
];

describe("a client that speaks another protocol", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: { filter: { config: shopPolicy } } },
      nats: { trace: true },
    });
  });

  after(() => stand.stop());

  for (const { title, bytes, kind, remedy } of PROTOCOLS) {
    it(`${title}: is closed and counted, and the audit says what to do`, async () => {
      const counted = await stand.envoy.stat("istio_nats_protocol_errors_total", { kind });
      const records = stand.refusals().length;
      const sidecar = await stand.sidecar(ORDERS_API);
      const client = await RawClient.connect(sidecar.port);
      const info = await client.expect("INFO");
      await client.send(bytes);
      const frames = await client.untilClosed();
      assert.ok(
        frames.every(({ verb }) => verb === "-ERR"),
        JSON.stringify(frames),
      );
      await stand.envoy.waitForStat("istio_nats_protocol_errors_total", { kind }, (count) => count === counted + 1);

      const [record, ...more] = stand.refusals().slice(records);
      assert.deepEqual(more, []);
      const { event, source_principal, client_id } = record!;
      const clientId = clientIdOf(info);
      assert.deepEqual(
        { event, kind: record!["kind"], source_principal, client_id },
        { event: "unreadable", kind, source_principal: ORDERS_API, client_id: clientId },
      );
      assert.match(String(record!["remedy"]), remedy);
    });
  }

  it("gets none of its bytes through to nats-server", () => {
    // The filter sends an illegal line in their place, and nats-server complains about nothing else.
    const log = stand.nats.log();
    assert.doesNotMatch(log, /HTTP|GET|TCP4|QUIT/);
    assert.match(log, /Unknown Protocol Operation/i);
    const complaints = log.match(/Client parser ERROR, .*/g) ?? [];
    assert.deepEqual(
      complaints.map((line) => line.includes("proto='\"?")),
      PROTOCOLS.map(() => true),
    );
  });
});
