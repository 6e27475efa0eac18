import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALL_TAGS, authorization, client, DOCUMENTS, ids, kinds, namespace, NATS } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

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
  const forGateway = plugin.map((text) =>
    text.replace('{ group: "", kind: Service, name: nats }', JSON.stringify(WAYPOINT)),
  );
  /** Without the annotations for a sidecar. */
  const pods = kinds("StatefulSet").map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
  /** Lets the waypoint's own account alone pass. */
  const only = authorization({
    selector: NATS,
    rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/judge"] } }] }],
  });

  it("exempts the pods behind it from what applies to sidecars", () => {
    const other = only.replace("sa/judge", "sa/waypoint");
    assert.deepEqual(ids(...service, ...pods, ...plugin, only), []);
    assert.deepEqual(ids(...service, ...pods, ...plugin), ["waypoint-bypass"]);
    assert.deepEqual(ids(...service, ...pods, ...plugin, other), ["waypoint-denied"]);
    // ztunnel does not take cluster.local for the mesh's own trust domain.
    const renamed = plugin.map((text) => text.replaceAll("cluster.local", "mesh.test"));
    assert.deepEqual(ids(...service, ...pods, ...renamed, only), ["waypoint-denied"]);
    assert.deepEqual(ids(...service, ...pods, ...renamed, only.replace("cluster.local", "mesh.test")), []);
  });

  it("leads to where nats-server accepts clients, which policies are asked about", () => {
    const command = ["image: nats:2.15.2", '$&\n          args: ["-p", "4333"]'] as const;
    const moved = pods.map((text) => text.replace(...command).replace("containerPort: 4222", "containerPort: 4333"));
    const leading = service.map((text) => text.replace("port: 4222", "$&, targetPort: 4333"));
    const onlyAt = (port: number): string =>
      only.replace('"rules":[{', `$&"to":[{"operation":{"ports":["${port}"]}}],`);
    const about = (policy: string): string[] =>
      ids(...leading, ...moved, ...plugin, policy).filter((id) => id.startsWith("waypoint-"));
    assert.deepEqual(about(onlyAt(4333)), []);
    assert.deepEqual(about(onlyAt(4222)), ["waypoint-denied"]);
  });

  it("is not bypassed where a policy says by conditions that only it may come to the port", () => {
    const account = "cluster.local/ns/messaging/sa/judge";
    const from = [{ source: { notPrincipals: [account] } }];
    const toClients = { key: "destination.port", values: ["4222"] };
    for (const [rule, expected] of [
      [{ from, when: [toClients] }, []],
      [{ when: [toClients, { key: "source.principal", notValues: [account] }] }, []],
      [{ from, when: [{ key: "destination.port", notValues: ["4222"] }] }, ["waypoint-bypass"]],
      [{ from, when: [toClients, { key: "source.ip", values: ["10.0.0.1"] }] }, ["waypoint-bypass"]],
      [{ when: [toClients, { key: "source.principal", notValues: [`${account}s`] }] }, ["waypoint-denied"]],
    ] as const)
      assert.deepEqual(
        ids(...service, ...pods, ...plugin, authorization({ action: "DENY", selector: NATS, rules: [rule] })),
        expected,
        JSON.stringify(rule),
      );
  });

  it("lets nobody through where its own policies, those with targetRefs, allow nobody or deny everybody", () => {
    const toService = [{ kind: "Service", name: "nats", group: "" }];
    const toClients = { operation: { ports: ["4222"] } };
    const ofPolicies = (spec: object, namespace?: string): string[] =>
      ids(...service, ...pods, ...plugin, only, gateway("judge"), authorization(spec, namespace).replace('"a"', '"b"'));
    for (const targetRefs of [toService, [WAYPOINT]]) {
      for (const spec of [
        {},
        { rules: [{ to: [{ operation: { ports: ["8222"] } }] }] },
        { rules: [{ to: [{ operation: { ...toClients.operation, methods: ["GET"] } }] }] },
        { action: "DENY", rules: [{ to: [toClients] }] },
      ])
        assert.deepEqual(ofPolicies({ targetRefs, ...spec }), ["client-port-denied"], JSON.stringify(spec));
      for (const spec of [
        { rules: [{ from: [{ source: { namespaces: ["shop"] } }] }] },
        { rules: [{ to: [toClients] }] },
        { action: "DENY", rules: [{ to: [{ operation: { ports: ["8222"] } }] }] },
        { action: "AUDIT", rules: [{}] },
      ])
        assert.deepEqual(ofPolicies({ targetRefs, ...spec }), [], JSON.stringify(spec));
      assert.deepEqual(ofPolicies({ targetRefs }, "shop"), []);
    }
    assert.deepEqual(ofPolicies({ targetRefs: [{ ...toService[0], name: "other" }] }), []);
    const forAll = { kind: "GatewayClass", name: "istio-waypoint", group: "gateway.networking.k8s.io" };
    assert.deepEqual(ofPolicies({ targetRefs: [forAll] }, "istio-system"), ["client-port-denied"]);
    assert.deepEqual(ofPolicies({ targetRefs: [forAll] }), []);
    const principals = ["spiffe://cluster.local/ns/shop/sa/orders"];
    assert.deepEqual(ofPolicies({ targetRefs: toService, rules: [{ from: [{ source: { principals } }] }] }), [
      "principal-malformed",
    ]);
  });

  it("has no policy where Istio refuses the targetRefs of one, as it does a plugin's", () => {
    const toService = { kind: "Service", name: "nats", group: "" };
    const told = (target: object, more: object = {}): string[] =>
      ids(
        ...service,
        ...pods,
        ...plugin,
        only,
        authorization({ targetRefs: [target], rules: [{}], ...more }).replace('"a"', '"b"'),
      );
    assert.deepEqual(told(toService), []);
    assert.deepEqual(told({ ...toService, kind: "service" }), ["target-ref-unknown"]);
    assert.deepEqual(told({ ...toService, group: "v1" }), ["target-ref-unknown"]);
    assert.deepEqual(told({ ...toService, namespace: "messaging" }), ["target-ref-namespace"]);
    assert.deepEqual(told(toService, { selector: { matchLabels: { app: "other" } } }), ["selector-and-target-refs"]);
  });

  it("is told to allow its clients by a policy for it, where one for the pods would be ztunnel's", () => {
    const nothing = authorization({ targetRefs: [WAYPOINT] }).replace('"a"', '"b"');
    const found = doctor([...service, ...pods, ...plugin, only, nothing].join("\n---\n"));
    assert.deepEqual(
      found.map(({ message, remedy }) => [message.replace(/.*nothing else/, ""), remedy.replace(/ that allows.*/, "")]),
      [
        [
          " lets anybody reach port 4222 of Service messaging/nats in its waypoint",
          "apply an AuthorizationPolicy with the same targetRefs",
        ],
      ],
    );
  });

  it("is not bypassed where an empty list of targetRefs leaves a policy to its selector", () => {
    const empty = only.replace('"spec":{', '"spec":{"targetRefs":[],');
    assert.deepEqual(ids(...service, ...pods, ...plugin, empty), []);
  });

  it("to which the pods are closed, as to everybody, is told so alone: a rule that lets everybody in would bypass it", () => {
    for (const known of [pods, []])
      assert.deepEqual(ids(...service, ...known, ...plugin, authorization({})), ["waypoint-denied"]);
    // A headless twin leads to the same pods, whether it uses the waypoint or not.
    for (const of of [service, kinds("Service")]) {
      const twin = of.map((text) => text.replace("name: nats,", "name: nats-headless,"));
      const both = [...service, ...twin, ...plugin, authorization({})].join("\n---\n");
      assert.deepEqual(
        doctor(both)
          .filter(({ id }) => id.endsWith("-denied"))
          .map(({ id }) => id),
        ["waypoint-denied"],
      );
    }
  });

  it("judges a Service that uses it, whether the plugin is for the Service or for its Gateway", () => {
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
    // The policy is right for the waypoint that is meant.
    assert.deepEqual(ids(...used, ...pods, ...plugin, only, gateway("judge")), ["waypoint-unused"]);
    const elsewhere = service.map((text) =>
      text.replace("use-waypoint:", "use-waypoint-namespace: infra, istio.io/use-waypoint:"),
    );
    assert.deepEqual(ids(...elsewhere, ...pods, ...plugin, only, gateway("judge")), ["waypoint-unused"]);
    const none = service.map((text) => text.replace("use-waypoint: judge", "use-waypoint: none"));
    assert.deepEqual(ids(...none, ...plugin, only, gateway("judge")), ["waypoint-unused"]);
  });

  it("that is the only one for Services among the files is named to a Service that uses none", () => {
    const told = (...gateways: string[]): string[] =>
      doctor([...kinds("Service"), ...plugin, ...gateways].join("\n---\n"))
        .filter(({ id }) => id === "waypoint-use-unseen")
        .map(({ remedy }) => remedy.replace(/, or give .*/, ""));
    const named = ["label the Service istio.io/use-waypoint: judge"];
    assert.deepEqual(told(gateway("judge")), named);
    assert.deepEqual(told(gateway("judge"), gateway("pods", "workload")), named);
    const any = ["label the Service istio.io/use-waypoint: NAME"];
    assert.deepEqual(told(), any);
    assert.deepEqual(told(gateway("judge"), gateway("other")), any);
  });

  it("has the filter twice if one plugin is for the Service and another for its Gateway or for every waypoint", () => {
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
    const found = (text: string): string[] =>
      doctor([...service, ...plugin, only, text].join("\n---\n")).map(({ id, remedy }) => `${id}: ${remedy}`);
    assert.deepEqual(found(gateway("judge").replace("istio-waypoint", "istio")), [
      "waypoint-unused: write gatewayClassName: istio-waypoint",
    ]);
    const elsewhere = gateway("judge").replace('"messaging"', '"shop"');
    const put = "waypoint-unused: put the Gateway into messaging, or also write istio.io/use-waypoint-namespace: shop";
    const accept = ", and write allowedRoutes: {namespaces: {from: All}} into its HBONE listener";
    assert.deepEqual(found(elsewhere), [put + accept]);
    const accepting = JSON.stringify([listener({ namespaces: { from: "All" } })]);
    assert.deepEqual(found(elsewhere.replace('"spec":{', `"spec":{"listeners":${accepting},`)), [put]);
  });

  function listener(allowedRoutes?: object): object {
    return { name: "mesh", port: 15008, protocol: "HBONE", allowedRoutes };
  }

  it("in another namespace is none unless its HBONE listener accepts Services of theirs", () => {
    const used = service.map((text) =>
      text.replace("use-waypoint:", "use-waypoint-namespace: infra, istio.io/use-waypoint:"),
    );
    const elsewhere = only.replace("/messaging/", "/infra/");
    const found = (listeners: object[], own = "infra", more: string[] = [], annotations = {}): string[] => {
      const told = JSON.parse(gateway("judge")) as { metadata: object; spec: object };
      const one = {
        ...told,
        metadata: { ...told.metadata, namespace: own, annotations },
        spec: { ...told.spec, listeners },
      };
      const files = own === "infra" ? [...used, elsewhere] : [...service, only];
      return ids(...files, ...plugin, JSON.stringify(one), ...more);
    };
    const from = (from: string, selector?: object): object[] => [listener({ namespaces: { from, selector } })];
    const REFUSED = ["waypoint-unused"];
    for (const listeners of [[], [listener()], [listener({})], from("Same"), [{ ...from("All")[0], port: 15009 }]]) {
      assert.deepEqual(found(listeners), REFUSED, JSON.stringify(listeners));
      assert.deepEqual(found(listeners, "messaging"), [], JSON.stringify(listeners));
    }
    assert.deepEqual(found(from("All")), []);
    assert.deepEqual(found(from("${FROM}")), []);
    // Such a proxy takes connections by another listener.
    assert.deepEqual(found([], "infra", [], { "ambient.istio.io/waypoint-inbound-binding": "PROXY/15088" }), []);
    const shared = { matchLabels: { "shared-waypoint": "yes" } };
    const named = (name: string): object => ({ matchLabels: { "kubernetes.io/metadata.name": name } });
    const listed = { matchExpressions: [{ key: "shared-waypoint", operator: "In", values: ["yes"] }] };
    for (const own of ["infra", "messaging"]) {
      const selected = (selector: object | undefined, labels: object): string[] =>
        found(from("Selector", selector), own, [namespace("messaging", labels)]);
      for (const selector of [shared, listed]) {
        assert.deepEqual(selected(selector, { "shared-waypoint": "yes" }), []);
        assert.deepEqual(selected(selector, {}), REFUSED);
      }
      assert.deepEqual(selected(named("messaging"), {}), []);
      assert.deepEqual(selected(named("shop"), {}), REFUSED);
      assert.deepEqual(selected({}, {}), []);
      assert.deepEqual(selected(undefined, {}), REFUSED);
      // A Namespace that is not among the files may have the label.
      assert.deepEqual(found(from("Selector", shared), own), []);
    }
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
    const told = gateway("judge");
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

  it("is meant by a plugin that names another Gateway, in the Service's namespace or in the waypoint's", () => {
    const misspelt = plugin.map((text) =>
      text.replace('{ group: "", kind: Service, name: nats }', JSON.stringify({ ...WAYPOINT, name: "jugde" })),
    );
    const infra = service.map((text) =>
      text.replace("use-waypoint:", "use-waypoint-namespace: infra, istio.io/use-waypoint:"),
    );
    const there = misspelt.map((text) => text.replace("namespace: messaging", "namespace: infra"));
    for (const files of [
      [...service, ...pods, ...misspelt],
      [...infra, ...pods, ...there],
    ]) {
      const found = ids(...files);
      assert.ok(!found.includes("proxy-not-held") && !found.includes("mtls-undeclared"), found.join());
    }
  });

  it("takes nothing from what applies to sidecars if no plugin is for it, or if the pods ask for a sidecar", () => {
    const used = (more: object = {}): string => namespace("messaging", { "istio.io/use-waypoint": "judge", ...more });
    const open = kinds("StatefulSet").map((text) =>
      text.replace(/( {6}annotations:\n)/, '$1        traffic.sidecar.istio.io/excludeInboundPorts: "4222"\n'),
    );
    const astray = plugin.map((text) => text.replace("kind: Service, name: nats", "kind: Service, name: natz"));
    for (const files of [
      [...kinds("Service"), ...open, used()],
      [...kinds("Service"), ...open, ...astray, used({ "istio.io/rev": "stable" })],
    ])
      assert.ok(ids(...files).includes("client-port-uncaptured"), ids(...files).join());
  });

  it("is reached by ztunnel, to which clients without a sidecar are to be brought", () => {
    const orders = client("nats://nats.messaging:4222");
    const told = (labels: object): string[] =>
      doctor([...service, ...pods, ...plugin, only, orders, namespace("shop", labels)].join("\n---\n")).map(
        ({ remedy }) => remedy,
      );
    for (const labels of [{}, { "istio-injection": "disabled" }])
      assert.deepEqual(told(labels), ["label Namespace shop istio.io/dataplane-mode: ambient"]);
    assert.deepEqual(told({ "istio.io/dataplane-mode": "ambient" }), []);
  });

  it("is passed by clients with a sidecar, which sends to the pods of the Service, unless sidecars judge them", () => {
    const orders = client("nats://nats.messaging:4222");
    const asking = orders.replace('"labels":{', '$&"sidecar.istio.io/inject":"true",');
    const found = (...files: string[]): string[] => ids(...service, ...pods, ...plugin, only, ...files);
    const PAST = ["client-past-waypoint"];
    for (const labels of [{ "istio-injection": "enabled" }, { "istio.io/rev": "stable" }])
      assert.deepEqual(found(orders, namespace("shop", labels)), PAST, JSON.stringify(labels));
    const ambient = { "istio.io/dataplane-mode": "ambient" };
    assert.deepEqual(found(asking, namespace("shop", ambient)), PAST);
    assert.deepEqual(found(orders, namespace("shop", { ...ambient, "istio.io/rev": "stable" })), []);
    // Neither the client's Namespace nor its pods say.
    assert.deepEqual(found(orders), []);
    const elsewhere = asking.replace("nats.messaging", "other.messaging");
    assert.deepEqual(found(elsewhere, namespace("shop", {})), []);
    const sidecars = kinds("WasmPlugin").map((text) => text.replace("name: istio-nats", "name: beside"));
    assert.ok(!found(asking, ...sidecars).includes("client-past-waypoint"));
  });

  it("that clients with a sidecar pass is told once for what gives it to all of them", () => {
    const orders = client("nats://nats.messaging:4222");
    const bills = orders.replace('"name":"c","namespace"', '"name":"bills","namespace"');
    const injected = namespace("shop", { "istio-injection": "enabled" });
    const told = doctor([...service, ...pods, ...plugin, only, orders, bills, injected].join("\n---\n"));
    assert.deepEqual(
      told.map(({ message }) => message),
      [
        "the sidecars of Deployment shop/c, Deployment shop/bills send what is for Service messaging/nats to its pods, not to its waypoint messaging/judge",
      ],
    );
  });

  it("is bypassed where ztunnel leaves out the pods: without the label for it, with one against it, or in the host's network", () => {
    const MODE = "istio.io/dataplane-mode";
    const labelled = (label: string): string[] =>
      pods.map((text) => text.replace("labels: { app: nats }\n", `labels: { app: nats, ${label} }\n`));
    const host = pods.map((text) => text.replace("      containers:", "      hostNetwork: true\n      containers:"));
    const told = (...files: string[]): string[] =>
      doctor([...service, ...plugin, only, ...files].join("\n---\n")).map(({ id, remedy }) => `${id}: ${remedy}`);
    const ambient = namespace("messaging", { [MODE]: "ambient" });
    const none = labelled(`${MODE}: none`);
    const refused = labelled('sidecar.istio.io/inject: "false"');
    for (const files of [
      [...pods, ambient],
      [...labelled(`${MODE}: ambient`), namespace("messaging", {})],
      // A Namespace that is not among the files may have the label.
      refused,
      [...refused, ambient],
    ])
      assert.deepEqual(told(...files), []);
    const label = [`client-port-uncaptured: label the Namespace ${MODE}: ambient`];
    for (const labels of [{}, { [MODE]: "none" }, { "istio-injection": "disabled" }])
      assert.deepEqual(told(...pods, namespace("messaging", labels)), label);
    for (const labels of [{}, { "istio-injection": "enabled" }])
      assert.deepEqual(told(...refused, namespace("messaging", labels)), label);
    assert.deepEqual(told(...none, ambient), ["client-port-uncaptured: remove the label"]);
    assert.deepEqual(told(...none, namespace("messaging", {})), [`client-port-uncaptured: write ${MODE}: ambient`]);
    for (const files of [host, [...host, ambient]])
      assert.deepEqual(told(...files), ["client-port-uncaptured: remove hostNetwork"]);
  });

  it("of another Service is no plugin for nats-server's pods", () => {
    const elsewhere = service.map((text) => text.replaceAll("nats", "natz"));
    const astray = plugin.map((text) => text.replace("kind: Service, name: nats", "kind: Service, name: natz"));
    const found = ids(...service, ...kinds("StatefulSet"), ...elsewhere, ...astray);
    assert.ok(found.includes("broker-without-plugin"), found.join());
  });
});

describe("a Namespace that is moved to ambient mode", () => {
  const plane = (labels: object): string => namespace("messaging", { "istio.io/dataplane-mode": "ambient", ...labels });

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
