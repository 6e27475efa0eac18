import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALL_TAGS, document, DOCUMENTS, ids, kinds } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

describe("a nats-server without a plugin", () => {
  it("is reported beside one that has its own, and not again if the plugin selects none at all", () => {
    const [pods = ""] = kinds("StatefulSet");
    const other = pods
      .replace("name: nats, namespace", "name: nats2, namespace")
      .replace("{ app: nats }", "{ app: nats2 }");
    const found = doctor([...DOCUMENTS, other].join("\n---\n")).filter(({ id }) => id === "broker-without-plugin");
    assert.deepEqual(
      found.map(({ message }) => message),
      ["no plugin of istio-nats is for StatefulSet messaging/nats2 (app=nats2)"],
    );
    const astray = DOCUMENTS.map((text) =>
      text.replace("matchLabels: { app: nats } }\n  type", "matchLabels: { app: x } }\n  type"),
    );
    assert.deepEqual(ids(...astray), ["selector-matches-nothing"]);
  });
});

describe("two plugins", () => {
  const [plugin = ""] = kinds("WasmPlugin");
  const inRoot = plugin.replace("namespace: messaging", "namespace: istio-system");

  it("meet if one of them is in the root namespace", () => {
    assert.deepEqual(ids(...DOCUMENTS, inRoot), ["plugin-twice"]);
    assert.deepEqual(ids(plugin, inRoot), ["plugin-twice"]);
    const everywhere = inRoot.replace("  selector: { matchLabels: { app: nats } }\n", "");
    assert.deepEqual(ids(...DOCUMENTS, everywhere), ["plugin-twice"]);
    const byAnother = DOCUMENTS.map((text) => text.replace("labels: { app: nats }", "labels: { app: nats, tier: a }"));
    const tier = inRoot.replace("{ app: nats }", "{ tier: a }");
    assert.deepEqual(ids(...byAnother, tier), ["plugin-twice"]);
  });

  it("do not meet in two namespaces, or if their labels are of different pods", () => {
    assert.ok(!ids(plugin, inRoot.replace("istio-system", "shop")).includes("plugin-twice"));
    const clients = inRoot.replace("{ app: nats }", "{ tier: front }");
    assert.ok(!ids(...DOCUMENTS, clients).includes("plugin-twice"));
  });
});

describe("a plugin under another name", () => {
  const around = kinds("Service", "StatefulSet", "PeerAuthentication");
  const plugin = kinds("WasmPlugin").map((text) =>
    text.replace("name: istio-nats", "name: nats-authz").replace("istio-nats@sha256", "nats-filter@sha256"),
  );

  it("is judged if it has half of a policy, or a slip", () => {
    assert.deepEqual(ids(...around, ...plugin), []);
    for (const [was, is] of [
      ["trustDomains", "trustDomain"],
      ["rules:", "rulez:"],
      ["    trustDomains: [cluster.local]\n", ""],
    ] as const) {
      const broken = plugin.map((text) => text.replace(was, is).replace("  type: NETWORK\n", ""));
      assert.deepEqual(ids(...around, ...broken), ["policy-fault", "type-not-network"], is);
    }
  });

  it("is not judged if it has rules of its own on other ports", () => {
    const other = plugin.map((text) =>
      text
        .replace("  type: NETWORK\n", "")
        .replace("    trustDomains: [cluster.local]\n", "")
        .replace("number: 4222", "number: 8080"),
    );
    assert.deepEqual(ids(...around, ...other), ["broker-without-plugin"]);
  });
});

describe("a plugin for a Service whose port is not the container's", () => {
  const around = kinds("StatefulSet", "PeerAuthentication");
  const [plugin = ""] = kinds("WasmPlugin");
  const [service = ""] = kinds("Service");
  const apart = service.replace("port: 4222", "port: 14222, targetPort: 4222");
  const listing = (...ports: number[]): string =>
    plugin.replace("[{ number: 4222 }]", `[${ports.map((number) => `{ number: ${number} }`).join()}]`);

  it("may list both numbers, as docs/how-to/install.md has it, but not the container's alone", () => {
    assert.notEqual(apart, service);
    assert.notEqual(listing(14222), plugin);
    assert.deepEqual(ids(...around, apart, listing(14222)), []);
    assert.deepEqual(ids(...around, apart, listing(14222, 4222)), []);
    assert.deepEqual(ids(...around, apart, listing(4222)), ["match-port-nothing", "service-port-unmatched"]);
    assert.deepEqual(ids(...around, apart, listing(14222, 4223)), ["match-port-nothing"]);
  });

  it("must list the port of each Service that leads to the container's", () => {
    const other = apart.replace("name: nats,", "name: other,").replace("14222", "24222");
    assert.deepEqual(ids(...around, apart, other, listing(14222, 4222)), ["service-port-unmatched"]);
    assert.deepEqual(ids(...around, apart, other, listing(14222, 24222, 4222)), []);
  });
});

describe("a plugin's mode", () => {
  const around = kinds("Service", "StatefulSet", "PeerAuthentication");
  const [plugin = ""] = kinds("WasmPlugin");
  const MATCH = "match: [{ mode: SERVER, ports: [{ number: 4222 }] }]";

  /** Every way to have the filter in front of the pods' ports. */
  const WRITTEN = ["SERVER", "CLIENT_AND_SERVER", "UNDEFINED", undefined];

  function withMode(mode: string | undefined): string {
    assert.ok(plugin.includes(MATCH));
    return plugin.replace("mode: SERVER, ", mode === undefined ? "" : `mode: ${mode}, `);
  }

  for (const mode of WRITTEN) {
    const how = mode ?? "left out";

    it(`${how} lets a selector, a port and an identity be judged`, () => {
      assert.deepEqual(ids(...around, withMode(mode)), []);
      assert.deepEqual(ids(...around, withMode(mode).replace("app: nats", "app: natz")), ["selector-matches-nothing"]);
      const ids4223 = ids(...around, withMode(mode).replace("number: 4222", "number: 4223"));
      assert.deepEqual(ids4223, ["match-port-nothing", "service-port-unmatched"]);
      const workload = withMode(mode).replace("trustDomains:", "identity: WORKLOAD\n    trustDomains:");
      assert.deepEqual(ids(...around, workload), ["identity-mismatch"]);
    });
  }

  it("is both if there is no match at all", () => {
    const without = plugin.replace(`  ${MATCH}\n`, "");
    assert.deepEqual(ids(...around, without), ["match-without-ports"]);
    const misspelt = without.replace("app: nats", "app: natz");
    assert.deepEqual(ids(...around, misspelt), ["match-without-ports", "selector-matches-nothing"]);
  });

  it("that nobody knows hides nothing else that is wrong", () => {
    const misspelt = withMode("server").replace("app: nats", "app: natz");
    assert.deepEqual(ids(...around, misspelt), ["mode-unknown", "selector-matches-nothing"]);
  });

  it("CLIENT in front of nats-server's pods is reported, whatever the identity says", () => {
    assert.deepEqual(ids(...around, withMode("CLIENT")), ["broker-mode-client"]);
    const workload = withMode("CLIENT").replace("trustDomains:", "identity: WORKLOAD\n    trustDomains:");
    assert.deepEqual(ids(...around, workload), ["broker-mode-client", "identity-mismatch"]);
    const told = doctor([...around, workload].join("\n---\n")).map(({ remedy }) => remedy);
    assert.ok(!told.includes("write identity: WORKLOAD"));
  });

  it("says nothing of ports where these are of another type, which is told", () => {
    for (const match of ["{ mode: SERVER, ports: [{ number: 4222 }] }", "[{ mode: SERVER, ports: [4222] }]"])
      assert.deepEqual(ids(...around, plugin.replace(MATCH, `match: ${match}`)), ["field-type"], match);
    for (const match of ["[]", "[{ mode: SERVER }]", "[{ mode: SERVER, ports: [] }]"])
      assert.deepEqual(ids(...around, plugin.replace(MATCH, `match: ${match}`)), ["match-without-ports"], match);
  });

  it("CLIENT is recognised by nats-server's Service if its pods are not among the files", () => {
    const workload = withMode("CLIENT").replace("trustDomains:", "identity: WORKLOAD\n    trustDomains:");
    assert.ok(ids(...kinds("Service"), workload).includes("broker-mode-client"));
    const own = plugin.replace("name: istio-nats,", "name: istio-nats-server,");
    assert.deepEqual(ids(...kinds("Service"), workload, own), []);
    assert.deepEqual(ids(...kinds("Service"), workload.replace("app: nats", "app: orders")), []);
  });

  it("CLIENT with nothing beside it gets no advice that is wrong for nats-server", () => {
    const [finding] = doctor(withMode("CLIENT"));
    assert.equal(finding!.id, "identity-mismatch");
    assert.equal(
      finding!.remedy,
      "write identity: WORKLOAD if these are pods of clients, mode: SERVER if they run nats-server",
    );
  });

  it("on both sides of a client's pods is for the client", () => {
    const pods = document("apps", "Deployment", "orders", "messaging", {
      template: { metadata: { labels: { app: "orders" }, annotations: ALL_TAGS }, spec: { containers: [] } },
    });
    const client = withMode(undefined)
      .replace("name: istio-nats,", "name: istio-nats-client,")
      .replace("app: nats", "app: orders");
    assert.deepEqual(ids(...around, plugin, pods, client), []);
    const workload = client.replace("trustDomains:", "identity: WORKLOAD\n    trustDomains:");
    assert.deepEqual(ids(...around, plugin, pods, workload), []);
  });
});

describe("sha256 of a plugin", () => {
  const [plugin = ""] = kinds("WasmPlugin");
  const url = /istio-nats@sha256:([a-f0-9]{64})/;
  const digest = url.exec(plugin)?.[1] ?? "";
  const told = (sum: string, text = plugin): string[] =>
    doctor(text.replace("  type: NETWORK\n", `  type: NETWORK\n  sha256: ${sum}\n`))
      .filter(({ id }) => id === "digest-not-manifest")
      .map(({ remedy }) => remedy);

  it("as crane prints it, with the algorithm, is one fault, whose remedy mends it", () => {
    assert.deepEqual(told(`sha256:${digest}`), [`write ${digest}`]);
    assert.deepEqual(told(digest.toUpperCase()), [`write ${digest}`]);
    assert.deepEqual(told(digest), []);
    assert.deepEqual(told("4f1a2c9d"), ["write what crane digest IMAGE prints, without sha256: before it"]);
    const module = plugin.replace(/url: .*/, "url: https://files.test/istio-nats.wasm");
    assert.deepEqual(told("4f1a2c9d", module), ["write the SHA-256 of the module, as sha256sum prints it"]);
  });
});
