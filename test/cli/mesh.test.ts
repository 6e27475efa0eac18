import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { ALL_TAGS, authorization, document, DOCUMENTS, ids, kinds, NATS, peerAuthentication } from "./sound-mesh.ts";
import { doctor, istioNats } from "./support.ts";

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

describe("a name that is nearly one of Istio's", () => {
  const [plugin = ""] = kinds("WasmPlugin");

  it("is reported with the one that was meant", () => {
    const cases: [was: string, is: string, remedy: string][] = [
      [
        "kind: WasmPlugin",
        "kind: WasmPlugins",
        "did you mean apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin?",
      ],
      [
        "extensions.istio.io/v1alpha1",
        "extensions.istio.io",
        "did you mean apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin?",
      ],
      ["matchLabels:", "matchLabel:", "did you mean matchLabels?"],
      ["phase:", "Phase:", "did you mean phase?"],
    ];
    for (const [was, is, remedy] of cases) {
      assert.ok(plugin.includes(was));
      const remedies = doctor(plugin.replace(was, is)).map((finding) => finding.remedy);
      assert.ok(remedies.includes(remedy), `${is}: ${remedies.join()}`);
    }
  });

  it("says where a policy belongs, whatever it is called", () => {
    const [plugin = ""] = kinds("WasmPlugin");
    const finding = doctor(plugin.replace("pluginConfig:", "config:")).find(({ id }) => id === "field-unknown");
    assert.deepEqual(
      [finding?.message, finding?.remedy],
      ["Istio has no field spec.config", "did you mean pluginConfig?"],
    );
  });
});

describe("a field in another place than Istio's", () => {
  it("is reported with the place where it belongs", () => {
    const [plugin = ""] = kinds("WasmPlugin");
    const selector = "  selector: { matchLabels: { app: nats } }\n";
    const config = /^ {2}pluginConfig:\n(?: {4}.*\n)+/m.exec(plugin)?.[0] ?? "";
    const flat = config.replace(/^ {2}/gm, "");
    const cases: [was: string, is: string, fields: string[], remedies: string[]][] = [
      [`spec:\n${selector}`, `${selector.trim()}\nspec:\n`, ["selector"], ["move it below spec"]],
      [selector, "  matchLabels: { app: nats }\n", ["spec.matchLabels"], ["move it below spec.selector"]],
      [selector, "  selector: { app: nats }\n", ["spec.selector.app"], ["move it below matchLabels"]],
      [config, flat, ["pluginConfig"], ["move it below spec"]],
      [
        config,
        `  pluginConfig:\n  mode: DRY_RUN\n${flat.replace("pluginConfig:\n", "")}`,
        ["spec.mode", "spec.trustDomains", "spec.rules"],
        Array(3).fill("move it below spec.pluginConfig") as string[],
      ],
      ["namespace: messaging", "namepsace: messaging", ["metadata.namepsace"], ["did you mean namespace?"]],
      [
        "kind: WasmPlugin",
        "kind: TrafficExtension",
        ["type", "url", "failStrategy", "pluginConfig"].map((field) => `spec.${field}`),
        Array(4).fill("move it below spec.wasm") as string[],
      ],
    ];
    for (const [was, is, fields, remedies] of cases) {
      assert.ok(was !== "" && plugin.includes(was), was);
      const found = doctor(plugin.replace(was, is)).filter(({ id }) => id === "field-unknown");
      assert.deepEqual(
        found.map(({ message }) => message),
        fields.map((field) => `Istio has no field ${field}`),
      );
      assert.deepEqual(
        found.map(({ remedy }) => remedy),
        remedies,
      );
    }
  });
});

describe("a value of another type than Istio's", () => {
  it("is reported with how it is written", () => {
    const policy = authorization({ action: "DENY", rules: [{ to: [{ operation: { notPorts: [4222] } }] }] });
    const mtls = peerAuthentication("shop", { mtls: "STRICT" });
    const list = peerAuthentication("shop", { selector: { matchLabels: ["a=b"] } });
    const [plugin = ""] = kinds("WasmPlugin");
    const pods = kinds("StatefulSet").join("").replace("labels: { app: nats }", "labels: { app: nats, a: true }");
    for (const [text, message, remedy] of [
      [
        pods,
        "Kubernetes expects a string for spec.template.metadata.labels.a, not a boolean",
        'write it in quotes: "true"',
      ],
      [
        kinds("Service").join("").replace("namespace: messaging", "namespace: messaging, annotations: { revision: 7 }"),
        "Kubernetes expects a string for metadata.annotations.revision, not a whole number",
        'write it in quotes: "7"',
      ],
      [
        policy,
        "Istio expects a string for spec.rules[].to[].operation.notPorts[], not a whole number",
        'write it in quotes: "4222"',
      ],
      [mtls, "Istio expects an object for spec.mtls, not a string", "write mode: STRICT"],
      [list, "Istio expects an object for spec.selector.matchLabels, not a list", undefined],
      [
        plugin.replace("ports: [{ number: 4222 }]", "ports: { number: 4222 }"),
        "Istio expects a list for spec.match[].ports, not an object",
        "write it as a list, with a dash before each element",
      ],
      [
        plugin.replace("namespace: messaging", "namespace: messaging, labels: { canary: yes }"),
        "Istio expects a string for metadata.labels.canary, not a boolean",
        'write it in quotes: "yes"',
      ],
      [
        plugin.replace("number: 4222", 'number: "4222"'),
        "Istio expects a whole number for spec.match[].ports[].number, not a string",
        "write 4222 without quotes",
      ],
      [
        plugin.replace("{ number: 4222 }", "4222"),
        "Istio expects an object for spec.match[].ports[], not a whole number",
        "write number: 4222",
      ],
      [
        plugin.replace(/(\n +pluginConfig:)(?= *\n)/, "$1 |"),
        "Istio expects an object for spec.pluginConfig, not a string",
        "remove the | after the key, which makes a text of what follows",
      ],
    ] as const) {
      const finding = doctor(text).find(({ id }) => id === "field-type");
      assert.equal(finding?.message, message);
      if (remedy) assert.equal(finding.remedy, remedy);
    }
  });

  it("is reported under labels that are called like fields with a check of their own", () => {
    const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {type: true, mode: on, action: 1}}\n";
    assert.deepEqual(
      doctor(pod).map(({ message }) => message),
      ["type", "mode", "action"].map(
        (label) =>
          `Kubernetes expects a string for metadata.labels.${label}, not ${label === "action" ? "a whole number" : "a boolean"}`,
      ),
    );
  });

  it("does not include null, which kubectl leaves out", () => {
    assert.deepEqual(ids(peerAuthentication("shop", { mtls: null })), []);
  });
});

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
    assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector: { labels: { app: "x" } }, ...listener(8222) })), []);
    assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector, egress: [{ hosts: ["./*"] }] })), []);
  });

  it("must say TCP of it", () => {
    for (const protocol of ["HTTP", ""])
      assert.deepEqual(ids(...DOCUMENTS, sidecar({ workloadSelector, ...listener(4222, protocol) })), ["port-not-tcp"]);
  });
});

describe("a DestinationRule with a wildcard", () => {
  function rule(host: string, mode: string, namespace = "istio-system"): string {
    return document("networking.istio.io", "DestinationRule", "d", namespace, {
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
  function client(value: string, spec: object = {}, annotations: object = {}): string {
    const containers = [{ name: "c", env: [{ name: "N", value }] }];
    const template = { metadata: { labels: { app: "c" }, annotations }, spec: { containers, ...spec } };
    return document("apps", "Deployment", "c", "shop", { template });
  }
  const excluding = { "traffic.sidecar.istio.io/excludeOutboundPorts": "5432, 4222" };

  it("that keeps 4222 from its sidecar, or is in the host's network, speaks plaintext", () => {
    for (const value of ["nats://nats.messaging:4222", "nats.messaging.svc:4222"]) {
      assert.deepEqual(ids(...DOCUMENTS, client(value, {}, excluding)), ["plaintext-client"], value);
      assert.deepEqual(ids(...DOCUMENTS, client(value, { hostNetwork: true })), ["plaintext-client"], value);
      assert.deepEqual(ids(...DOCUMENTS, client(value)), [], value);
    }
    for (const value of ["nats.messaging.svc:5432", "nats://nats.example.com:4222", "nats.messaging"])
      assert.deepEqual(ids(...DOCUMENTS, client(value, {}, excluding)), [], value);
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

describe("a gateway", () => {
  const [plugin = ""] = kinds("WasmPlugin").map((text) =>
    text.replace("namespace: messaging", "namespace: egress").replace("app: nats", "istio: egress"),
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

describe("the mesh's trust domain", () => {
  const configMap = (name: string, mesh: unknown): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "istio-system" },
      data: { mesh },
    });

  it("is that of every revision's ConfigMap, and nothing in one that cannot be read", () => {
    for (const name of ["istio", "istio-canary"])
      assert.deepEqual(ids(...DOCUMENTS, configMap(name, "trustDomain: mesh.test")), ["trust-domain-missing"]);
    assert.deepEqual(ids(...DOCUMENTS, configMap("istio-1-30", "trustDomainAliases: [a.test, '']")), [
      "trust-domain-alias-missing",
    ]);
    for (const text of [
      "",
      "trustDomain: [",
      "trustDomain: ''",
      "- trustDomain: a",
      "a: *b",
      "[".repeat(20_000),
      7,
      null,
    ])
      assert.deepEqual(ids(...DOCUMENTS, configMap("istio", text)), [], String(text).slice(0, 20));
    assert.deepEqual(ids(...DOCUMENTS, configMap("nats", "trustDomain: mesh.test")), []);
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

describe("a waypoint", () => {
  const WAYPOINT = { kind: "Gateway", name: "judge", group: "gateway.networking.k8s.io" };
  const service = kinds("Service").map((text) =>
    text.replace("namespace: messaging }", "namespace: messaging, labels: { istio.io/use-waypoint: judge } }"),
  );

  function gateway(name: string, waypointFor = "service"): string {
    return JSON.stringify({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name, namespace: "messaging", labels: { "istio.io/waypoint-for": waypointFor } },
      spec: { gatewayClassName: "istio-waypoint", infrastructure: { annotations: ALL_TAGS } },
    });
  }
  const plugin = kinds("WasmPlugin").map((text) =>
    text
      .replace("selector: { matchLabels: { app: nats } }", 'targetRefs: [{ group: "", kind: Service, name: nats }]')
      .replace("trustDomains:", "identity: WAYPOINT\n    trustDomains:"),
  );

  it("exempts the pods behind it from what applies to sidecars", () => {
    const pods = kinds("StatefulSet").map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/waypoint"] } }] }],
    });
    const allowed = only.replace("sa/waypoint", "sa/judge");
    assert.deepEqual(ids(...service, ...pods, ...plugin, allowed), []);
    assert.deepEqual(ids(...service, ...pods, ...plugin), ["waypoint-bypass"]);
    assert.deepEqual(ids(...service, ...pods, ...plugin, only), ["waypoint-denied"]);
    // ztunnel does not take cluster.local for the mesh's own trust domain.
    const renamed = plugin.map((text) => text.replaceAll("cluster.local", "mesh.test"));
    assert.deepEqual(ids(...service, ...pods, ...renamed, allowed), ["waypoint-denied"]);
    assert.deepEqual(ids(...service, ...pods, ...renamed, allowed.replace("cluster.local", "mesh.test")), []);
  });

  it("judges a Service that uses it, whether the plugin is for the Service or for its Gateway", () => {
    const forGateway = plugin.map((text) =>
      text.replace('{ group: "", kind: Service, name: nats }', JSON.stringify(WAYPOINT)),
    );
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/judge"] } }] }],
    });
    for (const one of [plugin, forGateway]) {
      assert.deepEqual(ids(...service, ...one, only), []);
      assert.deepEqual(ids(...service, ...one, only, gateway("judge")), []);
      assert.deepEqual(ids(...service, ...one, only, gateway("judge", "workload")), ["waypoint-unused"]);
      assert.deepEqual(ids(...service, ...one, only.replace("sa/judge", "sa/x")), ["waypoint-denied"]);
      assert.deepEqual(ids(...service, ...one), ["waypoint-bypass"]);
    }
    assert.deepEqual(ids(...service, ...plugin, only, gateway("other")), ["waypoint-unused"]);
    assert.deepEqual(ids(...service, ...forGateway, only, gateway("other")), ["target-ref-nothing", "waypoint-unused"]);
    const used = service.map((text) => text.replace("use-waypoint: judge", "use-waypoint: another"));
    assert.deepEqual(ids(...used, ...forGateway, only, gateway("judge")), ["waypoint-unused"]);
    const none = service.map((text) => text.replace("use-waypoint: judge", "use-waypoint: none"));
    assert.deepEqual(ids(...none, ...plugin, only, gateway("judge")), ["waypoint-unused"]);
  });

  it("has the filter twice if one plugin is for the Service and another for its Gateway or for every waypoint", () => {
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/judge"] } }] }],
    });
    const forAll = { kind: "GatewayClass", name: "istio-waypoint", group: "gateway.networking.k8s.io" };
    const also = (target: object, namespace: string): string[] =>
      plugin.map((text) =>
        text
          .replace('{ group: "", kind: Service, name: nats }', JSON.stringify(target))
          .replace("name: istio-nats, namespace: messaging", `name: second, namespace: ${namespace}`),
      );
    const found = (...others: string[]): string[] => ids(...service, ...plugin, only, gateway("judge"), ...others);
    assert.deepEqual(found(...also(WAYPOINT, "messaging")), ["plugin-twice"]);
    assert.deepEqual(found(...also(forAll, "istio-system")), ["plugin-twice"]);
    assert.deepEqual(ids(...service, only, gateway("judge"), ...also(forAll, "istio-system")), []);
  });

  it("is none where the Gateway of its name is of another class or in another namespace", () => {
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/judge"] } }] }],
    });
    const found = (text: string): string[] =>
      doctor([...service, ...plugin, only, text].join("\n---\n")).map(({ id, remedy }) => `${id}: ${remedy}`);
    assert.deepEqual(found(gateway("judge").replace("istio-waypoint", "istio")), [
      "waypoint-unused: write gatewayClassName: istio-waypoint",
    ]);
    assert.deepEqual(found(gateway("judge").replace('"messaging"', '"shop"')), [
      "waypoint-unused: put the Gateway into messaging, or also write istio.io/use-waypoint-namespace: shop",
    ]);
  });

  it("finds no plugin for a ServiceEntry that is not there", () => {
    const target = JSON.stringify({ kind: "ServiceEntry", name: "nats", group: "networking.istio.io" });
    const astray = plugin.map((text) => text.replace('{ group: "", kind: Service, name: nats }', target));
    assert.ok(ids(...service, ...astray).includes("target-ref-nothing"));
  });

  it("finds a plugin for its class only in Istio's root namespace and under the name istio-waypoint", () => {
    for (const [name, namespace] of [
      ["istio-waypoint", "messaging"],
      ["istio", "istio-system"],
    ] as const) {
      const target = JSON.stringify({ kind: "GatewayClass", name, group: "gateway.networking.k8s.io" });
      const astray = plugin.map((text) =>
        text
          .replace('{ group: "", kind: Service, name: nats }', target)
          .replace("namespace: messaging", `namespace: ${namespace}`),
      );
      assert.ok(ids(...service, ...astray).includes("target-ref-nothing"), name);
    }
  });

  it("gets the labels of the stats from its Gateway's infrastructure, or if that has none from its own annotations", () => {
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/judge"] } }] }],
    });
    const told = gateway("judge");
    const forGateway = plugin.map((text) =>
      text.replace('{ group: "", kind: Service, name: nats }', JSON.stringify(WAYPOINT)),
    );
    const own = (infrastructure: object): string =>
      JSON.stringify({
        ...(JSON.parse(told) as object),
        metadata: { name: "judge", namespace: "messaging", annotations: ALL_TAGS },
        spec: { gatewayClassName: "istio-waypoint", infrastructure },
      });
    for (const one of [plugin, forGateway]) {
      const found = (text: string): string[] => ids(...service, ...one, only, text);
      assert.deepEqual(found(told), []);
      assert.deepEqual(found(told.replace(",rule,", ",")), ["stats-tags-missing"]);
      assert.deepEqual(found(own({})), []);
      assert.deepEqual(found(own({ annotations: {} })), ["stats-tags-missing"]);
    }
    const [finding] = doctor([...service, ...plugin, only, own({ annotations: {} })].join("\n---\n"));
    const { message, remedy } = finding!;
    assert.match(message, /^Gateway messaging\/judge does not name the stats labels reporter, source_principal, /);
    assert.match(
      remedy,
      /^write under spec\.infrastructure\.annotations, .*: sidecar\.istio\.io\/extraStatTags: reporter,/,
    );
  });

  it("of another Service is no plugin for nats-server's pods", () => {
    const elsewhere = service.map((text) => text.replaceAll("nats", "natz"));
    const astray = plugin.map((text) => text.replace("kind: Service, name: nats", "kind: Service, name: natz"));
    const found = ids(...service, ...kinds("StatefulSet"), ...elsewhere, ...astray);
    assert.ok(found.includes("broker-without-plugin"), found.join());
  });
});

describe("the labels of the stats", () => {
  const gateway = (annotations: object): string =>
    document("apps", "Deployment", "egress", "messaging", {
      template: { metadata: { labels: { istio: "egressgateway" }, annotations }, spec: { containers: [] } },
    });
  const plugin = (selector: string): string =>
    kinds("WasmPlugin")
      .join()
      .replace("name: istio-nats,", "name: istio-nats-egress,")
      .replace("selector: { matchLabels: { app: nats } }", selector)
      .replace("mode: SERVER", "mode: CLIENT");

  it("must also be known to a gateway's proxy if a plugin names it", () => {
    const found = (annotations: object, selector: string): string[] =>
      ids(...DOCUMENTS, gateway(annotations), plugin(selector)).filter((id) => id === "stats-tags-missing");
    const selector = "selector: { matchLabels: { istio: egressgateway } }";
    assert.deepEqual(found({}, selector), ["stats-tags-missing"]);
    assert.deepEqual(found(ALL_TAGS, selector), []);
    assert.deepEqual(found({}, "selector: { matchLabels: { istio: another } }"), []);
  });

  it("may be in the annotation for tags and in the proxy's configuration, some of them in each", () => {
    const [first, ...others] = STATS_TAGS;
    const config = { "proxy.istio.io/config": `extraStatTags: [${first}]` };
    const selector = "selector: { matchLabels: { istio: egressgateway } }";
    const both = { ...config, "sidecar.istio.io/extraStatTags": others.join() };
    const found = ids(...DOCUMENTS, gateway(both), plugin(selector));
    assert.ok(!found.includes("stats-tags-missing"), found.join());
  });
});

describe("meshConfig", () => {
  const bare = DOCUMENTS.map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
  const defaults = { holdApplicationUntilProxyStarts: true, extraStatTags: STATS_TAGS };

  it("gives the pods what their annotations do not say", () => {
    assert.deepEqual(ids(...bare), ["proxy-not-held", "stats-tags-missing"]);
    const mesh = JSON.stringify({ defaultConfig: defaults });
    const map = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "istio", namespace: "istio-system" },
      data: { mesh },
    };
    assert.deepEqual(ids(...bare, JSON.stringify(map)), []);
    const operator = {
      apiVersion: "install.istio.io/v1alpha1",
      kind: "IstioOperator",
      metadata: { name: "i" },
      spec: { meshConfig: { defaultConfig: defaults } },
    };
    assert.deepEqual(ids(...bare, JSON.stringify(operator)), []);
  });

  it("of an IstioOperator tells the mesh's trust domain, as istiod's ConfigMap does", () => {
    const operator = (meshConfig: object): string =>
      JSON.stringify({
        apiVersion: "install.istio.io/v1alpha1",
        kind: "IstioOperator",
        metadata: { name: "i" },
        spec: { meshConfig },
      });
    assert.deepEqual(ids(...DOCUMENTS, operator({ trustDomain: "cluster.local" })), []);
    assert.deepEqual(ids(...DOCUMENTS, operator({ trustDomain: "mesh.test" })), ["trust-domain-missing"]);
  });
});

describe("a Namespace that is moved to ambient mode", () => {
  const plane = (labels: object): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "messaging", labels: { "istio.io/dataplane-mode": "ambient", ...labels } },
    });

  it("keeps its sidecars, and a plugin for sidecars, as long as it has them injected", () => {
    assert.deepEqual(ids(...DOCUMENTS, plane({ "istio-injection": "enabled" })), []);
    assert.deepEqual(ids(...DOCUMENTS, plane({})), ["ambient-sidecar-plugin"]);
    assert.deepEqual(ids(...DOCUMENTS, plane({ "istio-injection": "disabled" })), ["ambient-sidecar-plugin"]);
    const without = DOCUMENTS.map((text) =>
      text.replace("labels: { app: nats }\n", 'labels: { app: nats, sidecar.istio.io/inject: "false" }\n'),
    );
    assert.deepEqual(ids(...without, plane({ "istio-injection": "enabled" })), ["ambient-sidecar-plugin"]);
  });
});
