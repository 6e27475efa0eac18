import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { DOCUMENTS, ids, kinds } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

interface Changes {
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  args?: string[];
  hasProxy?: boolean;
}

const ANNOTATIONS = {
  "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
  "sidecar.istio.io/extraStatTags": STATS_TAGS.join(),
};

function podOf(labels: object, { annotations = {}, args = [], hasProxy = false }: Changes = {}): object {
  const nats = { name: "nats", image: "nats:2.15.2", args, ports: [{ containerPort: 4222 }, { containerPort: 6222 }] };
  const containers = hasProxy ? [nats, { name: "istio-proxy", image: "proxyv2" }] : [nats];
  return {
    metadata: { labels: { app: "nats", ...labels }, annotations: { ...ANNOTATIONS, ...annotations } },
    spec: { containers, volumes: hasProxy ? [{ configMap: { name: "istio-ca-root-cert" } }] : [] },
  };
}

interface Owner {
  kind: string;
  name: string;
  apiVersion?: string;
}

function object(kind: string, name: string, body: object, owner?: Owner): string {
  const references = owner && [{ apiVersion: "apps/v1", ...owner, uid: `u-${owner.name}`, controller: true }];
  const { metadata = {}, ...rest } = body as { metadata?: object };
  return JSON.stringify({
    apiVersion: kind === "Pod" || kind === "Service" || kind === "Namespace" ? "v1" : "apps/v1",
    kind,
    metadata: { name, namespace: "messaging", uid: `u-${name}`, ownerReferences: references, ...metadata },
    ...rest,
  });
}

const OF_DEPLOYMENT = { kind: "Deployment", name: "nats" };
const OF_REPLICAS = { kind: "ReplicaSet", name: "nats-7d9f" };

/** A Deployment of nats-server and what Kubernetes makes of it, with its earlier ReplicaSet. */
function deployment(changes: Changes, ...pods: Changes[]): string[] {
  const hash = { "pod-template-hash": "7d9f" };
  return [
    ...pods.map((pod, index) =>
      object("Pod", `nats-7d9f-${index}`, podOf({ ...hash, ...pod.labels }, { hasProxy: true, ...pod }), OF_REPLICAS),
    ),
    object("Deployment", "nats", { spec: { replicas: pods.length, template: podOf({}, changes) } }),
    object(
      "ReplicaSet",
      "nats-5c6b",
      { spec: { replicas: 0, template: podOf({ "pod-template-hash": "5c6b" }, { args: ["--old"] }) } },
      OF_DEPLOYMENT,
    ),
    object(
      "ReplicaSet",
      "nats-7d9f",
      { spec: { replicas: pods.length, template: podOf(hash, changes) } },
      OF_DEPLOYMENT,
    ),
  ];
}

/** The sound mesh's objects of these kinds, as a cluster gives them back. */
function given(...wanted: string[]): string[] {
  return kinds(...wanted).map((text, index) => text.replace("namespace: messaging", `$&, uid: u-${index}`));
}

const AROUND = given("Service", "PeerAuthentication", "WasmPlugin");
const TLS = { args: ["--tls"] };

/** What doctor says of these objects beside a Service, STRICT mTLS and a plugin: `ID: MESSAGE`. */
function said(...documents: string[]): string[] {
  const found = doctor([...AROUND, ...documents].join("\n---\n"));
  return found.map(({ id, message }) => `${id}: ${message}`);
}

describe("pods beside what makes them", () => {
  it("are told of once with their owner, which tells their number", () => {
    const found = said(...deployment(TLS, TLS, TLS, TLS));
    const title = "Deployment messaging/nats with 3 pods";
    assert.deepEqual(found.map((one) => one.replace(/ \(.*/, "")).sort(), [
      `broker-port-open: no AuthorizationPolicy restricts port 6222 of ${title}`,
      `nats-tls: ${title} is started with --tls`,
    ]);
  });

  it("are told of once without it", () => {
    const pods = deployment(TLS, TLS, TLS, TLS).slice(0, 3);
    const [open, ...others] = said(...pods).filter((one) => one.startsWith("broker-port-open"));
    assert.deepEqual(others, []);
    assert.match(open ?? "", /port 6222 of Pod messaging\/nats-7d9f-0 and 2 others like it /);
  });

  it("are told of by themselves where they are from before its last change", () => {
    const found = said(...deployment({}, {}, TLS)).filter((one) => one.startsWith("nats-tls"));
    assert.deepEqual(found, ["nats-tls: Pod messaging/nats-7d9f-1 is started with --tls"]);
    const annotated = { annotations: { "traffic.sidecar.istio.io/excludeInboundPorts": "4222" } };
    const uncaptured = said(...deployment(annotated, {})).filter((one) => one.startsWith("client-port-uncaptured"));
    assert.deepEqual(
      uncaptured.map((one) => /: (\w+) /.exec(one)?.[1]),
      ["Deployment"],
    );
  });

  it("are told of by themselves where a label that something selects by tells them apart", () => {
    const plugin = AROUND.find((text) => text.includes("kind: WasmPlugin"))!;
    const canary = plugin.replace("app: nats", "app: nats, track: canary");
    assert.notEqual(canary, plugin);
    const around = [...AROUND.filter((text) => text !== plugin), canary];
    const pods = deployment({}, { labels: { track: "canary" } }, {}, {});
    const missed = doctor([...around, ...pods].join("\n---\n")).filter(({ id }) => id === "broker-without-plugin");
    assert.deepEqual(
      missed.map(({ message }) => /for (.*) \(/.exec(message)?.[1]),
      ["Deployment messaging/nats with 2 pods"],
    );
  });

  it("of an owner with another uid are not its own", () => {
    const [pod = ""] = deployment(TLS, TLS);
    const other = object("ReplicaSet", "nats-7d9f", { spec: { template: podOf({}, TLS) } }).replace(
      "u-nats-7d9f",
      "u-of-another",
    );
    assert.equal(said(pod, other).filter((one) => one.startsWith("nats-tls")).length, 2);
  });

  it("are told of by themselves where they keep an annotation that their owner has no more", () => {
    const excluding = { annotations: { "traffic.sidecar.istio.io/excludeInboundPorts": "4222" } };
    const found = said(...deployment({}, {}, excluding)).filter((one) => one.startsWith("client-port-uncaptured"));
    assert.deepEqual(found, ["client-port-uncaptured: Pod messaging/nats-7d9f-1: port 4222 is excluded from capture"]);
  });

  it("say the same as their owner with what Istio's CNI has the injector write into their annotations", () => {
    const traffic = "traffic.sidecar.istio.io/";
    const written = {
      "istio.io/rev": "default",
      "sidecar.istio.io/interceptionMode": "REDIRECT",
      [`${traffic}includeOutboundIPRanges`]: "*",
      [`${traffic}includeInboundPorts`]: "*",
      [`${traffic}excludeInboundPorts`]: "7777,15020",
    };
    const owner = { ...TLS, annotations: { [`${traffic}excludeInboundPorts`]: "7777" } };
    const found = said(...deployment(owner, { ...TLS, annotations: written }, { ...TLS, annotations: written }));
    assert.deepEqual(
      found.filter((one) => one.startsWith("nats-tls")),
      ["nats-tls: Deployment messaging/nats with 2 pods is started with --tls"],
    );
  });

  it("are told of by themselves where they mount another nats.conf, be it in a projected volume", () => {
    const projecting = (name: string, text: string): string =>
      text.replace(/"volumes":\[/, `$&{"name":"c","projected":{"sources":[{"configMap":{"name":"${name}"}}]}},`);
    const all = deployment({}, {}, {}).map((text) => projecting(text.includes("nats-7d9f-1") ? "old" : "new", text));
    const found = said(...all);
    assert.ok(
      found.some((one) => one.startsWith("broker-port-open") && one.includes("with a pod ")),
      found.join("\n"),
    );
  });

  it("hide nobody by owning themselves or each other", () => {
    const body = { spec: { template: podOf({}, TLS) } };
    const tls = (...documents: string[]): number =>
      said(...documents).filter((one) => one.startsWith("nats-tls")).length;
    const replicas = (name: string, owner: string): string =>
      object("ReplicaSet", name, body, { kind: "ReplicaSet", name: owner });
    assert.equal(tls(replicas("a", "a")), 1);
    assert.ok(tls(replicas("a", "b"), replicas("b", "a")) >= 1);
    assert.ok(tls(replicas("a", "b"), replicas("b", "c"), replicas("c", "a")) >= 1);
  });

  it("of one operator are compared with all of their containers", () => {
    const owner = { kind: "NatsCluster", name: "nats", apiVersion: "example.com/v1" };
    const helper = object("Pod", "helper", { spec: { containers: [{ name: "helper" }] } }, owner);
    const { spec } = podOf({}, TLS) as { spec: { containers: object[] } };
    const both = { ...podOf({}, TLS), spec: { containers: [{ name: "helper" }, ...spec.containers] } };
    const found = said(helper, object("Pod", "nats-0", both, owner)).filter((one) => one.startsWith("nats-tls"));
    assert.deepEqual(found, ["nats-tls: Pod messaging/nats-0 is started with --tls"]);
    const sets = ["east", "west"].map((name) => object("StatefulSet", name, { spec: { template: both } }, owner));
    assert.equal(said(...sets).filter((one) => one.startsWith("nats-tls")).length, 2);
  });

  it("that an earlier ReplicaSet has still are told of by themselves, and the ReplicaSet is not", () => {
    const old = object(
      "Pod",
      "nats-5c6b-0",
      podOf({ "pod-template-hash": "5c6b" }, { args: ["--old", "--tls"], hasProxy: true }),
      {
        kind: "ReplicaSet",
        name: "nats-5c6b",
      },
    );
    const all = deployment({}, {}).map((text) => text.replace('"--old"', '"--old","--tls"'));
    const found = said(...all, old).filter((one) => one.startsWith("nats-tls"));
    assert.deepEqual(found, ["nats-tls: Pod messaging/nats-5c6b-0 is started with --tls"]);
  });

  it("are not made by earlier ReplicaSets of what has its template elsewhere", () => {
    const rollout = { kind: "Rollout", name: "nats", apiVersion: "argoproj.io/v1alpha1" };
    const body = { spec: { replicas: 0, template: podOf({}, TLS) } };
    const owner = JSON.stringify({
      apiVersion: rollout.apiVersion,
      kind: rollout.kind,
      metadata: { name: "nats", namespace: "messaging", uid: "u-nats" },
      spec: { workloadRef: { kind: "Deployment", name: "nats" } },
    });
    assert.deepEqual(said(owner, object("ReplicaSet", "nats-1", body, rollout)), []);
  });
});

describe("a nats.conf that is left in a cluster", () => {
  it("is not judged beside the one that nats-server's pods mount now", () => {
    const config = (name: string, text: string): string =>
      object("ConfigMap", name, { data: { "nats.conf": text } }).replace("apps/v1", "v1");
    const mounting = (text: string): string =>
      text.replace('"volumes":[', '$&{"name":"config","configMap":{"name":"nats-new"}},');
    const all = deployment({}, {}, {}).map(mounting);
    const tls = (...documents: string[]): string[] => said(...documents).filter((one) => one.startsWith("nats-tls"));
    const old = config("nats-old", "tls { cert_file: a }\n");
    assert.deepEqual(tls(...all, config("nats-new", "max_sub_tokens: 12\n"), old), []);
    assert.equal(tls(...all, config("nats-new", "tls { cert_file: a }\n"), old).length, 1);
    // The pods' own is not among the files: this may be it, under another name.
    assert.equal(tls(...all, old).length, 1);
    const pod = object("Pod", "nats-7d9f-9", podOf({}, { hasProxy: true })).replace(
      '"volumes":[',
      '$&{"name":"config","configMap":{"name":"nats-old"}},',
    );
    assert.equal(tls(...all, config("nats-new", "max_sub_tokens: 12\n"), old, pod).length, 1);
  });
});

describe("a Service of one pod of a StatefulSet", () => {
  const POD_NAME = "statefulset.kubernetes.io/pod-name";
  const service = (name: string, selector: object): string => {
    const spec = { selector, ports: [{ name: "tcp-client", port: 4222 }] };
    return JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "messaging" }, spec });
  };

  it("leads to that one, whose label is not in the template", () => {
    assert.deepEqual(
      ids(
        ...DOCUMENTS,
        service("nats-0", { [POD_NAME]: "nats-0" }),
        service("nats-1", { app: "nats", [POD_NAME]: "nats-1" }),
        service("first", { app: "nats", "apps.kubernetes.io/pod-index": "0" }),
      ),
      [],
    );
    for (const name of ["other-0", "nats-x"])
      assert.deepEqual(
        ids(...DOCUMENTS, service("nats-0", { app: "nats", [POD_NAME]: name })),
        ["service-selects-nothing"],
        name,
      );
  });

  it("does not tell the pods from their StatefulSet", () => {
    const owner = { kind: "StatefulSet", name: "nats" };
    const pods = [0, 1].map((index) => {
      const name = `nats-${index}`;
      return object("Pod", name, podOf({ [POD_NAME]: name }, { ...TLS, hasProxy: true }), owner);
    });
    const services = ["nats-0", "nats-1"].map((name) => service(name, { [POD_NAME]: name }));
    const all = [...services, ...pods, object("StatefulSet", "nats", { spec: { template: podOf({}, TLS) } })];
    assert.deepEqual(
      said(...all).filter((one) => one.startsWith("nats-tls")),
      ["nats-tls: StatefulSet messaging/nats with 2 pods is started with --tls"],
    );
  });
});

describe("pods of a cluster", () => {
  const namespace = (labels: object): string => object("Namespace", "messaging", { metadata: { labels } });

  it("that have no proxy are judged by nobody, whatever their labels ask for", () => {
    const without = deployment({}, {}, { hasProxy: false }, { hasProxy: false });
    for (const labels of [{ "istio-injection": "enabled" }, undefined]) {
      const around = labels ? [namespace(labels)] : [];
      const found = doctor([...AROUND, ...without, ...around].join("\n---\n"));
      const [uncaptured, ...others] = found.filter(({ id }) => id === "client-port-uncaptured");
      assert.deepEqual(others, []);
      assert.match(uncaptured?.message ?? "", /^Deployment messaging\/nats with 3 pods: .*nats-7d9f-1 and 1 more have/);
      assert.match(uncaptured?.remedy ?? "", /kubectl -n messaging rollout restart deployment nats$/);
    }
  });

  it("are made anew by a command only where kubectl has one for what makes them", () => {
    const again = {
      StatefulSet: "kubectl -n messaging rollout restart statefulset nats",
      ReplicaSet: "make the pods anew",
      Rollout: "make the pods anew",
    };
    for (const [kind, command] of Object.entries(again)) {
      const owner = object(kind, "nats", { spec: { template: podOf({}) } });
      const found = doctor(
        [...AROUND, owner, object("Pod", "nats-0", podOf({}), { kind, name: "nats" })].join("\n---\n"),
      );
      const { remedy } = found.find(({ id }) => id === "client-port-uncaptured") ?? {};
      assert.equal(remedy?.split("; then ")[1], command);
    }
  });

  it("that have ended need no proxy any more", () => {
    const job = { kind: "Job", name: "seed-1", apiVersion: "batch/v1" };
    const pod = object("Pod", "seed-1-x", podOf({}), job).replace('"spec"', '"status":{"phase":"Succeeded"},$&');
    assert.deepEqual(said(pod), []);
    assert.ok(said(pod.replace("Succeeded", "Running")).some((one) => one.startsWith("client-port-uncaptured")));
    const cronJob = { kind: "CronJob", name: "seed", apiVersion: "batch/v1" };
    const done = (type: string): string => {
      const status = { conditions: [{ type, status: "True" }] };
      const body = { spec: { template: podOf({}, TLS) }, status };
      return object("Job", "seed-1", body, cronJob).replace("apps/v1", "batch/v1");
    };
    assert.deepEqual(said(done("Complete")), []);
    assert.ok(said(done("Suspended")).some((one) => one.startsWith("nats-tls")));
  });

  it("that have a proxy have been injected, whatever their Namespace says now", () => {
    const found = said(...deployment({}, {}, {}), namespace({}));
    assert.deepEqual(
      found.filter((one) => one.startsWith("client-port-uncaptured")),
      [],
    );
  });

  it("whose traffic ztunnel has need no proxy", () => {
    const ambient = { annotations: { "ambient.istio.io/redirection": "enabled" }, hasProxy: false };
    const found = said(...deployment({}, ambient, ambient)).map((one) => one.split(":")[0]);
    assert.deepEqual([...new Set(found)].sort(), ["ambient-sidecar-plugin", "broker-port-open"]);
  });
});

describe("what kubectl get all gives", () => {
  const all = deployment({}, {}, {});
  const service = given("Service");

  it("is not all that a cluster has: what is missing there is no fault", () => {
    const found = doctor([...service, ...all].join("\n---\n"));
    assert.deepEqual(
      found.map(({ id }) => id),
      ["cluster-not-asked"],
    );
    assert.match(found[0]?.message ?? "", /no objects of Istio, no ConfigMaps, no Namespaces: /);
    assert.match(found[0]?.remedy ?? "", /^kubectl get all,istio-io,configmaps,/);
  });

  it("is judged together with a plugin's own file, which is not from the cluster", () => {
    const found = doctor([...service, ...all, ...kinds("WasmPlugin")].join("\n---\n"));
    assert.deepEqual(
      found.map(({ id }) => id),
      ["cluster-not-asked"],
    );
  });

  it("is all where the cluster was asked for what every cluster has, and it has nothing of Istio", () => {
    const asked = [
      object("Namespace", "messaging", { metadata: { labels: { "istio-injection": "enabled" } } }),
      object("ConfigMap", "kube-root-ca.crt", {}).replace("apps/v1", "v1"),
    ];
    const found = doctor([...service, ...all, ...asked].join("\n---\n")).map(({ id }) => id);
    assert.deepEqual([...new Set(found)].sort(), ["broker-port-open", "broker-without-plugin", "mtls-undeclared"]);
  });

  it("has no EndpointSlices, which may say where a Service without a selector leads", () => {
    const outside = { metadata: {}, spec: { ports: [{ name: "tcp-client", port: 4222 }] } };
    const led = [...service, ...all, object("Service", "nats-abroad", outside)];
    const ofOther = object("EndpointSlice", "nats-1", {
      metadata: { labels: { "kubernetes.io/service-name": "nats" } },
    }).replace("apps/v1", "discovery.k8s.io/v1");
    const found = (...texts: string[]): string[] => doctor(texts.join("\n---\n")).map(({ id }) => id);
    assert.deepEqual(found(...led), ["cluster-not-asked"]);
    assert.deepEqual(found(...led, ofOther), ["cluster-not-asked", "service-selects-nothing"]);
  });

  it("without Services says nothing of pods in no Service", () => {
    const found = doctor([...deployment({}, {}, {}), ...kinds("WasmPlugin")].join("\n---\n"));
    assert.deepEqual(
      found.map(({ id }) => id),
      ["cluster-not-asked"],
    );
    assert.match(found[0]?.message ?? "", /no objects of Istio, no Services, /);
  });
});
