import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { auditOf, CONNECT, PEER, PING, policy, PONG, stat, Wire } from "./wire.ts";

const URLS = '"connect_urls":["10.0.0.7:4222","[fd00::1]:4222"]';
const WS_URLS = '"ws_connect_urls": [ "10.0.0.7:8080" ]';

/** What an INFO contains, and what a client is to read of it. The filter must not change blanks, order or unknown fields. */
const CASES: [name: string, fields: string, left: string][] = [
  ["in the middle", `"a":1,${URLS},"b":2`, '"a":1,"b":2'],
  ["first", `${URLS},"b":2`, '"b":2'],
  ["first, with blanks", ` ${URLS} , "b":2`, ' "b":2'],
  ["last", `"a":1 , ${URLS}`, '"a":1'],
  ["alone", URLS, ""],
  ["both first", `${URLS},${WS_URLS}, "b" : "x,y"`, '"b" : "x,y"'],
  ["both last", `"a":{"connect_urls":["kept"]},${URLS} ,${WS_URLS}`, '"a":{"connect_urls":["kept"]}'],
  ["apart", `${URLS},"a":1,${WS_URLS},"b":2`, '"a":1,"b":2'],
  ["twice", `"a":1,${URLS},${URLS},"b":2,${URLS}`, '"a":1,"b":2'],
  ["in Go's case and with escapes", `"a":1,"Connect_URL\\u0073":["x"],"b":2`, '"a":1,"b":2'],
  ["as null", '"connect_urls":null,"b":[1,2]', '"b":[1,2]'],
  ["nowhere", '"a":1,"tls_available":true,"ldm":true', '"a":1,"tls_available":true,"ldm":true'],
];

function host(settings: object): Host {
  const properties = { "xds.node.metadata.NAMESPACE": "shop", "xds.node.metadata.SERVICE_ACCOUNT": "orders-api" };
  const made = new Host(filterModule(), { properties });
  assert.ok(made.configure({ ...policy(), ...settings }).accepted);
  return made;
}

describe("addresses of other servers in INFO", () => {
  for (const [name, fields, left] of CASES) {
    it(`are removed with REMOVE, ${name}, however INFO is cut`, () => {
      const filter = host({ connectUrls: "REMOVE" });
      const info = `INFO {${fields}} \r\n`;
      for (let cut = 0; cut < info.length; cut++) {
        const wire = new Wire(filter);
        const read = wire.server(info.slice(0, cut)) + wire.server(info.slice(cut));
        assert.equal(read, `INFO {${left}} \r\n`, `cut at ${cut}`);
        assert.doesNotThrow(() => void JSON.parse(read.slice(5)));
        wire.connection.close();
      }
    });
  }

  const given = `INFO {"a":1,${URLS}} \r\n`;
  const clean = 'INFO {"a":1} \r\n';

  const DEFAULTS: [settings: object, read: string][] = [
    [{ identity: "PEER" }, given],
    [{ identity: "WAYPOINT" }, clean],
    [{ identity: "WORKLOAD" }, clean],
    [{ identity: "PEER", connectUrls: "REMOVE" }, clean],
    [{ identity: "WAYPOINT", connectUrls: "KEEP" }, given],
    [{ identity: "WAYPOINT", mode: "DRY_RUN" }, given],
  ];
  for (const [settings, read] of DEFAULTS) {
    it(`${read === given ? "stay" : "go"} with ${JSON.stringify(settings)}`, () => {
      const wire = new Wire(host(settings));
      assert.equal(wire.server(given), read);
      // An INFO that the server sends by itself: the cluster has changed, or lame duck mode.
      wire.client(CONNECT);
      assert.equal(wire.server(`PING\r\n${given}+OK\r\n`), `PING\r\n${read}+OK\r\n`);
    });
  }

  it("are also removed from an INFO that was held back", () => {
    const wire = new Wire(host({ connectUrls: "REMOVE" }));
    wire.server('INFO {"headers":true} \r\n');
    wire.client(`${CONNECT}SUB no 1\r\n`);
    wire.server(`${PONG}INFO {"connect_info":true,${URLS},"x":1} \r\n`);
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(PONG), `${PONG}INFO {"connect_info":true,"x":1} \r\n`);
  });

  it("are in an INFO that was held back as the policy says when it is released", () => {
    const held = `INFO {"connect_info":true,${URLS},"x":1} \r\n`;
    const other = { KEEP: "REMOVE", REMOVE: "KEEP" };
    for (const connectUrls of ["KEEP", "REMOVE"] as const) {
      for (const release of [PONG, given]) {
        const filter = host({ connectUrls });
        const wire = new Wire(filter);
        wire.server('INFO {"headers":true} \r\n');
        wire.client(`${CONNECT}SUB no 1\r\n`);
        assert.doesNotMatch(wire.server(PONG + held), /INFO/);
        filter.configure({ ...policy(), connectUrls: other[connectUrls] });
        if (release === PONG) wire.client(PING);
        const read = connectUrls === "KEEP" ? held.replace(`${URLS},`, "") : held;
        const later = connectUrls === "KEEP" ? clean : given;
        assert.equal(wire.server(release), release === PONG ? PONG + read : read + later);
      }
    }
  });

  it("go and come back as a newer policy says, on the same connection", () => {
    const filter = host({});
    const wire = new Wire(filter);
    assert.equal(wire.server(given), given);
    filter.configure({ ...policy(), connectUrls: "REMOVE" });
    filter.tick();
    assert.equal(wire.server(given), clean);
  });

  it("have no other settings than KEEP and REMOVE", () => {
    const { accepted, logs } = new Host(filterModule()).configure({ ...policy(), connectUrls: "DROP" });
    assert.equal(accepted, false);
    assert.match(logs.at(-1)!.message, /connectUrls: "DROP" is not known here: write KEEP or REMOVE/);
  });
});

describe("an INFO with tls_required", () => {
  it("passes unchanged, and is reported with its remedy once for each connection", () => {
    const filter = host({});
    const info = 'INFO {"tls_required":true,"headers":true} \r\n';
    const wire = new Wire(filter);
    assert.equal(wire.server(info), info);
    wire.client(Buffer.from(CONNECT));
    assert.equal(stat(filter, "istio_nats_protocol_errors_total", { kind: "server_tls", source_principal: PEER }), 1);
    const record = auditOf(filter).find(({ event }) => event === "unreadable");
    assert.equal(record!["kind"], "server_tls");
    assert.match(String(record!["remedy"]), /tls_required/);
  });

  it("is not reported if TLS is only offered", () => {
    const filter = host({});
    const wire = new Wire(filter);
    wire.server('INFO {"tls_available":true,"tls_required":false} \r\n');
    wire.client(CONNECT);
    assert.equal(stat(filter, "istio_nats_protocol_errors_total"), 0);
    assert.deepEqual(
      auditOf(filter).map(({ event }) => event),
      ["connected"],
    );
  });
});

describe("an INFO with tls_required, if the proxy itself speaks TLS with nats-server", () => {
  function behindTls(filter: Host): Wire {
    const wire = new Wire(filter);
    wire.connection.properties.set("upstream.tls_version", "TLSv1.3");
    return wire;
  }

  it("reaches the client without a word of TLS, because the client's bytes are plain, and nothing is reported", () => {
    const filter = host({});
    const info =
      'INFO {"server_id":"N","tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":5} \r\n';
    for (let cut = 0; cut < info.length; cut++) {
      const wire = behindTls(filter);
      const read = wire.server(info.slice(0, cut)) + wire.server(info.slice(cut));
      assert.equal(read, 'INFO {"server_id":"N","max_payload":5} \r\n');
      wire.connection.close();
    }
    const wire = behindTls(filter);
    wire.server(info);
    wire.client(CONNECT);
    assert.equal(stat(filter, "istio_nats_protocol_errors_total"), 0);
  });

  it("is also changed in a later INFO, and together with addresses of other servers", () => {
    const filter = host({ connectUrls: "REMOVE" });
    const wire = behindTls(filter);
    const info = `INFO {${URLS},"tls_required":true,"a":1} \r\n`;
    assert.equal(wire.server(info), 'INFO {"a":1} \r\n');
    assert.equal(wire.server(info), 'INFO {"a":1} \r\n');
  });

  it("is also changed where it only offers TLS", () => {
    const wire = behindTls(host({}));
    assert.equal(wire.server('INFO {"tls_available":true,"a":1} \r\n'), 'INFO {"a":1} \r\n');
  });

  it("is left unchanged in DRY_RUN", () => {
    const wire = behindTls(host({ mode: "DRY_RUN" }));
    const info = 'INFO {"tls_required":true} \r\n';
    assert.equal(wire.server(info), info);
  });
});
