import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stringify } from "yaml";
import { KINDS, type Kind } from "../../tools/image-manifests.ts";
import { byName, CHART, Chart, DIGEST, LEAST, POLICY } from "./chart.ts";
import { denied } from "./denial.ts";
import { manifestsIn, manifestsOf, nameOf, only, type Manifest } from "./manifests.ts";

/** The chart makes no StatefulSet. NATS's own chart does that. */
const CHART_FORMS = ["sidecar", "waypoint", "egress", "client"] as const;

type ChartForm = (typeof CHART_FORMS)[number];

describe("the chart", () => {
  const chart = Chart.ofSuite();

  async function valuesOf(form: ChartForm, kind: Kind): Promise<{ values: object; namespace: string; file: string }> {
    const { metadata, spec } = only(await manifestsOf(form), "WasmPlugin");
    return {
      values: { kind, policy: spec["pluginConfig"] },
      namespace: metadata.namespace!,
      file: join(CHART, "ci", `${form}-values.yaml`),
    };
  }

  for (const form of CHART_FORMS) {
    it(`makes what kustomize makes, in both kinds (${form})`, async () => {
      for (const kind of KINDS) {
        const { values, namespace, file } = await valuesOf(form, kind);
        const { status, output } = await chart.template(values, namespace, [file]);
        assert.equal(status, 0, output);
        assert.deepEqual(byName(manifestsIn(output)), byName(await manifestsOf(form, kind)));
      }
    });

    it(`passes helm lint without a complaint (${form})`, async () => {
      const { values, file } = await valuesOf(form, "WasmPlugin");
      const { status, output } = await chart.withValues(["lint", "--strict", CHART], values, [file]);
      assert.equal(status, 0, output);
      assert.match(output, /0 chart\(s\) failed/);
      assert.doesNotMatch(output, /WARNING|ERROR/);
    });
  }

  it("needs nothing but an image and a policy", async () => {
    const { spec } = only(await chart.rendered(LEAST), "WasmPlugin");
    assert.equal(spec["url"], `oci://registry.example/istio-nats@${DIGEST}`);
    assert.deepEqual(spec["pluginConfig"], POLICY);
  });

  it("takes an empty key for nothing where nothing is what it would mean", async () => {
    const otherPorts = { leaves: null, monitors: null, extra: null, principal: null };
    const emptied = { ...LEAST, selector: {}, broker: { selector: null, otherPorts }, waypoint: null, egress: null };
    assert.deepEqual(byName(await chart.rendered(emptied)), byName(await chart.rendered(LEAST)));
  });

  it("lets no client of an egress gateway be led past it, unless that is requested", async () => {
    const egress = { form: "egress", egress: { host: "nats.corp" } };
    const config = async (values: object): Promise<unknown> =>
      only(await chart.rendered({ ...LEAST, ...values }), "WasmPlugin").spec["pluginConfig"];
    assert.deepEqual(await config(egress), { ...POLICY, connectUrls: "REMOVE" });
    const kept = { ...POLICY, connectUrls: "KEEP" };
    assert.deepEqual(await config({ ...egress, policy: kept }), kept);
    assert.deepEqual(await config({}), POLICY);
  });

  it("has the egress gateway speak TLS to the outside only if that is requested", async () => {
    const egress = { host: "nats.example.com", tls: true };
    const values = { ...LEAST, form: "egress", egress };
    const { spec } = only(await chart.rendered(values, "istio-egress"), "DestinationRule", "nats-outside");
    assert.equal(spec["host"], egress.host);
    assert.deepEqual(spec["trafficPolicy"], {
      portLevelSettings: [{ port: { number: 4222 }, tls: { mode: "SIMPLE", sni: egress.host } }],
    });
    const without = await chart.rendered({ ...values, egress: { host: egress.host } }, "istio-egress");
    assert.deepEqual(
      without.filter(({ kind }) => kind === "DestinationRule").map(({ metadata }) => metadata.name),
      ["nats-egress"],
    );
  });

  it("finds pods by the labels that it is given, and by no others", async () => {
    const labels = { app: "my-nats" };
    const manifests = await chart.rendered({ ...LEAST, broker: { selector: labels } });
    for (const kind of ["WasmPlugin", "PeerAuthentication", "AuthorizationPolicy"]) {
      assert.deepEqual(only(manifests, kind).spec["selector"], { matchLabels: labels }, kind);
    }
    assert.deepEqual(only(manifests, "Service").spec["selector"], labels);
    const [plugin] = await chart.rendered({
      ...LEAST,
      form: "client",
      selector: labels,
      policy: { ...POLICY, identity: "WORKLOAD" },
    });
    assert.deepEqual(plugin!.spec["selector"], { matchLabels: labels });
  });

  it("shares no object with another release in the same namespace that has other names, in any form", async () => {
    const forms = (name: string): object[] => [
      { selector: { app: name } },
      { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } },
      { form: "egress", selector: { istio: name }, egress: { name, host: `${name}.corp`, gateway: name, tls: true } },
      { form: "client", selector: { app: name }, policy: { ...POLICY, identity: "WORKLOAD" } },
    ];
    const release = async (name: string, values: object): Promise<Manifest[]> => {
      const broker = { selector: { app: name }, service: { name }, peerAuthentication: { name }, otherPorts: { name } };
      const waypoint = { name: `${name}-waypoint`, onlyThrough: { name: `${name}-only` } };
      return chart.rendered({ ...LEAST, name, broker, waypoint, ...values });
    };
    for (const [i, ones] of forms("one").entries()) {
      const [one, two] = [await release("one", ones), await release("two", forms("two")[i]!)];
      const names = [...one, ...two].map(nameOf);
      assert.equal(new Set(names).size, names.length, names.join());
      assert.equal(one.length, two.length);
    }
    const { gateways, tcp } = only(await release("one", forms("one")[2]!), "VirtualService").spec as {
      gateways: string[];
      tcp: { match: { gateways: string[] }[] }[];
    };
    assert.deepEqual(gateways, ["mesh", "one-egress"]);
    assert.deepEqual(tcp.map(({ match }) => match[0]!.gateways).flat(), gateways);
  });

  it("has its own names where a value is missing that an older chart did not have", async () => {
    const waypoint = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const egress = { ...LEAST, form: "egress", egress: { host: "nats.corp", tls: true } };
    for (const [values, lacking] of [
      [waypoint, { ...waypoint, waypoint: { onlyThrough: { name: null } } }],
      [egress, { ...egress, egress: { ...egress.egress, name: null } }],
    ] as const)
      assert.deepEqual(await chart.rendered(lacking), await chart.rendered(values));
  });

  it("names the broker by the release's namespace and the mesh's own trust domain", async () => {
    const values = { ...LEAST, policy: { ...POLICY, trustDomains: ["mesh.example", "cluster.local"] } };
    const { rules } = only(await chart.rendered(values, "queues"), "AuthorizationPolicy").spec as {
      rules: { from: { source: { notPrincipals: string[] } }[] }[];
    };
    for (const { from } of rules) {
      assert.deepEqual(from[0]!.source.notPrincipals, ["mesh.example/ns/queues/sa/nats"]);
    }
  });

  it("opens other ports to the peers that it is given, and always to the broker", async () => {
    const exporter = { port: 7777, principals: ["cluster.local/ns/monitoring/sa/prometheus"] };
    const otherPorts = {
      leaves: ["cluster.local/ns/edge/sa/nats-leaf"],
      extra: [exporter, { port: 9999, principals: [] }],
    };
    const policies = [only(await chart.rendered({ ...LEAST, broker: { otherPorts } }), "AuthorizationPolicy")];
    const reached = (who: string): number[] =>
      [4222, 6222, 7422, 7777, 8222, 9999].filter((port) => !denied(policies, port, who));
    assert.deepEqual(reached("cluster.local/ns/monitoring/sa/prometheus"), [4222, 7777]);
    assert.deepEqual(reached("cluster.local/ns/edge/sa/nats-leaf"), [4222, 7422]);
    assert.deepEqual(reached("cluster.local/ns/messaging/sa/nats"), [4222, 6222, 7422, 7777, 8222, 9999]);
  });

  it("accepts clients on every port that it is given, and only through the waypoint if there is one", async () => {
    const values = { ...LEAST, ports: [4222, 14222] };
    const sidecar = [only(await chart.rendered(values), "AuthorizationPolicy")];
    const policy = { ...POLICY, identity: "WAYPOINT" };
    const waypoint = (await chart.rendered({ ...values, form: "waypoint", policy })).filter(
      ({ kind }) => kind === "AuthorizationPolicy",
    );
    for (const port of values.ports) {
      assert.equal(denied(sidecar, port, "cluster.local/ns/shop/sa/orders-api"), false);
      assert.equal(denied(waypoint, port, "cluster.local/ns/shop/sa/orders-api"), true);
      assert.equal(denied(waypoint, port, "cluster.local/ns/messaging/sa/nats-waypoint"), false);
    }
  });

  it("keeps large numbers of the policy unchanged", async () => {
    const limits = { memory: 536_870_912, payload: 8_388_608 };
    const { spec } = only(await chart.rendered({ ...LEAST, policy: { ...POLICY, limits } }), "WasmPlugin");
    assert.deepEqual(spec["pluginConfig"], { ...POLICY, limits });
  });

  it("is switched on and off by the condition of a chart that holds it, and by itself is not", async () => {
    const outer = join(chart.folder, "outer");
    cpSync(CHART, join(outer, "charts", "istio-nats"), { recursive: true });
    const dependencies = [{ name: "istio-nats", version: "*", condition: "istio-nats.enabled" }];
    writeFileSync(
      join(outer, "Chart.yaml"),
      stringify({ apiVersion: "v2", name: "outer", version: "1.0.0", dependencies }),
    );
    const within = async (enabled: boolean): Promise<Manifest[]> => {
      const { status, output } = await chart.withValues(["template", "o", outer], {
        "istio-nats": { ...LEAST, enabled },
      });
      assert.equal(status, 0, output);
      return manifestsIn(output);
    };
    assert.deepEqual((await within(true)).map(nameOf), (await chart.rendered(LEAST, "default")).map(nameOf));
    assert.deepEqual(await within(false), []);
    assert.match(await chart.refusal({ ...LEAST, enabled: false }), /enabled is false, but only the `condition`/);
  });

  it("writes names of digits alone as texts", async () => {
    const waypoint = { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    for (const form of [{}, waypoint, { form: "egress", egress: { host: "nats.corp", tls: true } }]) {
      const made = await chart.rendered({ ...LEAST, ...form, image: { ...LEAST.image, pullSecret: "42" } }, "1234");
      for (const { metadata } of made) assert.equal(metadata.namespace, "1234");
      assert.equal(only(made, "WasmPlugin").spec["imagePullSecret"], "42");
    }
  });

  it("leaves out what NATS's own chart makes", async () => {
    const broker = { service: { create: false }, peerAuthentication: { create: false }, otherPorts: { create: false } };
    assert.deepEqual((await chart.rendered({ ...LEAST, broker })).map(nameOf), ["WasmPlugin messaging/istio-nats"]);
  });
});
