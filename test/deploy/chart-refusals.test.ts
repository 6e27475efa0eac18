import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KINDS } from "../../tools/image-manifests.ts";
import { Chart, LEAST, POLICY } from "./chart.ts";
import { only } from "./manifests.ts";

describe("the chart", () => {
  const chart = Chart.ofSuite();

  it("is refused without an image, its digest, or a policy", async () => {
    const nameless = await chart.refusal({ policy: POLICY });
    for (const value of [/image\/repository': ''/, /image\/digest': ''/]) assert.match(nameless, value);
    assert.match(await chart.refusal({ ...LEAST, image: { ...LEAST.image, digest: "latest" } }), /image\/digest/);
    assert.match(await chart.refusal({ image: LEAST.image }), /policy.*missing properties 'trustDomains', 'rules'/);
  });

  it("is refused for a policy that the filter would refuse for its structure", async () => {
    const rule = { ...POLICY.rules[0], allowResponses: true };
    assert.match(
      await chart.refusal({ ...LEAST, policy: { ...POLICY, rules: [rule] } }),
      /policy\/rules\/0.*allowResponses/,
    );
    const late = { ...POLICY.rules[0], publish: { allow: ["a.>.b"] } };
    assert.match(
      await chart.refusal({ ...LEAST, policy: { ...POLICY, rules: [late] } }),
      /policy\/rules\/0\/publish\/allow/,
    );
  });

  it("is refused for a value that it does not know, and for FAIL_OPEN", async () => {
    assert.match(await chart.refusal({ ...LEAST, failstrategy: "FAIL_CLOSE" }), /failstrategy/);
    assert.match(await chart.refusal({ ...LEAST, failStrategy: "FAIL_OPEN" }), /failStrategy/);
    assert.match(await chart.refusal({ ...LEAST, kind: "EnvoyFilter" }), /kind/);
  });

  it("is refused for an empty key, by which Helm would drop a default that nats-server's protection needs", async () => {
    const waypoint = { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const egress = { form: "egress", egress: { host: "nats.corp" } };
    for (const [missing, values] of [
      ["'': missing property 'broker'", { broker: null }],
      ["'/broker': missing property 'otherPorts'", { broker: { otherPorts: null } }],
      ["'/broker/service': missing property 'name'", { broker: { service: { name: null } } }],
      ["'/broker/peerAuthentication': missing property 'create'", { broker: { peerAuthentication: { create: null } } }],
      ["'/broker/otherPorts': missing property 'create'", { broker: { otherPorts: { create: null } } }],
      ["missing property 'waypoint'", { ...waypoint, waypoint: null }],
      ["'/waypoint': missing property 'name'", { ...waypoint, waypoint: { name: null } }],
      [
        "'/waypoint/onlyThrough': missing property 'create'",
        { ...waypoint, waypoint: { onlyThrough: { create: null } } },
      ],
      ["missing property 'egress'", { ...egress, egress: null }],
      ["'/egress': missing property 'port'", { ...egress, egress: { ...egress.egress, port: null } }],
    ] as const) {
      const said = await chart.refusal({ ...LEAST, ...values });
      assert.ok(said.includes(missing), said);
    }
  });

  it("is refused if the policy would look for the client in the wrong place", async () => {
    assert.match(
      await chart.refusal({ ...LEAST, form: "waypoint" }),
      /identity is PEER, but form: waypoint needs WAYPOINT/,
    );
    const workload = { ...POLICY, identity: "WORKLOAD" };
    assert.match(
      await chart.refusal({ ...LEAST, policy: workload }),
      /identity is WORKLOAD, but form: sidecar needs PEER/,
    );
  });

  it("is refused if the filter would be beside other pods than those that its broker's objects are for", async () => {
    const selector = { "app.kubernetes.io/name": "queues" };
    const apart =
      /selector has app\.kubernetes\.io\/name: queues, but the objects of broker are for pods with \S+ nats: /;
    assert.match(await chart.refusal({ ...LEAST, selector }), apart);
    const [service, peerAuthentication, otherPorts] = Array.from({ length: 3 }, () => ({ create: false }));
    assert.match(await chart.refusal({ ...LEAST, selector, broker: { service, peerAuthentication } }), apart);
    await chart.rendered({ ...LEAST, selector, broker: { service, peerAuthentication, otherPorts } });
    await chart.rendered({ ...LEAST, selector, broker: { selector } });
    await chart.rendered({
      ...LEAST,
      selector: { ...selector, tier: "0123" },
      broker: { selector: { ...selector, app: "a" } },
    });
    const client = { form: "client", policy: { ...POLICY, identity: "WORKLOAD" } };
    for (const form of [client, { form: "egress", egress: { host: "nats.corp" } }])
      await chart.rendered({ ...LEAST, ...form, selector });
  });

  it("is refused for clients that nobody names", async () => {
    const values = { ...LEAST, form: "client", policy: { ...POLICY, identity: "WORKLOAD" } };
    assert.match(await chart.refusal(values), /selector is empty/);
  });

  it("is refused for an egress gateway that leads nowhere", async () => {
    assert.match(await chart.refusal({ ...LEAST, form: "egress" }), /egress\.host is empty/);
  });

  it("is refused for an egress gateway in another namespace, where the filter would not be", async () => {
    const values = (gateway?: string): object => ({ ...LEAST, form: "egress", egress: { host: "nats.corp", gateway } });
    for (const gateway of [
      "gw.istio-egress.svc.cluster.local",
      "gw.messaging",
      "gw.messaging.svc",
      "gw.x.messaging.svc.y",
    ])
      assert.match(
        await chart.refusal(values(gateway)),
        /egress\.gateway is \S+, but the filter is for a gateway in the rel/,
        gateway,
      );
    for (const [given, host] of [
      [undefined, "istio-egressgateway.messaging.svc.cluster.local"],
      ["", "istio-egressgateway.messaging.svc.cluster.local"],
      ["gw", "gw"],
      ["gw.messaging.svc.corp.example", "gw.messaging.svc.corp.example"],
    ]) {
      const manifests = await chart.rendered(values(given));
      const { tcp } = only(manifests, "VirtualService").spec as {
        tcp: { route: { destination: { host: string } }[] }[];
      };
      assert.equal(tcp[0]!.route[0]!.destination.host, host);
      assert.equal(only(manifests, "DestinationRule").spec["host"], host);
    }
  });

  it("is refused for an outside host that is not a DNS name", async () => {
    const host = (name: string): object => ({ ...LEAST, form: "egress", egress: { host: name } });
    for (const name of [
      "*.example.com",
      "https://nats.example.com",
      "10.0.0.1",
      "nats",
      "a.example:4222",
      "-a.example",
    ]) {
      assert.match(await chart.refusal(host(name)), /egress\/host/, name);
    }
    for (const name of ["nats.corp", "a1.xn--p1ai", "connect.ngs.global"]) {
      assert.ok(JSON.stringify(await chart.rendered(host(name))).includes(`"sni":"${name}"`), name);
    }
  });

  it("is refused for a name that Kubernetes would not take", async () => {
    for (const name of ["Nats", "nats.messaging", "4nats", "nats-", ""]) {
      assert.match(await chart.refusal({ ...LEAST, broker: { service: { name } } }), /broker\/service\/name/, name);
      assert.match(await chart.refusal({ ...LEAST, waypoint: { name } }), /waypoint\/name/, name);
    }
    assert.match(await chart.refusal({ ...LEAST, broker: { otherPorts: { name: "Other" } } }), /otherPorts\/name/);
    assert.match(
      await chart.refusal({ ...LEAST, broker: { peerAuthentication: { name: "N" } } }),
      /peerAuthentication\/name/,
    );
    assert.match(
      await chart.refusal({ ...LEAST, form: "egress", egress: { gateway: "https://gateway" } }),
      /egress\/gateway/,
    );
  });

  it("is refused for a port that it would name twice, which Kubernetes does not take", async () => {
    for (const kind of KINDS) assert.match(await chart.refusal({ ...LEAST, kind, ports: [4222, 4222] }), /'\/ports'/);
  });

  it("is refused for labels that no pod can have, and takes those that one can have", async () => {
    for (const labels of [
      { app: "my nats" },
      { app: "nats*" },
      { app: "-a" },
      { app: "a".repeat(64) },
      { "a/b/c": "" },
    ]) {
      assert.match(await chart.refusal({ ...LEAST, broker: { selector: labels } }), /'\/broker\/selector/);
      assert.match(await chart.refusal({ ...LEAST, selector: labels }), /'\/selector/);
    }
    const selector = { "app.kubernetes.io/name": "My_nats.2", empty: "", 0: "1e3", long: "a".repeat(63) };
    const [service] = await chart.rendered({ ...LEAST, broker: { selector } });
    assert.deepEqual(service!.spec["selector"], selector);
  });

  it("is refused for a name in whose parts something is missing, or that no Secret and no host can have", async () => {
    const long = "a".repeat(64);
    for (const name of ["a..b", "a.-b", "a-.b"]) {
      assert.match(await chart.refusal({ ...LEAST, name }), /'\/name'/, name);
      assert.match(await chart.refusal({ ...LEAST, broker: { otherPorts: { name } } }), /otherPorts\/name/, name);
      assert.match(
        await chart.refusal({ ...LEAST, image: { ...LEAST.image, pullSecret: name } }),
        /image\/pullSecret/,
        name,
      );
    }
    await chart.rendered({ ...LEAST, name: "a.b-c.4", image: { ...LEAST.image, pullSecret: "regcred.v2" } });
    assert.match(await chart.refusal({ ...LEAST, image: { ...LEAST.image, pullSecret: "a b" } }), /image\/pullSecret/);
    const egress = (values: object): object => ({ ...LEAST, form: "egress", egress: { host: "nats.corp", ...values } });
    assert.match(await chart.refusal(egress({ host: `${long}.corp` })), /egress\/host/);
    assert.match(await chart.refusal(egress({ gateway: `${long}.messaging.svc.cluster.local` })), /egress\/gateway/);
    await chart.rendered(egress({ host: `${long.slice(1)}.corp` }));
  });

  it("is refused for ports that lack the one on which its objects accept clients", async () => {
    const policy = { ...POLICY, identity: "WAYPOINT" };
    const egress = { ...LEAST, form: "egress", egress: { host: "nats.corp" } };
    assert.match(
      await chart.refusal({ ...egress, ports: [4333] }),
      /ports lacks 4222, on which the Gateway nats-egress accepts/,
    );
    for (const form of [{}, { form: "waypoint", policy }]) {
      const values = { ...LEAST, ...form, ports: [14222] };
      assert.match(
        await chart.refusal(values),
        /ports lacks 4222, on which the Service nats of broker.service accepts clients/,
      );
      await chart.rendered({ ...values, broker: { service: { create: false } } });
    }
    await chart.rendered({ ...egress, ports: [4222, 4333] });
    const client = { form: "client", selector: { app: "shop" }, policy: { ...POLICY, identity: "WORKLOAD" } };
    await chart.rendered({ ...LEAST, ...client, ports: [14222] });
  });

  it("is refused for a port of clients on which nats-server takes something else", async () => {
    for (const port of [6222, 7222, 7422, 8222])
      assert.match(
        await chart.refusal({ ...LEAST, ports: [4222, port] }),
        new RegExp(`ports names ${port}, on which nats-server`),
      );
  });

  it("is refused for a principal that no certificate has", async () => {
    const astray = [
      "spiffe://cluster.local/ns/edge/sa/leaf",
      "edge/leaf",
      "prometheus",
      "*",
      "a/ns/*/sa/b",
      "a/ns/b/sa/c ",
    ];
    const places: [place: RegExp, values: (principal: string) => object][] = [
      [/otherPorts\/principal/, (principal) => ({ broker: { otherPorts: { principal } } })],
      [/otherPorts\/leaves\/0/, (principal) => ({ broker: { otherPorts: { leaves: [principal] } } })],
      [/otherPorts\/monitors\/0/, (principal) => ({ broker: { otherPorts: { monitors: [principal] } } })],
      [
        /otherPorts\/extra\/0\/principals\/0/,
        (principal) => ({ broker: { otherPorts: { extra: [{ port: 7777, principals: [principal] }] } } }),
      ],
      [/waypoint\/principal/, (principal) => ({ waypoint: { principal } })],
    ];
    for (const [place, values] of places) {
      for (const principal of astray)
        assert.match(await chart.refusal({ ...LEAST, ...values(principal) }), place, principal);
      await chart.rendered({ ...LEAST, ...values("cluster.local/ns/edge/sa/leaf.v2") });
    }
    const every = "cluster.local/ns/edge/sa/*";
    await chart.rendered({ ...LEAST, broker: { otherPorts: { leaves: [every], monitors: [every] } } });
    assert.match(
      await chart.refusal({ ...LEAST, broker: { otherPorts: { principal: every } } }),
      /otherPorts\/principal/,
    );
  });

  it("is refused if both of its AuthorizationPolicies would have one name", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const otherPorts = { name: "nats-only-through-waypoint" };
    assert.match(
      await chart.refusal({ ...values, broker: { otherPorts } }),
      /have the same name, nats-only-through-waypoint/,
    );
    await chart.rendered({ ...values, broker: { otherPorts }, waypoint: { onlyThrough: { create: false } } });
    await chart.rendered({ ...LEAST, broker: { otherPorts } });
  });

  it("is refused for another port that is named twice, or is not one of the other ports", async () => {
    const extra = (...ports: number[]): object => ({
      ...LEAST,
      broker: { otherPorts: { extra: ports.map((port) => ({ port, principals: [] })) } },
    });
    assert.match(await chart.refusal(extra(7777, 7777)), /names port 7777, which is already named/);
    assert.match(await chart.refusal(extra(4222)), /names port 4222, which is already named/);
    assert.match(await chart.refusal(extra(8222)), /otherPorts\/extra\/0\/port/);
    assert.match(await chart.refusal({ ...LEAST, broker: { otherPorts: { extra: [{ port: 7777 }] } } }), /principals/);
  });
});
