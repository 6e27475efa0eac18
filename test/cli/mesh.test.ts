import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fixture } from "./fixture.ts";
import { document, DOCUMENTS, ids, kinds } from "./sound-mesh.ts";
import { doctor, istioNats } from "./support.ts";

describe("a plugin", () => {
  const service = kinds("Service");
  const [plugin = ""] = kinds("WasmPlugin");

  it("that contradicts nats-server's Services selects nothing, also where the pods are not among the files", () => {
    const found = (text: string): string[] => ids(...service, text);
    assert.deepEqual(found(plugin), []);
    assert.deepEqual(found(plugin.replace("app: nats", "app: natz")), ["selector-matches-nothing"]);
    assert.deepEqual(found(plugin.replace("namespace: messaging", "namespace: shop")), ["selector-matches-nothing"]);
    assert.deepEqual(found(plugin.replace("namespace: messaging", "namespace: istio-system")), []);
    // The pods may have both labels.
    assert.deepEqual(found(plugin.replace("app: nats", "tier: broker")), []);
  });

  it("that names the client port only for what the pods open themselves judges nobody there", () => {
    const [port, match] = ["ports: [{ number: 4222 }]", "match: [{ mode: SERVER, ports: [{ number: 4222 }] }]"];
    assert.ok(plugin.includes(match));
    const other = service.map((text) => `${text}    - { name: tcp-other, port: 4333 }\n`);
    const split = plugin.replace(
      match,
      `match: [{ mode: CLIENT, ${port} }, { mode: SERVER, ports: [{ number: 4333 }] }]`,
    );
    for (const pods of [[], kinds("StatefulSet", "PeerAuthentication")])
      assert.deepEqual(ids(...other, ...pods, split), ["service-port-unmatched"]);
    assert.deepEqual(ids(...other, split.replace("mode: CLIENT", "mode: CLIENT_AND_SERVER")), []);
  });
});

describe("a Service's targetPort", () => {
  it("must lead to 4222 of the pods: its own number does not matter", () => {
    for (const target of ["4223", "nats-client"]) {
      const astray = DOCUMENTS.map((text) => text.replace("port: 4222 }\n", `port: 4222, targetPort: ${target} }\n`));
      assert.deepEqual(ids(...astray), ["pod-not-in-service", "target-port-nothing"], target);
    }
    const named = DOCUMENTS.map((text) => text.replace("port: 4222 }\n", "port: 4222, targetPort: client }\n"));
    assert.deepEqual(ids(...named), []);
  });
});

describe("the protocol of a port of nats-server", () => {
  const replaced = (from: string, to: string): string[] => {
    const changed = DOCUMENTS.map((text) => text.replace(from, to));
    assert.notDeepEqual(changed, DOCUMENTS);
    return changed;
  };

  it("is TCP, in capitals, in its Services", () => {
    const told = (protocol: string): string[] => {
      const found = doctor(replaced("port: 4222 }", `port: 4222, protocol: ${protocol} }`).join("\n---\n"));
      return found.map(({ id, message, remedy }) => `${id}: ${message}: ${remedy}`);
    };
    const port = "transport-not-tcp: port 4222 of Service messaging/nats";
    assert.deepEqual(told("TCP"), []);
    assert.deepEqual(told('""'), []);
    for (const other of ["UDP", "SCTP"])
      assert.deepEqual(told(other), [`${port} (clients) has protocol ${other}: write protocol: TCP, or leave it out`]);
    const refused = (word: string): string => `${port} has protocol ${word}, which Kubernetes refuses`;
    assert.deepEqual(told("tcp"), [`${refused("tcp")}: write protocol: TCP`]);
    assert.deepEqual(told("nats"), [`${refused("nats")}: write protocol: TCP, or leave it out`]);
  });

  it("may be declared as TLS where it is not the clients' and no waypoint serves it", () => {
    const told = (changed: readonly string[]): string[] =>
      doctor(changed.join("\n---\n"))
        .filter(({ id }) => id === "port-not-tcp")
        .map(({ message, remedy }) => `${message}: ${remedy}`);
    const routes = replaced("port: 4222 }", "port: 4222 }\n    - { name: tls-routes, port: 6222 }");
    const clients = replaced("port: 4222 }", "port: 4222, appProtocol: TLS }");
    const remedy = "turn off nats-server's own TLS on this port, and write appProtocol: tcp";
    assert.deepEqual(told(routes), []);
    assert.deepEqual(told(clients), [
      `port 4222 of Service messaging/nats (clients) has appProtocol TLS: the filter sees no NATS in TLS of nats-server's own: ${remedy}`,
    ]);
    const waits =
      "a waypoint waits for the client to begin TLS, and the client waits for nats-server, which speaks first";
    const served = (changed: string[]): string[] =>
      changed.map((text) =>
        text.includes("kind: Service\n")
          ? text.replace("name: nats,", "name: nats, labels: { istio.io/use-waypoint: judge },")
          : text,
      );
    assert.deepEqual(told(served(routes)), [
      `port 6222 of Service messaging/nats (routes) is named "tls-routes": ${waits}: ${remedy}`,
    ]);
    assert.deepEqual(told(served(clients)), [
      `port 4222 of Service messaging/nats (clients) has appProtocol TLS: ${waits}: ${remedy}`,
    ]);
    // By the names of a headless Service nodes dial each other's pods, past its waypoint.
    const headless = served(routes).map((text) =>
      text.replace(/^spec:\n {2}selector/m, "spec:\n  clusterIP: None\n  selector"),
    );
    assert.deepEqual(told(headless), []);
  });

  it("is what a Service finds a container's port by, beside its name", () => {
    const container = (protocol: string): string[] =>
      replaced("containerPort: 4222 }", `containerPort: 4222, protocol: ${protocol} }`);
    assert.deepEqual(ids(...container("UDP")), ["container-transport-not-tcp"]);
    assert.deepEqual(ids(...container("udp")), ["transport-not-tcp"]);
    const byName = container("UDP").map((text) => text.replace("port: 4222 }", "port: 4222, targetPort: client }"));
    assert.deepEqual(ids(...byName), ["container-transport-not-tcp", "pod-not-in-service", "target-port-nothing"]);
    const [finding] = doctor(byName.join("\n---\n")).filter(({ id }) => id === "target-port-nothing");
    assert.match(finding!.message, /leads to a port named "client", but the containers have client \(UDP\)$/);
  });

  it("does not matter where it is not a port of NATS's protocol", () => {
    const statsd = replaced(
      "containerPort: 4222 }",
      "containerPort: 4222 }, { name: statsd, containerPort: 8125, protocol: UDP }",
    );
    const [service = "", ...rest] = [...statsd].sort((a) => (a.includes("kind: Service\n") ? -1 : 1));
    const more = service.trimEnd() + "\n    - { name: statsd, port: 8125, targetPort: statsd, protocol: UDP }\n";
    assert.deepEqual(ids(more, ...rest), []);
  });
});

describe("a gateway", () => {
  const [plugin = ""] = kinds("WasmPlugin").map((text) =>
    text
      .replace("namespace: messaging", "namespace: egress")
      .replace("app: nats", "istio: egress")
      .replace("pluginConfig:", "pluginConfig:\n    connectUrls: REMOVE"),
  );
  const client = plugin.replace("SERVER", "CLIENT");
  const server = { port: { number: 4222, name: "tls-nats", protocol: "TLS" }, tls: { mode: "ISTIO_MUTUAL" } };
  const gateway = document("networking.istio.io", "Gateway", "g", "egress", {
    selector: { istio: "egress" },
    servers: [server],
  });

  it("is recognised by the selector of its Gateway, whatever the label says", () => {
    assert.deepEqual(ids(gateway, client), []);
    assert.deepEqual(ids(gateway, plugin), ["gateway-mode-server"]);
    const workload = client.replace("trustDomains:", "identity: WORKLOAD\n    trustDomains:");
    assert.deepEqual(ids(gateway, workload), ["identity-mismatch"]);
    assert.deepEqual(ids(gateway.replace('"istio":"egress"', '"istio":"ingress"'), client), ["identity-mismatch"]);
  });

  it("has the port of its servers, and no other", () => {
    assert.deepEqual(ids(gateway, client.replace("number: 4222", "number: 4333")), ["match-port-nothing"]);
    const [finding] = doctor([gateway, client.replace("number: 4222", "number: 4333")].join("\n---\n"));
    assert.match(
      finding!.message,
      /no Gateway of these proxies has a server on port 4333; they have 4222 \(Gateway egress\/g\)/,
    );
    assert.deepEqual(ids(client.replace("istio: egress", "istio: egressgateway").replace("4222", "4333")), []);
  });
});

describe("the addresses in INFO on a gateway", () => {
  const plugin = fixture("connect-urls-kept", "bad");
  const nats = (conf: string): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "nats", namespace: "messaging" },
      data: { "nats.conf": conf },
    });

  it("stay there unless the plugin says otherwise, or nats.conf has none", () => {
    for (const conf of ["cluster { port: 6222 }", "cluster { no_advertise: false }", "include cluster.conf"])
      assert.ok(ids(plugin, nats(conf)).includes("connect-urls-kept"), conf);
    for (const conf of [
      "port: 4222",
      "cluster { no_advertise: true }",
      '{"cluster":{"no_advertise":true,"port":6222}}',
    ])
      assert.deepEqual(ids(plugin, nats(conf)), [], conf);
    const outside = document("networking.istio.io", "ServiceEntry", "s", "egress", { hosts: ["nats.test"] });
    assert.ok(ids(plugin, nats("port: 4222"), outside).includes("connect-urls-kept"));
    const entry = (port: object): string =>
      document("networking.istio.io", "ServiceEntry", "s", "egress", { hosts: ["a.test"], ports: [port] });
    for (const port of [{ number: 4222, protocol: "HTTP" }, { number: 4443, protocol: "tls" }, { number: 4443 }])
      assert.ok(ids(plugin, nats("port: 4222"), entry(port)).includes("connect-urls-kept"), JSON.stringify(port));
    for (const port of [
      { number: 5432, protocol: "TCP" },
      { number: 443, protocol: "TLS" },
    ]) {
      assert.deepEqual(ids(plugin, nats("port: 4222"), entry(port)), [], JSON.stringify(port));
      const named = entry({ ...port, name: "tls-nats" });
      assert.ok(ids(plugin, nats("port: 4222"), named).includes("connect-urls-kept"));
      const matched = plugin.replaceAll("number: 4222", `number: ${port.number}`);
      assert.ok(ids(matched, nats("port: 4222"), entry(port)).includes("connect-urls-kept"));
    }
    for (const protocol of ["HTTPS", "HTTP", "GRPC", "MySQL"])
      assert.deepEqual(ids(plugin, nats("port: 4222"), entry({ number: 443, protocol })), [], protocol);
    assert.deepEqual(ids(plugin), ["connect-urls-kept"]);
    for (const word of ["REMOVE", "KEEP"])
      assert.deepEqual(ids(plugin.replace(/pluginConfig:.*/, `pluginConfig:\n    connectUrls: ${word}`)), [], word);
  });
});

describe("two objects of one name", () => {
  const [service = ""] = kinds("Service");
  const again = (metadata: string): string[] =>
    ids(...DOCUMENTS, service.replace("metadata: { ", `metadata: { ${metadata}, `));

  it("differ in what Istio reads of their metadata, but not in what others write there", () => {
    assert.deepEqual(again('labels: { istio.io/use-waypoint: "none" }'), ["object-twice"]);
    assert.deepEqual(again('annotations: { networking.istio.io/exportTo: "." }'), ["object-twice"]);
    assert.deepEqual(again('labels: { helm.sh/chart: nats }, annotations: { a.test/b: "c" }'), []);
  });
});

describe("nats-server's pods that are in no Service", () => {
  it("are told which Service has their port and why it does not select them", () => {
    const others = kinds("StatefulSet", "PeerAuthentication", "WasmPlugin").join("---\n");
    const service = (spec: object, namespace = "messaging"): string =>
      document("core", "Service", "nats", namespace, { ports: [{ name: "tcp", port: 4222 }], ...spec }).replace(
        "core/v1",
        "v1",
      );
    const said = (...services: string[]): string[] =>
      doctor(others, ...services).flatMap(({ id, message, remedy }) =>
        id === "pod-not-in-service" ? [`${message.split(" is in no Service")[1] ?? ""} ${remedy}`] : [],
      );
    const [astray = ""] = said(service({ selector: { app: "natss" } }));
    assert.match(
      astray,
      /^: Service messaging\/nats \(a\.yaml:1:\d+\) selects app=natss, but these pods have app=nats /,
    );
    assert.match(astray, / write labels of these pods into the selector of Service messaging\/nats$/);
    assert.match(said(service({})).join(), /: Service messaging\/nats \(.*\) has no selector /);
    const elsewhere = said(service({ selector: { app: "nats" } }, "other")).join();
    assert.match(elsewhere, /: Service other\/nats \(.*\) would select these pods, but is in another namespace /);
    assert.deepEqual(said(service({ selector: { app: "nats" } })), []);
    for (const other of [[], [service({ type: "ExternalName", externalName: "nats.example" })]])
      assert.match(said(...other).join(), /^ make a Service /);
  });
});

describe("an object that names no namespace", () => {
  const pods = kinds("StatefulSet").map((text) => text.replace(", namespace: messaging", ""));

  it("is reported with -n, if its namespace is what does not fit", () => {
    for (const [documents, id] of [
      [[...kinds("Service", "PeerAuthentication", "WasmPlugin"), ...pods], "selector-matches-nothing"],
      [[...kinds("Service", "PeerAuthentication", "WasmPlugin"), ...pods], "pod-not-in-service"],
      [pods, "broker-without-plugin"],
      [pods, "mtls-undeclared"],
      [
        pods.map((text) => text.replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 6222 }")),
        "broker-port-open",
      ],
    ] as const) {
      const finding = doctor(documents.join("\n---\n")).find((candidate) => candidate.id === id);
      const said =
        "StatefulSet nats names no namespace and was taken to be in default: give -n NAMESPACE if it belongs elsewhere; otherwise ";
      assert.ok(finding?.remedy.startsWith(said), `${id}: ${finding?.remedy ?? ""}`);
    }
  });

  it("may write an empty one, which kubectl takes for none", () => {
    const documents = DOCUMENTS.map((text) =>
      text.includes("kind: StatefulSet\n") ? text.replace("namespace: messaging", 'namespace: ""') : text,
    );
    assert.match(
      istioNats(["doctor", "-n", "messaging", "-"], documents.join("\n---\n")).output,
      /^nothing found in \d+ objects/,
    );
  });

  it("is not told so where -n was given", () => {
    const { output } = istioNats(["doctor", "-n", "default", "-"], pods.join());
    assert.match(output, /\[broker-without-plugin\]\n {4}give the plugin's file too/);
  });

  it("is not reported if all others have theirs", () => {
    const named = doctor(kinds("StatefulSet").join()).map(({ remedy }) => remedy);
    assert.ok(named.length > 0 && !named.some((remedy) => remedy.includes("-n NAMESPACE")));
  });
});
