import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorization, client, document, DOCUMENTS, ids, kinds, NATS, peerAuthentication } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

describe("the mTLS mode of the client port", () => {
  const rest = kinds("Service", "StatefulSet", "WasmPlugin");

  it("is the workload's before the namespace's before the mesh's, and the port's before the general one", () => {
    const mesh = peerAuthentication("istio-system", { mtls: { mode: "DISABLE" } });
    const namespace = peerAuthentication("messaging", { mtls: { mode: "PERMISSIVE" } });
    const workload = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "STRICT" } });
    const elsewhere = peerAuthentication("messaging", {
      selector: { matchLabels: { app: "x" } },
      mtls: { mode: "DISABLE" },
    });
    const port = peerAuthentication("messaging", {
      selector: NATS,
      mtls: { mode: "STRICT" },
      portLevelMtls: { 4222: { mode: "DISABLE" } },
    });
    const unset = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "UNSET" } });
    assert.deepEqual(ids(...rest), ["mtls-undeclared"]);
    assert.deepEqual(ids(...rest, mesh), ["mtls-disabled"]);
    assert.deepEqual(ids(...rest, mesh, namespace), ["mtls-permissive"]);
    assert.deepEqual(ids(...rest, mesh, namespace, workload, elsewhere), []);
    assert.deepEqual(ids(...rest, mesh, namespace, port), ["mtls-disabled"]);
    assert.deepEqual(ids(...rest, mesh, namespace, unset), ["mtls-permissive"]);
  });

  it("is reported as misplaced by a warning if the PeerAuthentication is for nobody, but not if it is for others", () => {
    const wrong = peerAuthentication("messaging", {
      selector: { matchLabels: { app: "natz" } },
      mtls: { mode: "STRICT" },
    });
    const elsewhere = peerAuthentication("default", { selector: NATS, mtls: { mode: "STRICT" } });
    for (const astray of [wrong, elsewhere]) {
      const [finding, ...more] = doctor([...rest, astray].join("\n---\n"));
      assert.deepEqual([finding?.id, finding?.severity, more.length], ["mtls-elsewhere", "warning", 0]);
    }
    const orders = document("apps", "Deployment", "orders", "default", {
      template: { metadata: { labels: { app: "nats" } }, spec: { containers: [] } },
    });
    assert.deepEqual(ids(...rest, elsewhere, orders), ["mtls-undeclared"]);
  });

  it("is the mesh's alone in Istio's root namespace, where a PeerAuthentication with a selector is ignored", () => {
    const root = rest.map((text) => text.replaceAll("namespace: messaging", "namespace: istio-system"));
    const own = peerAuthentication("istio-system", { selector: NATS, mtls: { mode: "STRICT" } });
    const ofMesh = (mode: string): string => peerAuthentication("istio-system", { mtls: { mode } });
    const [finding, ...more] = doctor([...root, own].join("\n---\n"));
    assert.deepEqual([finding?.id, more.length], ["mtls-elsewhere", 0]);
    assert.match(finding!.message, / has a selector, and is ignored for it in Istio's root namespace; /);
    assert.match(finding!.remedy, /; if that is the root namespace, leave out the selector/);
    assert.deepEqual(ids(...root, own, ofMesh("PERMISSIVE")), ["mtls-permissive"]);
    assert.deepEqual(ids(...root, own, ofMesh("STRICT")), []);
    assert.deepEqual(ids(...rest, own), ["mtls-elsewhere"]);
  });

  it("is unknown if two of one level are for the same pods", () => {
    const all = (): string => peerAuthentication("messaging", { mtls: { mode: "STRICT" } });
    const own = (): string => peerAuthentication("messaging", { selector: NATS, mtls: { mode: "STRICT" } });
    assert.deepEqual(ids(...rest, all(), own()), []);
    assert.deepEqual(ids(...rest, all(), all()), ["mtls-twice"]);
    assert.deepEqual(ids(...rest, own(), own()), ["mtls-twice"]);
    const one = own();
    assert.deepEqual(ids(...rest, one, one), []);
  });

  it("is judged by the plugin's selector if the pods are not among the files", () => {
    const permissive = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "PERMISSIVE" } });
    assert.deepEqual(ids(...kinds("WasmPlugin"), permissive), ["mtls-permissive"]);
    assert.deepEqual(ids(...kinds("WasmPlugin"), permissive.replace('"messaging"', '"other"')), []);
  });
});

describe("a Sidecar", () => {
  function sidecar(spec: object, namespace = "messaging"): string {
    return document("networking.istio.io", "Sidecar", "s", namespace, spec);
  }
  const workloadSelector = { labels: { app: "nats" } };
  const listener = (number: number, protocol = "TCP"): object => ({
    ingress: [{ port: { number, protocol, name: "p" } }],
  });

  it("without the client port counts where it is for nats-server's pods, the nearest before the others", () => {
    const without = sidecar({ workloadSelector, ...listener(8222) });
    assert.deepEqual(ids(...DOCUMENTS, without), ["sidecar-without-port"]);
    assert.deepEqual(ids(...kinds("Service", "WasmPlugin", "PeerAuthentication"), without), ["sidecar-without-port"]);
    for (const namespace of ["messaging", "istio-system"])
      assert.deepEqual(ids(...DOCUMENTS, sidecar(listener(8222), namespace)), ["sidecar-without-port"], namespace);
    const own = sidecar({ workloadSelector, ...listener(4222) });
    assert.deepEqual(ids(...DOCUMENTS, own, sidecar(listener(8222)), sidecar(listener(8222), "istio-system")), []);
    assert.deepEqual(ids(...DOCUMENTS, sidecar(listener(8222), "shop")), []);
    // One of the root namespace that selects pods selects its own alone.
    assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector, ...listener(8222) }, "istio-system")), []);
    assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector: { labels: { app: "x" } }, ...listener(8222) })), []);
    assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector, egress: [{ hosts: ["./*"] }] })), []);
  });

  it("must say TCP of it", () => {
    for (const protocol of ["HTTP", ""])
      assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector, ...listener(4222, protocol) })), ["port-not-tcp"]);
  });
});

describe("a DestinationRule with a wildcard", () => {
  function rule(host: string, mode: string): string {
    return document("networking.istio.io", "DestinationRule", "d", "istio-system", {
      host,
      trafficPolicy: { tls: { mode } },
    });
  }

  it("makes clients speak plaintext to nats-server unless another names its Service", () => {
    for (const host of ["*.local", "*.messaging.svc.cluster.local", "*"]) {
      assert.deepEqual(ids(...DOCUMENTS, rule(host, "DISABLE")), ["plaintext-client"], host);
      assert.deepEqual(ids(...DOCUMENTS, rule(host, "ISTIO_MUTUAL")), [], host);
      const own = rule("nats.messaging.svc.cluster.local", "ISTIO_MUTUAL");
      assert.deepEqual(ids(...DOCUMENTS, rule(host, "DISABLE"), own), [], host);
    }
    for (const host of ["*.shop.svc.cluster.local", "*.com"])
      assert.deepEqual(ids(...DOCUMENTS, rule(host, "DISABLE")), [], host);
  });
});

describe("ports that annotations keep from the sidecar", () => {
  function annotated(...annotations: (readonly [name: string, ports: string])[]): string[] {
    const added = annotations.map(([name, ports]) => `        traffic.sidecar.istio.io/${name}: "${ports}"\n`).join("");
    return DOCUMENTS.map((text) =>
      text
        .replace("      annotations:\n", `$&${added}`)
        .replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 6222 }"),
    );
  }
  const routes = authorization({
    action: "DENY",
    rules: [{ from: [{ source: { notServiceAccounts: ["default"] } }], to: [{ operation: { ports: ["6222"] } }] }],
  });

  it("are open to everybody, whatever the AuthorizationPolicies say", () => {
    assert.deepEqual(ids(...annotated(), routes), []);
    for (const excluded of [
      ["excludeInboundPorts", "6222,7422"],
      ["includeInboundPorts", "4222"],
    ] as const)
      assert.deepEqual(ids(...annotated(excluded), routes), ["broker-port-open"], excluded.join());
    assert.deepEqual(ids(...annotated(["includeInboundPorts", "*"]), routes), []);
    const byInterface = ["broker-port-open", "client-port-uncaptured"];
    assert.deepEqual(ids(...annotated(["excludeInterfaces", "net1, eth0"]), routes), byInterface);
    assert.deepEqual(ids(...annotated(["excludeInterfaces", "net1"]), routes), []);
  });

  it("are where nodes do not reach each other that take mTLS alone", () => {
    assert.deepEqual(ids(...annotated(["excludeOutboundPorts", "6222"]), routes), ["plaintext-client"]);
    const both = annotated(["excludeOutboundPorts", "6222"], ["excludeInboundPorts", "6222"]);
    assert.deepEqual(ids(...both, routes), ["broker-port-open"]);
  });
});

describe("a client", () => {
  const excluding = { "traffic.sidecar.istio.io/excludeOutboundPorts": "5432, 4222" };

  it("that keeps 4222 from its sidecar, or is in the host's network, speaks plaintext", () => {
    const second = "nats://other.example.com:4222,nats://nats.messaging:4222";
    for (const value of ["nats://nats.messaging:4222", "nats.messaging.svc:4222", second]) {
      assert.deepEqual(ids(...DOCUMENTS, client(value, {}, excluding)), ["plaintext-client"], value);
      assert.deepEqual(ids(...DOCUMENTS, client(value, { hostNetwork: true })), ["plaintext-client"], value);
      assert.deepEqual(ids(...DOCUMENTS, client(value)), [], value);
    }
    for (const value of [
      "nats.messaging.svc:5432",
      "nats://nats.example.com:4222",
      "nats://nats.messaging.svcs.example.com:4222",
      "nats.messaging",
    ])
      assert.deepEqual(ids(...DOCUMENTS, client(value, {}, excluding)), [], value);
  });

  it("that keeps another port of the Service from its sidecar speaks plaintext if it dials that", () => {
    const mesh = DOCUMENTS.map((text) =>
      text
        .replace("- { name: tcp-client", "- { name: tcp-more, port: 5222, targetPort: 4222 }\n    $&")
        .replace("[{ number: 4222 }]", "[{ number: 4222 }, { number: 5222 }]"),
    );
    const more = { "traffic.sidecar.istio.io/excludeOutboundPorts": "5222" };
    const told = (port: number): string[] => ids(...mesh, client(`nats://nats.messaging:${port}`, {}, more));
    assert.deepEqual(told(5222), ["plaintext-client"]);
    assert.deepEqual(told(4222), []);
  });

  it("whose sidecar captures no address speaks plaintext, unless it captures the port", () => {
    const none = { "traffic.sidecar.istio.io/includeOutboundIPRanges": "" };
    const ports = { ...none, "traffic.sidecar.istio.io/includeOutboundPorts": "80,4222" };
    const value = "nats://nats.messaging:4222";
    assert.deepEqual(ids(...DOCUMENTS, client(value, {}, none)), ["plaintext-client"]);
    assert.deepEqual(ids(...DOCUMENTS, client(value, {}, ports)), []);
  });

  it("speaks plaintext to a Service that a Sidecar hides from its proxy", () => {
    const sidecar = (egress: object[], namespace = "shop", spec: object = {}): string =>
      document("networking.istio.io", "Sidecar", "default", namespace, { egress, ...spec });
    const found = (text: string): string[] => ids(...DOCUMENTS, client("nats://nats.messaging:4222"), text);
    const others = { workloadSelector: { labels: { app: "other" } } };
    for (const hosts of [["./*", "istio-system/*"], ["~/*"], ["messaging/other.messaging.svc.cluster.local"]])
      assert.deepEqual(found(sidecar([{ hosts }])), ["plaintext-client"], hosts.join());
    assert.deepEqual(found(sidecar([{ hosts: ["./*"] }], "istio-system")), ["plaintext-client"]);
    assert.deepEqual(found(sidecar([{ hosts: ["*/*"], port: { number: 80 } }])), ["plaintext-client"]);
    for (const hosts of [
      ["*/*"],
      ["./*", "messaging/*"],
      ["*/nats.messaging.svc.cluster.local"],
      ["*/*.cluster.local"],
    ])
      assert.deepEqual(found(sidecar([{ hosts }])), [], hosts.join());
    assert.deepEqual(found(sidecar([{ hosts: ["*/*"], port: { number: 4222 } }, { hosts: ["./*"] }])), []);
    assert.deepEqual(found(sidecar([{ hosts: ["./*"] }], "shop", others)), []);
    assert.deepEqual(found(sidecar([])), []);
  });

  it("has no certificate of the mesh where a DestinationRule makes its proxy speak another TLS", () => {
    for (const mode of ["SIMPLE", "MUTUAL"]) {
      const spec = { host: "nats.messaging.svc.cluster.local", trafficPolicy: { tls: { mode } } };
      const rule = document("networking.istio.io", "DestinationRule", "d", "shop", spec);
      assert.deepEqual(ids(...DOCUMENTS, rule), ["plaintext-client"], mode);
    }
  });

  it("has one where a DestinationRule says nothing of TLS for that port: a port takes nothing from what is said of all", () => {
    const ofPort = (number: number, tls: object = {}): string => {
      const portLevelSettings = [{ port: { number }, connectionPool: { tcp: { maxConnections: 9 } }, ...tls }];
      const trafficPolicy = { tls: { mode: "DISABLE" }, portLevelSettings };
      return document("networking.istio.io", "DestinationRule", "d", "shop", {
        host: "nats.messaging.svc",
        trafficPolicy,
      });
    };
    assert.deepEqual(ids(...DOCUMENTS, ofPort(4222)), []);
    assert.deepEqual(ids(...DOCUMENTS, ofPort(4223)), ["plaintext-client"]);
    assert.deepEqual(ids(...DOCUMENTS, ofPort(4222, { tls: { mode: "SIMPLE" } })), ["plaintext-client"]);
  });
});

describe("a Service that leads from outside the cluster to the client port", () => {
  const pods = kinds("StatefulSet", "WasmPlugin");
  const type = (word: string): string[] =>
    kinds("Service").map((text) => text.replace("selector:", `type: ${word}\n  selector:`));
  const told = (...documents: string[]): string[] =>
    doctor(documents.join("\n---\n"))
      .filter(({ id }) => id === "clients-from-outside")
      .map(({ message }) => message);

  it("is reported with what becomes of such a client, which the mTLS mode decides", () => {
    const strict = peerAuthentication("messaging", { mtls: { mode: "STRICT" } });
    const permissive = peerAuthentication("messaging", { mtls: { mode: "PERMISSIVE" } });
    const who = "and clients from outside the mesh have no certificate";
    for (const word of ["LoadBalancer", "NodePort"]) {
      const is = `Service messaging/nats is a ${word}, ${who}`;
      assert.deepEqual(told(...type(word), ...pods, strict), [`${is}: mTLS is STRICT, which ends their connections`]);
      for (const mode of [[permissive], []])
        assert.deepEqual(told(...type(word), ...pods, ...mode), [`${is}: to the policy they are unauthenticated`]);
    }
  });

  it("is not where it stays inside, or its pods are not known, or have no sidecar, which is told as it is", () => {
    assert.deepEqual(told(...type("ClusterIP"), ...pods), []);
    assert.deepEqual(told(...type("ExternalName"), ...pods), []);
    assert.deepEqual(told(...type("LoadBalancer"), ...kinds("WasmPlugin")), []);
    const without = pods.map((text) =>
      text.replace("annotations:", 'annotations:\n        sidecar.istio.io/inject: "false"'),
    );
    assert.deepEqual(told(...type("LoadBalancer"), ...without), []);
    const ofNode = pods.map((text) => text.replace("      containers:", "      hostNetwork: true\n      containers:"));
    assert.notDeepEqual(ofNode, pods);
    assert.deepEqual(told(...type("LoadBalancer"), ...ofNode), []);
  });

  it("leads to unauthenticated clients as soon as some of its pods accept plaintext", () => {
    const canary = kinds("StatefulSet").map((text) =>
      text.replace("name: nats,", "name: canary,").replace("app: nats", "app: nats, track: canary"),
    );
    const mtls = (mode: string, more: object = {}): string =>
      peerAuthentication("messaging", { mtls: { mode }, ...more });
    const others = mtls("PERMISSIVE", { selector: { matchLabels: { track: "canary" } } });
    const message = (...more: string[]): string =>
      told(...type("LoadBalancer"), ...pods, mtls("STRICT"), ...more).join();
    assert.match(message(others), /: mTLS is STRICT, /);
    assert.match(message(...canary), /: mTLS is STRICT, /);
    assert.match(message(...canary, others), /: to the policy they are unauthenticated$/);
  });

  it("is not one of a gateway whose proxy declares the client port", () => {
    const own = pods.map((text) => text.replaceAll("nats", "gateway"));
    const service = type("LoadBalancer").map((text) => text.replace("app: nats", "app: gateway"));
    assert.equal(told(...service, ...own).length, 1);
    assert.deepEqual(
      told(...service, ...own.map((text) => text.replace("- name: gateway", "- name: istio-proxy"))),
      [],
    );
  });
});
