import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorization, DOCUMENTS, ids, kinds, NATS } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

describe("an AuthorizationPolicy", () => {
  const open = DOCUMENTS.map((text) =>
    text
      .replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 6222 }")
      .replace("    spec:\n      containers", "    spec:\n      serviceAccountName: nats\n      containers"),
  );
  const broker = { source: { principals: ["cluster.local/ns/messaging/sa/nats"] } };
  const route = { operation: { ports: ["6222"] } };
  const client = { operation: { ports: ["4222"] } };

  it("is required for the routes' port", () => assert.deepEqual(ids(...open), ["broker-port-open"]));

  it("restricts a port if it allows it to some, or allows only others, or denies it", () => {
    for (const spec of [
      { selector: NATS, rules: [{ from: [broker], to: [route] }, { to: [client] }] },
      { action: "DENY", rules: [{ from: [{ source: { notPrincipals: ["*/sa/nats"] } }], to: [route] }] },
    ])
      assert.deepEqual(ids(...open, authorization(spec)), [], JSON.stringify(spec));
    for (const spec of [
      { selector: NATS, rules: [{ to: [client] }] },
      { rules: [{ to: [{ operation: { notPorts: ["6222"] } }] }] },
      { action: "DENY", rules: [{ from: [{ source: { notPrincipals: ["cluster.local/ns/x/sa/x"] } }], to: [route] }] },
    ])
      assert.deepEqual(ids(...open, authorization(spec)), ["cluster-port-denied"], JSON.stringify(spec));
    const elsewhere = authorization({ rules: [{ from: [broker] }] }, "istio-system");
    assert.deepEqual(ids(...open, elsewhere, authorization({ rules: [{ to: [client] }] })), []);
  });

  describe("with conditions", () => {
    const listening = DOCUMENTS.map((text) =>
      text
        .replace(
          "containerPort: 4222 }",
          `containerPort: 4222 }, ${[6222, 7222, 7422, 8222].map((port) => `{ containerPort: ${port} }`).join(", ")}`,
        )
        .replace("    spec:\n      containers", "    spec:\n      serviceAccountName: nats\n      containers"),
    );
    const found = (rule: object, action = "DENY"): string[] =>
      ids(...listening, authorization({ action, selector: NATS, rules: [rule] }));
    const own = "cluster.local/ns/messaging/sa/nats";
    const port = (values: object): object => ({ key: "destination.port", ...values });
    const unknown = { key: "source.ip", values: ["10.0.0.1"] };
    const notNats = [{ source: { notPrincipals: [own] } }];
    const notClient = [{ operation: { notPorts: ["4222"] } }];

    it("about the port restricts what one with ports does", () => {
      assert.deepEqual(found({ from: notNats, when: [port({ notValues: ["4222"] })] }), []);
      assert.deepEqual(found({ from: notNats, when: [port({ notValues: ["04222"] })] }), []);
      assert.deepEqual(found({ from: notNats, when: [port({ values: ["6222", "7222", "7422", "8222"] })] }), []);
      assert.deepEqual(found({ from: notNats, when: [port({ values: ["6222", "7222", "7422"] })] }), [
        "broker-port-open",
      ]);
    });

    it("about who connects spares whom a source with the same values spares", () => {
      for (const condition of [
        { key: "source.principal", notValues: [own] },
        { key: "source.principal", notValues: ["*/ns/messaging/sa/nats"], values: [] },
        { key: "source.namespace", notValues: ["messaging"] },
        { key: "source.namespace", notValues: ["mess*"] },
      ])
        assert.deepEqual(found({ to: notClient, when: [condition] }), [], JSON.stringify(condition));
      for (const condition of [
        { key: "source.principal", notValues: ["cluster.local/ns/shop/sa/orders"] },
        { key: "source.namespace", notValues: ["shop"] },
      ])
        assert.deepEqual(found({ to: notClient, when: [condition] }), ["cluster-port-denied"], condition.key);
      for (const condition of [
        { key: "source.principal", values: ["cluster.local/ns/shop/sa/orders"] },
        { key: "source.principal", notValues: ["*"] },
        { key: "source.namespace", values: ["shop"], notValues: ["messaging"] },
      ])
        assert.deepEqual(found({ to: notClient, when: [condition] }), ["broker-port-open"], JSON.stringify(condition));
    });

    it("keeps clients out like one with ports or principals", () => {
      assert.ok(found({ when: [port({ values: ["4222"] })] }).includes("client-port-denied"));
      assert.ok(found({ when: [port({ notValues: ["8222"] })] }).includes("client-port-denied"));
      assert.ok(found({ when: [port({ values: ["8222"] })] }, "ALLOW").includes("client-port-denied"));
      assert.ok(found({ when: [port({ notValues: ["4222"] })] }, "ALLOW").includes("client-port-denied"));
      for (const [action, condition] of [
        ["DENY", { key: "source.principal", values: ["*"] }],
        ["DENY", { key: "source.principal", notValues: [own] }],
        ["ALLOW", { key: "source.principal", values: [own] }],
      ] as const)
        assert.ok(found({ when: [condition] }, action).includes("client-port-denied"), JSON.stringify(condition));
    });

    it("opens to everybody what one with ports or sources opens", () => {
      const all = port({ values: ["4222", "6222", "7222", "7422", "8222"] });
      assert.deepEqual(found({ when: [all] }, "ALLOW"), ["broker-port-open"]);
      assert.deepEqual(found({ when: [all, { key: "source.namespace", values: ["*"] }] }, "ALLOW"), [
        "broker-port-open",
      ]);
      assert.deepEqual(found({ when: [all, { key: "source.namespace", values: ["messaging"] }] }, "ALLOW"), []);
    });

    it("needs all of them, with both lists of each, and beside sources and operations", () => {
      const values = ["4222", "6222", "7222", "7422", "8222"];
      const both = port({ values, notValues: ["4222"] });
      assert.deepEqual(found({ from: notNats, when: [both] }), []);
      assert.deepEqual(found({ from: notNats, when: [port({ values }), port({ notValues: ["4222"] })] }), []);
      assert.deepEqual(found({ from: notNats, to: notClient, when: [port({ values: ["4222"] })] }), [
        "broker-port-open",
      ]);
      const others = { key: "source.namespace", notValues: ["shop"] };
      assert.deepEqual(found({ from: notNats, to: notClient, when: [others] }), []);
      const everybody = [{ source: { namespaces: ["*"] } }];
      assert.deepEqual(found({ from: everybody, to: notClient, when: [{ key: "source.principal", values: ["*"] }] }), [
        "cluster-port-denied",
      ]);
    });

    it("of another key is not known to hold, save for the ports that it cannot be about", () => {
      assert.deepEqual(found({ from: notNats, when: [port({ notValues: ["4222"] }), unknown] }), ["broker-port-open"]);
      assert.deepEqual(found({ when: [port({ values: ["4222"] }), unknown] }), ["broker-port-open"]);
      assert.deepEqual(found({ when: [port({ values: ["4222"] }), unknown] }, "ALLOW"), ["cluster-port-denied"]);
      assert.ok(found({ when: [port({ values: ["8222"] }), unknown] }, "ALLOW").includes("client-port-denied"));
    });

    it("is told how to spare clients, and the principals in it are judged", () => {
      const told = (when: object[]): Map<string, string> => {
        const policy = authorization({ action: "DENY", rules: [{ when }] });
        return new Map(doctor([...listening, policy].join("\n---\n")).map(({ id, remedy }) => [id, remedy]));
      };
      const spare = told([port({ notValues: ["8222"] }), { key: "source.principal", notValues: [own] }]);
      assert.equal(spare.get("client-port-denied"), 'add "4222" to the notValues of the rule\'s destination.port');
      const malformed = told([{ key: "source.principal", notValues: [`spiffe://${own}`] }]);
      assert.equal(malformed.get("principal-malformed"), `write ${own}`);
    });
  });

  it("means the same port with leading zeros, as Istio reads it", () => {
    const padded = (port: string): object => ({ to: [{ operation: { ports: [port] } }] });
    for (const spec of [{ rules: [padded("04222")] }, { action: "DENY", rules: [padded("04223")] }])
      assert.deepEqual(ids(...DOCUMENTS, authorization(spec)), [], JSON.stringify(spec));
    for (const spec of [
      { action: "DENY", rules: [padded("04222")] },
      { rules: [{ to: [{ operation: { notPorts: ["004222"] } }] }] },
    ])
      assert.deepEqual(ids(...DOCUMENTS, authorization(spec)), ["client-port-denied"], JSON.stringify(spec));
  });

  it("that allows nothing, or denies everybody, keeps clients out", () => {
    for (const spec of [
      {},
      { selector: NATS },
      { selector: NATS, rules: [{ to: [{ operation: { ports: ["8222"] } }] }] },
      { action: "DENY", rules: [{}] },
      { action: "DENY", rules: [{ from: [{ source: { principals: ["*"] } }], to: [client] }] },
    ])
      assert.ok(ids(...DOCUMENTS, authorization(spec)).includes("client-port-denied"), JSON.stringify(spec));
    const [nothing] = doctor([...DOCUMENTS, authorization({})].join("\n---\n"));
    assert.match(nothing!.message, /^AuthorizationPolicy messaging\/a has no rules, so it allows nothing, /);
    for (const spec of [
      { rules: [{}] },
      { rules: [{ from: [broker] }] },
      { action: "DENY" },
      { action: "DENY", rules: [{ from: [{ source: { notPrincipals: ["*/sa/nats"] } }], to: [client] }] },
      { action: "AUDIT", rules: [{}] },
      { selector: { matchLabels: { app: "x" } } },
    ])
      assert.deepEqual(ids(...DOCUMENTS, authorization(spec)), [], JSON.stringify(spec));
  });

  it("that leaves the client port to nats-server alone keeps clients out, and is told what mends it", () => {
    const told = (spec: object, documents = open): string[] =>
      doctor([...documents, authorization(spec)].join("\n---\n")).map(
        ({ id, message, remedy }) => `${id}: ${message}: ${remedy}`,
      );
    const deny = (to: object[]): object => ({
      action: "DENY",
      rules: [{ from: [{ source: { notPrincipals: broker.source.principals } }], ...(to.length > 0 ? { to } : {}) }],
    });
    const [bare = "", ...others] = told(deny([]));
    assert.deepEqual(others, []);
    assert.match(bare, /^client-port-denied: a rule of .* keeps everybody but nats-server itself from port 4222 /);
    assert.match(told(deny([{ operation: { notPorts: ["8222"] } }])).join(), /: add "4222" to the rule's notPorts$/);
    assert.deepEqual(told(deny([{ operation: { notPorts: ["8222", "4222"] } }])), []);
    const allowed = told({ selector: NATS, rules: [{ from: [broker] }] });
    assert.match(
      allowed.join(),
      /^client-port-denied: .* lets anybody but nats-server itself reach port 4222 [^]*: add a rule /,
    );
    for (const source of [
      { notPrincipals: ["*/ns/messaging/sa/nats"] },
      { notServiceAccounts: ["nats"] },
      { notServiceAccounts: ["messaging/nats"] },
      { notServiceAccounts: ["nats"], notNamespaces: [] },
    ])
      assert.deepEqual(told({ action: "DENY", rules: [{ from: [{ source }] }] }), [bare], JSON.stringify(source));
    for (const source of [{ principals: ["*/ns/messaging/sa/nats"] }, { serviceAccounts: ["nats"] }])
      assert.deepEqual(told({ selector: NATS, rules: [{ from: [{ source }] }] }), allowed, JSON.stringify(source));
    for (const source of [{ notPrincipals: ["*/sa/nats"] }, { notNamespaces: ["messaging/nats"] }])
      assert.doesNotMatch(told({ action: "DENY", rules: [{ from: [{ source }] }] }).join(), /client-port-denied/);
    // Where others pass, or may, or where nobody else has a right.
    const also = { source: { notPrincipals: [...broker.source.principals, "cluster.local/ns/shop/sa/orders"] } };
    const routes = { action: "DENY", rules: [{ from: [also] }] };
    assert.deepEqual(told(routes), []);
    assert.deepEqual(told({ selector: NATS, rules: [{ from: [broker] }, { to: [client] }] }), []);
    const alone = open.map((text) =>
      text.replace("cluster.local/ns/shop/sa/orders", "cluster.local/ns/messaging/sa/nats"),
    );
    assert.notDeepEqual(alone, open);
    assert.deepEqual(told(deny([]), alone), []);
    const prefixed = open.map((text) =>
      text.replace("principals: [cluster.local/ns/shop/sa/orders]", "serviceAccounts: [pre-messaging/nats]"),
    );
    assert.deepEqual(told(deny([]), prefixed), [bare]);
    const excepted = open.map((text) =>
      text.replace(
        "principals: [cluster.local/ns/shop/sa/orders]",
        "notPrincipals: [cluster.local/ns/messaging/sa/nats], trustDomains: [cluster.local]",
      ),
    );
    assert.deepEqual(told(deny([]), excepted), [bare]);
    const shared = open.map((text) => text.replace("      serviceAccountName: nats\n", ""));
    for (const name of ["nats", "default"]) {
      const source = { notPrincipals: [`cluster.local/ns/messaging/sa/${name}`] };
      const found = told({ action: "DENY", rules: [{ from: [{ source }] }] }, shared).join();
      assert.ok(!found.includes("client-port-denied"), name);
    }
  });

  it("without rules is told to be left as it is, beside one that allows nats-server's clients", () => {
    const told = doctor([...open, authorization({}, "istio-system")].join("\n---\n")).map(
      ({ id, remedy }) => `${id}: ${remedy}`,
    );
    assert.deepEqual(told, [
      "cluster-port-denied: let cluster.local/ns/messaging/sa/nats pass",
      "client-port-denied: apply an AuthorizationPolicy that allows connections to these pods, as deploy/allow-clients.yaml does; the filter then judges who may do what",
    ]);
  });

  it("keeps clients out of pods that are only known by their Service, such as those of NATS's own chart", () => {
    const without = kinds("Service", "WasmPlugin", "PeerAuthentication");
    for (const namespace of ["messaging", "istio-system"])
      assert.deepEqual(ids(...without, authorization({}, namespace)), ["client-port-denied"], namespace);
    for (const more of [
      [authorization({ selector: NATS, rules: [{ to: [client] }] })],
      [authorization({}), authorization({ selector: NATS, rules: [{ to: [client] }] }, "istio-system")],
      [authorization({}, "elsewhere")],
      [authorization({ selector: { matchLabels: { app: "x" } } })],
    ])
      assert.deepEqual(ids(...without, ...more), [], more.join());
  });

  it("is reported once for pods that a Service and its headless twin name", () => {
    const without = kinds("Service", "WasmPlugin", "PeerAuthentication");
    const twin = kinds("Service").map((text) => text.replace("name: nats,", "name: nats-headless,"));
    const found = (...more: string[]): string[] =>
      doctor([...without, ...more, authorization({})].join("\n---\n")).map(({ message }) => message);
    assert.equal(found().length, 1);
    assert.deepEqual(found(...twin), found());
    const others = twin.map((text) => text.replace("app: nats", "app: nats, site: b"));
    assert.notDeepEqual(others, twin);
    const [both, ...more] = found(...others);
    assert.deepEqual(more, []);
    assert.match(both ?? "", / of Service messaging\/nats, port 4222 of Service messaging\/nats-headless$/);
  });

  it("about HTTP denies all that comes to a TCP port, or allows none of it", () => {
    const denied = (spec: object): string[] => ids(...DOCUMENTS, authorization(spec));
    const head = { key: "request.headers[x]", notValues: ["y"] };
    for (const rule of [
      { from: [{ source: { notRequestPrincipals: ["*"] } }] },
      { to: [{ operation: { methods: ["DELETE"] } }] },
      { to: [client], when: [head] },
    ])
      assert.deepEqual(denied({ action: "DENY", rules: [rule] }), ["client-port-denied"], JSON.stringify(rule));
    for (const rule of [
      { from: [{ source: { requestPrincipals: ["*"] } }] },
      { to: [{ operation: { ports: ["4222"], paths: ["/*"] } }] },
      { to: [client], when: [head] },
    ]) {
      assert.deepEqual(denied({ rules: [rule] }), ["client-port-denied"], JSON.stringify(rule));
      assert.deepEqual(denied({ rules: [rule, { to: [client] }] }), [], JSON.stringify(rule));
    }
    assert.deepEqual(denied({ rules: [{ to: [{ operation: { ports: ["4222"], paths: [] } }] }] }), []);
    const elsewhere = { from: [{ source: { notRequestPrincipals: ["*"], namespaces: ["x"] } }] };
    assert.deepEqual(denied({ action: "DENY", rules: [elsewhere] }), []);
  });

  it("about HTTP does not shut monitoring where it denies some of it", () => {
    const monitored = DOCUMENTS.map((text) =>
      text.replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 8222 }"),
    );
    const operation = { ports: ["8222"] };
    const deny = (more: object): string =>
      authorization({ action: "DENY", rules: [{ to: [{ operation: { ...operation, ...more } }] }] });
    assert.deepEqual(ids(...monitored, deny({})), []);
    assert.deepEqual(ids(...monitored, deny({ paths: ["/connz"] })), ["broker-port-open"]);
  });

  it("that denies everybody is told a remedy that helps against a DENY", () => {
    const [finding] = doctor([...DOCUMENTS, authorization({ action: "DENY", rules: [{}] })].join("\n---\n"));
    assert.match(finding!.remedy, /^list the ports that the rule is meant for/);
    const [other] = doctor([...DOCUMENTS, authorization({})].join("\n---\n"));
    assert.match(other!.remedy, /^apply an AuthorizationPolicy that allows connections to these pods/);
  });

  it("spares nats-server's own service account by any field that names it, and by no other", () => {
    const deny = (source: object, when?: object): string =>
      authorization({
        action: "DENY",
        rules: [{ from: [{ source }], to: [route], ...(when ? { when: [when] } : {}) }],
      });
    for (const source of [
      { notPrincipals: ["cluster.local/ns/messaging/sa/nats"] },
      { notPrincipals: ["*.local/ns/messaging/*", "a/ns/x/sa/x"] },
      { notNamespaces: ["mess*"] },
      { notNamespaces: ["*ess*ing", "x"] },
      { notServiceAccounts: ["nats"] },
      { notServiceAccounts: ["messaging/nats"] },
      { notPrincipals: ["cluster.local/ns/x/sa/x"], notIpBlocks: ["10.0.0.0/8"] },
    ])
      assert.deepEqual(ids(...open, deny(source)), [], JSON.stringify(source));
    for (const source of [
      { notPrincipals: ["cluster.local/ns/messaging/sa/default"] },
      { notPrincipals: ["other.domain/ns/messaging/*", "a/ns/x/sa/x"] },
      { notPrincipals: ["cluster.local/ns/nats/*"] },
      { notNamespaces: ["mes", "*messagingx", "messaging*g", "m*s*x*"] },
      { notServiceAccounts: ["other/nats"] },
      { principals: ["*"] },
    ])
      assert.deepEqual(ids(...open, deny(source)), ["cluster-port-denied"], JSON.stringify(source));
    const conditional = deny({ principals: ["*"] }, { key: "source.ip", values: ["10.0.0.1"] });
    assert.deepEqual(ids(...open, conditional), ["broker-port-open"]);
  });

  it("names nats-server by any of the plugin's trust domains, and a sidecar takes cluster.local for them", () => {
    const deny = (trustDomain: string): string =>
      authorization({
        action: "DENY",
        rules: [{ from: [{ source: { notPrincipals: [`${trustDomain}/ns/messaging/sa/nats`] } }], to: [route] }],
      });
    const own = open.map((text) =>
      text.replace("trustDomains: [cluster.local]", "trustDomains: [mesh.test, old.test]"),
    );
    for (const trustDomain of ["mesh.test", "old.test", "cluster.local"])
      assert.ok(!ids(...own, deny(trustDomain)).includes("cluster-port-denied"), trustDomain);
    const found = doctor([...own, deny("other.test")].join("\n---\n"));
    const denied = found.find(({ id }) => id === "cluster-port-denied");
    assert.match(denied!.remedy, /^let mesh\.test\/ns\/messaging\/sa\/nats pass, /);
    const unknown = open.filter((text) => !text.includes("kind: WasmPlugin"));
    assert.ok(!ids(...unknown, deny("other.test")).includes("cluster-port-denied"));
  });

  it("that denies some leaves the port open to all others", () => {
    for (const rule of [
      { from: [{ source: { namespaces: ["quarantine"] } }] },
      { from: [{ source: { ipBlocks: ["192.0.2.0/24"] } }], to: [route] },
      { from: [{ source: { principals: ["cluster.local/ns/shop/sa/x"] } }] },
      { from: [{ source: { principals: ["cluster.local/ns/shop/*"], notNamespaces: ["shop"] } }] },
      { from: [{ source: { notPrincipals: ["*"] } }], to: [route] },
      { from: [{ source: { notPrincipals: ["cluster.local/*"] } }], to: [route] },
      { from: [{ source: { notNamespaces: ["*"] } }], to: [route] },
      { to: [route], when: [{ key: "source.namespace", values: ["quarantine"] }] },
    ])
      for (const namespace of ["messaging", "istio-system"]) {
        const policy = authorization({ action: "DENY", rules: [rule] }, namespace);
        assert.deepEqual(ids(...open, policy), ["broker-port-open"], policy);
      }
  });

  it("that keeps out pods which run as default is reported with what they run as", () => {
    const unnamed = open.map((text) =>
      text.replace("      serviceAccountName: nats\n", "").replace("[cluster.local]", "[cluster.local, mesh.test]"),
    );
    const policy = authorization({
      action: "DENY",
      rules: [{ from: [{ source: { notPrincipals: ["mesh.test/ns/messaging/sa/nats"] } }], to: [route] }],
    });
    const [finding] = doctor([...unnamed, policy].join("\n---\n"));
    assert.match(
      finding!.message,
      /^a rule of .* keeps nats-server's own mesh\.test\/ns\/messaging\/sa\/default from port 6222 of /,
    );
    // To let default pass would open the port to all pods of the namespace that name no service account.
    assert.equal(
      finding!.remedy,
      "give the pods the serviceAccountName that the policy names, or one of their own that you let pass",
    );
  });

  it("with spiffe:// before its principals is reported with the right form, wherever else it is wrong", () => {
    const written = "spiffe://mesh.test/ns/messaging/sa/nats";
    const policy = authorization({
      action: "DENY",
      rules: [{ from: [{ source: { notPrincipals: [written] } }], to: [route] }],
    });
    const found = doctor([...open, policy].join("\n---\n"));
    const remedies = new Map(found.map(({ id, remedy }) => [id, remedy]));
    assert.equal(remedies.get("principal-malformed"), "write mesh.test/ns/messaging/sa/nats");
    assert.ok(![...remedies.values()].some((remedy) => remedy.includes("spiffe:")), [...remedies.values()].join());
    assert.deepEqual(ids(authorization({ rules: [{ from: [{ source: { principals: ["x"] } }] }] }, "shop")), []);
  });

  it("restricts nothing if it lets everybody in, or is for other pods, on trial or a waypoint's", () => {
    for (const policy of [
      authorization({ selector: NATS, rules: [{}] }),
      ...[
        { principals: ["*"] },
        { principals: ["cluster.local/*"] },
        { principals: ["x", "cluster.local/ns/*"] },
        { namespaces: ["*"] },
        { trustDomains: ["cluster.local"] },
        { ipBlocks: ["0.0.0.0/0"] },
        { ipBlocks: ["::/0"] },
      ].map((source) => authorization({ selector: NATS, rules: [{ from: [{ source }], to: [route] }] })),
      authorization({ selector: { matchLabels: { app: "x" } }, rules: [{ from: [broker] }] }),
      authorization({ rules: [{ from: [broker] }] }, "shop"),
      authorization({ targetRefs: [{ kind: "Service", name: "nats" }], rules: [{ from: [broker] }] }),
      authorization({ action: "DENY", rules: [{ to: [client] }] }),
      authorization({ action: "AUDIT", rules: [{ to: [route] }] }),
      ...["true", "True", "TRUE", "t", "T", "1"].map((word) =>
        authorization({ rules: [{ from: [broker] }] }).replace(
          '"name":"a"',
          `"name":"a","annotations":{"istio.io/dry-run":"${word}"}`,
        ),
      ),
    ])
      assert.ok(ids(...open, policy).includes("broker-port-open"), policy);
  });
});
