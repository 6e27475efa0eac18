import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { connect } from "@nats-io/transport-node";
import { binaries } from "../../tools/binaries.ts";
import { run } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import { pythonPackages } from "../../tools/python.ts";
import { Envoy } from "../stand/envoy.ts";
import { tcpCluster, tcpListener, tcpProxy } from "../stand/mesh.ts";
import { Stand } from "../stand/stand.ts";
import { PATIENCE } from "../stand/wait.ts";
import { ORDERS_API, shopPolicy, WORKERS } from "./policy.ts";

/**
 * How long nats-py and nats.js wait for an INFO that never comes, in milliseconds. For all else they wait as long as the stand does.
 * `nats` has no flag for the two seconds of nats.go.
 */
const HANGS = 2000;

const CONNECT_PY = `
import asyncio, sys, nats

async def main():
    async def told(error): print(error)
    await nats.connect(sys.argv[1], allow_reconnect=False, connect_timeout=float(sys.argv[2]), error_cb=told)

try:
    asyncio.run(main())
except Exception as error:
    print(repr(error))
`;

/** What Istio makes of an AuthorizationPolicy that allows nothing. */
const DENIES = {
  name: "envoy.filters.network.rbac",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
    stat_prefix: "tcp.",
    rules: { action: "ALLOW", policies: {} },
  },
};

/** Where docs/how-to/troubleshoot.md leads whom, by what each library says: one of several words, or none. */
interface Row {
  go: string[];
  python: string[];
  js: string[];
  leads: string;
}

function rows(): Row[] {
  const page = readFileSync(inRoot("docs/how-to/troubleshoot.md"), "utf8");
  const [, table = ""] = /^\| nats\.go .*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(page) ?? [];
  return table
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [go = "", python = "", js = "", leads = ""] = line
        .split("|")
        .slice(1)
        .map((cell) => cell.trim());
      const wordsOf = (cell: string): string[] => cell.match(/(?<=`)[^`]+(?=`(?: or `|$))/g) ?? [];
      const said = wordsOf(go);
      const orTheSame = (cell: string): string[] => (cell === "the same" ? said : wordsOf(cell));
      return { go: said, python: orTheSame(python), js: orTheSame(js), leads };
    });
}

/** The row that leads to what contains `words`. */
function rowOf(words: string): Row {
  const [row, ...more] = rows().filter(({ leads }) => leads.includes(words));
  assert.ok(row !== undefined && more.length === 0, words);
  return row;
}

interface Ways {
  url: string;
  /** Milliseconds that nats-py and nats.js wait; `PATIENCE` by default. */
  timeout?: number;
  /** Whether each library begins TLS before INFO, or insists on TLS. */
  tls?: "first" | "insists";
}

async function saidByGo({ url, tls }: Ways): Promise<string> {
  const { nats } = await binaries();
  const server = tls === "insists" ? url.replace("nats:", "tls:") : url;
  const flags = tls === "first" ? ["--tlsfirst"] : [];
  const { output } = await run(nats, ["--server", server, ...flags, "pub", "shop.a", "hi"]);
  return output;
}

async function saidByJs({ url, tls, timeout = PATIENCE }: Ways): Promise<string> {
  const options = { servers: url, reconnect: false, timeout };
  const secured = tls === undefined ? options : { ...options, tls: tls === "first" ? { handshakeFirst: true } : {} };
  const connection = await connect(secured).catch((error: unknown) => String(error));
  return typeof connection === "string" ? connection : "connected";
}

describe("the words by which docs/how-to/troubleshoot.md knows what keeps a client from connecting", () => {
  let stand: Stand;
  let environment: Record<string, string>;

  before(async () => {
    stand = await Stand.start({ listeners: { mtls: { filter: { config: shopPolicy } } } });
    environment = { PYTHONPATH: await pythonPackages("clients", "nats-py") };
  });

  after(() => stand.stop());

  async function assertSaid(row: Row, ways: Ways): Promise<void> {
    const isSaid = (words: string[], by: string): void => {
      assert.ok(
        words.some((word) => by.includes(word)),
        `${by}\nis none of: ${words.join(", ")}`,
      );
    };
    isSaid(row.go, await saidByGo(ways));
    if (row.js.length > 0) isSaid(row.js, await saidByJs(ways));
    if (row.python.length === 0) return;
    const seconds = (ways.timeout ?? PATIENCE) / 1000;
    const { output } = await run("python3", ["-c", CONNECT_PY, ways.url, String(seconds)], { env: environment });
    isSaid(row.python, output);
  }

  async function urlOf(principal: string): Promise<string> {
    return (await stand.sidecar(principal)).url;
  }

  /** Asserts that the audit has nothing of that principal, once it has what a stranger did later. */
  async function assertNothingOf(principal: string): Promise<void> {
    const stranger = `${principal}-stranger`;
    await saidByGo({ url: await urlOf(stranger) });
    await stand.waitForAudit((record) => record["source_principal"] === stranger);
    const records = stand.audit().filter((record) => record["source_principal"] === principal);
    assert.deepEqual(records, []);
  }

  it("are said where plain bytes come to a STRICT port", () =>
    assertSaid(rowOf("it hangs"), { url: `nats://127.0.0.1:${stand.port()}`, timeout: HANGS }));

  it("are said where no rule names the peer", async () =>
    assertSaid(rowOf("it is told why"), { url: await urlOf("spiffe://cluster.local/ns/shop/sa/stranger") }));

  it("are said where the client insists on NATS's own TLS, of which the audit then has nothing", async () => {
    await assertSaid(rowOf("insists on NATS's own TLS"), { url: await urlOf(WORKERS), tls: "insists" });
    await assertNothingOf(WORKERS);
  });

  it("are said where the client begins TLS before INFO, of which the audit has the kind tls", async () => {
    await assertSaid(rowOf("begins TLS before INFO"), { url: await urlOf(ORDERS_API), tls: "first" });
    await stand.waitForAudit(({ event, kind }) => event === "unreadable" && kind === "tls");
  });

  it("are said where nats-server's proxy does not know the client's authority, of which the audit has nothing either", async () => {
    const principal = "spiffe://cluster.local/ns/elsewhere/sa/orders-api";
    const stranger = await stand.sidecar(await stand.wrongIdentity(principal));
    await assertSaid(rowOf("ends before INFO"), { url: stranger.url });
    await assertNothingOf(principal);
    const answer = await stranger.envoy.admin("/certs");
    const { certificates } = JSON.parse(answer) as { certificates: Record<string, object[]>[] };
    const [{ ca_cert: [root] = [], cert_chain: [own] = [] } = {}] = certificates;
    assert.ok(root && "serial_number" in root && own && "expiration_time" in own, answer);
  });

  it("are said where Istio denies the connection itself, which its proxy does at the first bytes", async () => {
    const row = rowOf("an AuthorizationPolicy of Istio's");
    const denying = await Envoy.start(stand.folder, "denying", {
      static_resources: {
        listeners: [tcpListener("inbound", [{ filters: [DENIES, tcpProxy("inbound")] }])],
        clusters: [tcpCluster("inbound", stand.nats.port)],
      },
    });
    const beside = await Envoy.start(stand.folder, "beside-the-client", {
      static_resources: {
        listeners: [tcpListener("outbound", [{ filters: [tcpProxy("outbound")] }])],
        clusters: [tcpCluster("outbound", denying.port("inbound"))],
      },
    });
    try {
      await assertSaid(row, { url: `nats://127.0.0.1:${beside.port("outbound")}` });
    } finally {
      await Promise.all([denying.stop(), beside.stop()]);
    }
  });

  it("are said where nats-server has TLS of its own", async () => {
    const { certificateFile, keyFile } = await stand.identity("spiffe://cluster.local/ns/messaging/sa/nats");
    // The clients wait longer, and see its end.
    await stand.nats.reload(`tls { cert_file: "${certificateFile}", key_file: "${keyFile}", timeout: 0.5 }`);
    await assertSaid(rowOf("`server_tls`"), { url: await urlOf(ORDERS_API) });
    await stand.waitForAudit(({ event, kind }) => event === "unreadable" && kind === "server_tls");
  });

  it("are said where nats-server does not run", async () => {
    const url = await urlOf(ORDERS_API);
    await stand.nats.stop();
    await assertSaid(rowOf("ends before INFO"), { url });
  });
});
