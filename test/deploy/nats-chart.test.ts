import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { must } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import { istioNats } from "../cli/support.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { denied } from "./denial.ts";
import { snippets } from "./guide.ts";
import { manifestsIn, only, selects, type Manifest } from "./manifests.ts";

interface Pods {
  template: {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> };
    spec: { serviceAccountName?: string; terminationGracePeriodSeconds: number };
  };
}

interface ServiceSpec {
  ports: { name: string; appProtocol: string; port: number }[];
}

interface Found {
  id: string;
  message: string;
  remedy: string;
}

const THEIRS = inRoot("test", "deploy", "nats-chart");
const OURS = inRoot("deploy", "chart");
const CLUSTER = "config: {cluster: {enabled: true}, jetstream: {enabled: true}}\n";
/** Three nodes with every port that the chart can open, and TLS of NATS's own wherever the filter is not. */
const EVERYTHING = `
config:
  cluster: { enabled: true, tls: { enabled: true, secretName: s } }
  jetstream: { enabled: true }
  leafnodes: { enabled: true, tls: { enabled: true, secretName: s } }
  gateway: { enabled: true, tls: { enabled: true, secretName: s }, merge: { name: east } }
  websocket: { enabled: true, tls: { enabled: true, secretName: s } }
  mqtt: { enabled: true, tls: { enabled: true, secretName: s } }
  profiling: { enabled: true }
promExporter: { podMonitor: { enabled: true } }
`;
const GUIDE = "docs/how-to/install.md";

function podsOf(manifest: Manifest): Pods["template"] {
  return (manifest.spec as unknown as Pods).template;
}

function principalOf(pods: Pods["template"]): string {
  return `cluster.local/ns/messaging/sa/${pods.spec.serviceAccountName ?? "default"}`;
}

describe("NATS's own chart", () => {
  let folder: string;
  /** The chart with three nodes and nothing else. */
  let plain: Manifest[];
  /** The chart with the guide's values. */
  let nats: Manifest[];
  /** Our chart with the guide's values for it. */
  let ours: Manifest[];
  let text: string;
  let filter: string;
  let theirValues: string;

  async function rendered(release: string, chart: string, values: readonly string[]): Promise<string> {
    const { helm } = await deployTools();
    const files = values.flatMap((value, i) => {
      const file = join(folder, `${release}-${i}.yaml`);
      writeFileSync(file, value);
      return ["--values", file];
    });
    return must(`${chart} fails.`, helm, ["template", release, chart, "--namespace", "messaging", ...files]);
  }

  /** What doctor finds, without what is an example in the guide. */
  function found(...manifests: string[]): Found[] {
    const { output } = istioNats(
      ["doctor", "--output", "json", "--namespace", "messaging", "-"],
      manifests.join("\n---\n"),
    );
    const { findings } = JSON.parse(output) as { findings: Found[] };
    return findings.filter(({ id }) => id !== "image-placeholder" && id !== "policy-dry-run");
  }

  before(async () => {
    folder = makeScratch();
    [theirValues = ""] = snippets(GUIDE, "yaml values of nats");
    const ourValues = [...snippets(GUIDE, "yaml values"), ...snippets(GUIDE, "yaml values beside nats")];
    assert.equal(ourValues.length, 2);
    plain = manifestsIn(await rendered("nats", THEIRS, [CLUSTER]));
    const theirs = await rendered("nats", THEIRS, [CLUSTER, theirValues]);
    filter = await rendered("istio-nats", OURS, ourValues);
    [nats, ours, text] = [manifestsIn(theirs), manifestsIn(filter), `${theirs}\n---\n${filter}`];
  });

  after(() => {
    removeScratch(folder);
  });

  function policies(): Manifest[] {
    return ours.filter(({ kind }) => kind === "AuthorizationPolicy");
  }

  function deniedTo(who: string, port: number): boolean {
    return denied(policies(), port, who, podsOf(only(nats, "StatefulSet")).metadata.labels);
  }

  it("is the one that the guide names", () => {
    const { version } = parse(readFileSync(join(THEIRS, "Chart.yaml"), "utf8")) as { version: string };
    assert.ok(readFileSync(inRoot(GUIDE), "utf8").includes(`(${version}; \`test/deploy/nats-chart.test.ts\``), version);
  });

  it("declares each port by itself, with the protocol that is spoken there", () => {
    const ports = plain
      .filter(({ kind }) => kind === "Service")
      .flatMap(({ spec }) => (spec as unknown as ServiceSpec).ports);
    assert.deepEqual([...new Set(ports.map(({ port, appProtocol }) => `${appProtocol} ${port}`))].sort(), [
      "http 8222",
      "tcp 4222",
      "tcp 6222",
    ]);
  });

  it("lets its nodes reach each other with the guide's values, and would not without them", () => {
    for (const port of [6222, 7222]) {
      assert.equal(deniedTo(principalOf(podsOf(only(plain, "StatefulSet"))), port), true);
      assert.equal(deniedTo(principalOf(podsOf(only(nats, "StatefulSet"))), port), false);
    }
    const account = `cluster.local/ns/messaging/sa/${only(nats, "ServiceAccount", "nats").metadata.name}`;
    assert.equal(principalOf(podsOf(only(nats, "StatefulSet"))), account);
  });

  it("lets Prometheus read its exporter, and nobody else", () => {
    const { containers } = podsOf(only(nats, "StatefulSet")).spec as unknown as {
      containers: { name: string; ports?: { containerPort: number }[] }[];
    };
    const port = containers.find(({ name }) => name === "prom-exporter")?.ports?.[0]?.containerPort;
    assert.equal(port, 7777);
    assert.equal(deniedTo("cluster.local/ns/monitoring/sa/prometheus", port), false);
    assert.equal(deniedTo("cluster.local/ns/shop/sa/orders-api", port), true);
  });

  it("has the filter beside its nodes, and not beside nats-box, which also has their name", () => {
    const box = podsOf(only(nats, "Deployment")).metadata.labels;
    const nodes = podsOf(only(nats, "StatefulSet")).metadata.labels;
    assert.equal(box["app.kubernetes.io/name"], nodes["app.kubernetes.io/name"]);
    for (const kind of ["WasmPlugin", "PeerAuthentication", "AuthorizationPolicy"]) {
      const { selector } = only(ours, kind).spec as { selector: { matchLabels: Record<string, string> } };
      assert.deepEqual([selects(selector.matchLabels, nodes), selects(selector.matchLabels, box)], [true, false], kind);
    }
  });

  it("has proxies that know the filter's labels, and that outlast its lame duck mode", () => {
    const { metadata, spec } = podsOf(only(nats, "StatefulSet"));
    const proxy = parse(metadata.annotations["proxy.istio.io/config"] ?? "") as Record<string, unknown>;
    assert.deepEqual(proxy["extraStatTags"], [...STATS_TAGS]);
    assert.equal(proxy["holdApplicationUntilProxyStarts"], true);
    const conf = (only(nats, "ConfigMap") as unknown as { data: Record<string, string> }).data["nats.conf"] ?? "";
    const lameDuck = Number(/"lame_duck_duration": "(\d+)s"/.exec(conf)?.[1]);
    const drain = Number(/^(\d+)s$/.exec(String(proxy["terminationDrainDuration"]))?.[1]);
    assert.ok(lameDuck + 1 < drain, `${lameDuck} s of lame duck, ${drain} s of the proxy`);
    assert.ok(drain < spec.terminationGracePeriodSeconds);
  });

  it("has a Service that names the waypoint with the guide's value alone, as our chart's notes say", async () => {
    const [value = ""] = snippets(GUIDE, "yaml values of nats in ambient");
    const ofWaypoint = snippets(GUIDE, "yaml more values").find((one) => one.includes("form: waypoint")) ?? "";
    const [ourValues = ""] = snippets(GUIDE, "yaml values");
    const [besideNats = ""] = snippets(GUIDE, "yaml values beside nats");
    const waypoint = manifestsIn(await rendered("istio-nats", OURS, [ourValues, besideNats, ofWaypoint]));
    assert.ok(!waypoint.some(({ kind }) => kind === "Service"));
    const named = only(manifestsIn(await rendered("nats", THEIRS, [CLUSTER, value])), "Service", "nats").metadata
      .labels;
    assert.equal(named?.["istio.io/use-waypoint"], only(waypoint, "Gateway").metadata.name);
    assert.equal(only(plain, "Service", "nats").metadata.labels?.["istio.io/use-waypoint"], undefined);
  });

  it("is sound behind a waypoint, and told what to write where its Service has not the name that our chart takes", async () => {
    const [value = ""] = snippets(GUIDE, "yaml values of nats in ambient");
    const ofWaypoint = snippets(GUIDE, "yaml more values").find((one) => one.includes("form: waypoint")) ?? "";
    const account = "serviceAccount: { enabled: true, name: nats }\n";
    const ourValues = [...snippets(GUIDE, "yaml values"), ...snippets(GUIDE, "yaml values beside nats"), ofWaypoint];
    const named = async (name: string): Promise<string> =>
      rendered("istio-nats", OURS, [...ourValues, `broker: { service: { name: ${name} } }\n`]);
    const prod = await rendered("prod", THEIRS, [CLUSTER, value, account]);
    assert.deepEqual(found(await rendered("nats", THEIRS, [CLUSTER, value, account]), await named("nats")), []);
    assert.deepEqual(found(prod, await named("prod-nats")), []);
    const [finding, ...more] = found(prod, await named("nats"));
    assert.deepEqual([finding?.id, more], ["target-ref-nothing", []]);
    assert.match(finding?.remedy ?? "", /^write name: prod-nats \(broker\.service\.name: prod-nats of the chart\), /);
  });

  it("and ours with the guide's values are sound according to doctor", () => {
    const { status, output } = istioNats(["doctor", "--output", "json", "--namespace", "messaging", "-"], text);
    const { findings } = JSON.parse(output) as { findings: { id: string }[] };
    // The guide's image is an example.
    assert.deepEqual(findings.map(({ id }) => id).sort(), ["image-placeholder", "policy-dry-run"]);
    assert.equal(status, 0, output);
  });

  it("is sound with every port that it can open, and whatever the name of its release is", async () => {
    for (const release of ["nats", "prod"])
      assert.deepEqual(found(await rendered(release, THEIRS, [EVERYTHING, theirValues]), filter), [], release);
    const { ports } = only(manifestsIn(await rendered("nats", THEIRS, [EVERYTHING])), "Service", "nats-headless")
      .spec as unknown as ServiceSpec;
    assert.deepEqual(
      ports.map(({ appProtocol, port }) => `${appProtocol} ${port}`),
      ["tcp 4222", "tls 7422", "https 8080", "tls 1883", "tls 6222", "tls 7222", "http 8222", "tcp 65432"],
    );
  });

  it("has nodes that do not find each other where another Service names them, or theirs lacks their port", async () => {
    const withValues = async (values: object): Promise<Found[]> =>
      found(await rendered("nats", THEIRS, [CLUSTER, theirValues, JSON.stringify(values)]), filter);
    const ids = async (values: object): Promise<string[]> => (await withValues(values)).map(({ id }) => id);
    assert.deepEqual(await ids({ headlessService: { name: "nats-nodes" } }), []);
    const serviceName = { statefulSet: { merge: { spec: { serviceName: "nats" } } } };
    assert.deepEqual(await ids(serviceName), ["nats-route-nothing"]);
    const patch = [
      { op: "test", path: "/spec/ports/1/port", value: 6222 },
      { op: "remove", path: "/spec/ports/1" },
    ];
    const [finding, ...more] = await withValues({ headlessService: { patch } });
    assert.deepEqual([finding?.id, more], ["plaintext-client", []]);
    assert.match(finding?.message ?? "", /^Service messaging\/nats-headless, .* does not declare port 6222, /);
  });

  it("has a nats.conf of which doctor says what it includes and was not given", async () => {
    const merge = { $include: "./auth.conf", accounts: { A: { $include: "a/mappings.conf" } } };
    const theirs = await rendered("nats", THEIRS, [CLUSTER, theirValues, JSON.stringify({ config: { merge } })]);
    const told = found(theirs, filter).map(({ id, message }) => `${id}: ${message}`);
    const includes = "nats-conf-unseen: ConfigMap messaging/nats-config includes what is not among the files";
    assert.deepEqual(told, [`${includes}: ./auth.conf, a/mappings.conf`]);
  });

  it("has a nats.conf in which doctor finds TLS and credentials", async () => {
    const settings = {
      nats: { tls: { enabled: true, secretName: "s" } },
      merge: { accounts: { A: { users: [{ user: "a", password: "b" }] } } },
    };
    const theirs = await rendered("nats", THEIRS, [`config: ${JSON.stringify(settings)}\n`]);
    const { output } = istioNats(["doctor", "--namespace", "messaging", "-"], theirs);
    for (const id of ["nats-tls", "nats-credentials"]) assert.ok(output.includes(`[${id}]`), output);
    assert.match(output, /appProtocol tls: .*\n {4}turn off nats-server's own TLS on this port/);
  });
});
