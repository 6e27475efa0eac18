import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { document, DOCUMENTS, ids, kinds, NATS, peerAuthentication, proxyConfig } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

const CONTAINERS = { containers: [{ name: "nats", image: "nats:2.15.2" }] };
const LABELLED = { metadata: { labels: { app: "nats" }, annotations: { revision: 1 } } };

describe("an object of another project", () => {
  it("that has the kind of one of Kubernetes' own makes no pods without a template of containers", () => {
    // Of Azure's operator: what it calls a template is a document for Azure.
    const arm = document("resources.azure.com", "Deployment", "arm", "messaging", {
      template: { ...LABELLED, parameters: {} },
    });
    const pod = JSON.stringify({
      apiVersion: "example.com/v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "messaging", labels: { app: "nats" } },
      spec: { containers: [] },
    });
    const jobs = document("batch.volcano.sh", "CronJob", "j", "messaging", {
      jobTemplate: { spec: { template: LABELLED } },
    });
    assert.deepEqual(ids(...DOCUMENTS, arm, pod, jobs), []);
  });

  it("that makes pods of a template is judged like Kubernetes' own, whatever its kind", () => {
    const others = kinds("Service", "WasmPlugin", "PeerAuthentication");
    const [pods = ""] = kinds("StatefulSet");
    for (const [apiVersion, kind] of [
      ["apps.kruise.io/v1beta1", "StatefulSet"],
      ["argoproj.io/v1alpha1", "Rollout"],
      ["apps.openshift.io/v1", "DeploymentConfig"],
    ] as const) {
      const made = pods.replace("apps/v1", apiVersion).replace("kind: StatefulSet", `kind: ${kind}`);
      assert.ok(made.includes(`apiVersion: ${apiVersion}\nkind: ${kind}\n`));
      assert.deepEqual(ids(...others, made), []);
      assert.deepEqual(ids(...others, made.replace("{ app: nats }", "{ app: nats, canary: true }")), ["field-type"]);
      const astray = ids(...others, made.replace("{ app: nats }", "{ app: natz }"));
      assert.ok(astray.includes("selector-matches-nothing"), kind);
    }
  });

  it("that makes jobs of a template is judged by the pods of these", () => {
    const of = (labels: object): string =>
      document("apps.kruise.io", "AdvancedCronJob", "j", "messaging", {
        jobTemplate: { spec: { template: { metadata: { labels }, spec: CONTAINERS } } },
      });
    assert.ok(!ids(of({ app: "nats" })).includes("field-type"));
    assert.ok(ids(of({ app: "nats", canary: true })).includes("field-type"));
  });
});

describe("an object of Kubernetes' own groups", () => {
  it("makes pods even where its version is wrong or its template has no containers", () => {
    const [pods = ""] = kinds("StatefulSet");
    const old = DOCUMENTS.map((text) => text.replace("apps/v1", "apps/v1beta2"));
    assert.deepEqual(ids(...old), ["kind-unknown"]);
    assert.ok(pods.includes("apps/v1"));
    const empty = document("apps", "Deployment", "d", "messaging", { template: LABELLED });
    assert.deepEqual(ids(...DOCUMENTS, empty), ["field-type", "service-selects-others"]);
  });
});

describe("a nats-server that does not wait for its sidecar", () => {
  it("is told to add to the annotation that it has, which a new one would replace", () => {
    const remedy = (annotations: object): string | undefined => {
      const template = {
        metadata: { labels: { app: "nats" }, annotations },
        spec: { containers: [{ name: "nats", image: "nats" }] },
      };
      const pods = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "nats" }, spec: { template } };
      return doctor(JSON.stringify(pods)).find(({ id }) => id === "proxy-not-held")?.remedy;
    };
    const key = "proxy.istio.io/config";
    assert.equal(remedy({}), `annotate the pods with ${key}: 'holdApplicationUntilProxyStarts: true'`);
    assert.equal(remedy({ [key]: "concurrency: 2\n" }), "add to the annotation: holdApplicationUntilProxyStarts: true");
    assert.equal(remedy({ [key]: "concurrency: 2\nholdApplicationUntilProxyStarts: true\n" }), undefined);
  });
});

describe("pods whose client port passes no sidecar", () => {
  /** The remedy, and what is found once it is followed. */
  function told(pod: object, mended: object, namespace?: object, mendedNamespace = namespace): [string, string[]] {
    const files = (template: object, labels: object | undefined): string[] => [
      document("apps", "StatefulSet", "nats", "messaging", { template }),
      ...(labels
        ? [JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "messaging", labels } })]
        : []),
    ];
    const found = (texts: string[]): { id: string; remedy: string }[] =>
      doctor(...texts).filter(({ id }) => id === "client-port-uncaptured");
    const [first] = found(files(pod, namespace));
    return [first?.remedy ?? "", found(files(mended, mendedNamespace)).map(({ id }) => id)];
  }
  const pod = (labels: object, annotations: object = {}, spec: object = {}): object => ({
    metadata: { labels: { app: "nats", ...labels }, annotations },
    spec: { containers: [{ name: "nats", image: "nats" }], ...spec },
  });
  const INJECT = "sidecar.istio.io/inject";
  const TRAFFIC = "traffic.sidecar.istio.io";

  it("are told what to change at this place, which mends it", () => {
    for (const [remedy, ...pods] of [
      [`write ${INJECT}: "true"`, pod({ [INJECT]: "false" }), pod({ [INJECT]: "true" })],
      ["remove hostNetwork", pod({}, {}, { hostNetwork: true }), pod({})],
      ["remove 4222 from the annotation", pod({}, { [`${TRAFFIC}/excludeInboundPorts`]: "4222" }), pod({})],
      [
        'add 4222 to the annotation, or write "*"',
        pod({}, { [`${TRAFFIC}/includeInboundPorts`]: "8222" }),
        pod({}, { [`${TRAFFIC}/includeInboundPorts`]: "8222,4222" }),
      ],
      ["remove eth0 from the annotation", pod({}, { [`${TRAFFIC}/excludeInterfaces`]: "eth0" }), pod({})],
      ["remove the annotation", pod({}, { "sidecar.istio.io/interceptionMode": "NONE" }), pod({})],
    ] as const)
      assert.deepEqual(told(...pods), [remedy, []]);
    const asked = pod({ [INJECT]: "true" });
    const enabled = { "istio-injection": "enabled" };
    assert.deepEqual(told(asked, asked, { "istio-injection": "disabled" }, enabled), [
      "write istio-injection: enabled; a label of the pods does not help against this one",
      [],
    ]);
    const ask = `label the pods ${INJECT}: "true", or the Namespace istio-injection: enabled`;
    assert.deepEqual(told(pod({}), asked, {}), [ask, []]);
    assert.deepEqual(told(pod({}), pod({}), {}, enabled), [ask, []]);
  });
});

describe("an annotation that Istio's injector cannot read", () => {
  function found(annotations: object, labels: object, spec: object, ports: object[] = []): ReturnType<typeof doctor> {
    const template = {
      metadata: { labels: { app: "nats", ...labels }, annotations },
      spec: { containers: [{ name: "nats", image: "nats", ports }], ...spec },
    };
    const pods = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "nats" }, spec: { template } };
    return doctor(JSON.stringify(pods));
  }

  /** What is found in pods with these annotations: ids, and remedies of this check. */
  function told(annotations: object, labels: object = {}, spec: object = {}): string[] {
    return found(annotations, labels, spec)
      .filter(({ id }) => /^(?:annotation-malformed|proxy-not-held|client-port-uncaptured)$/.test(id))
      .map(({ id, remedy }) => (id === "annotation-malformed" ? remedy : id));
  }
  const proxy = (text: string): object => ({ "proxy.istio.io/config": text });
  const HELD = "holdApplicationUntilProxyStarts: true\n";

  it("is told with what to write, and what it was to say is not missed", () => {
    const colon = "write KEY: VALUE, with a colon and a blank";
    const text = "correct the text: KEY: VALUE in each line, with equal indentation";
    for (const [config, remedy] of [
      ["holdApplicationUntilProxyStarts true", colon],
      ["holdApplicationUntilProxyStarts:true", colon],
      [`${HELD}terminationDrainDuration 45s`, text],
      [`\t${HELD}`, text],
      ['holdApplicationUntilProxyStarts: "yes"', "write holdApplicationUntilProxyStarts: true"],
      [`${HELD}terminationDrainDuration: 45`, "write terminationDrainDuration: 45s"],
      [`${HELD}terminationDrainDuration: 45 s`, "write terminationDrainDuration: 45s"],
      [`${HELD}extraStatTags: reporter,kind`, "write extraStatTags: [reporter, …]"],
      [`${HELD}extraStatTags: [{toString: 1}]`, "write extraStatTags: [reporter, …]"],
      [`${HELD}concurrency: two`, "write concurrency: 2"],
      [`${HELD}concurrency: [2]`, "write concurrency: 2"],
      [`${HELD}concurrency: 2147483648`, "write concurrency: 2"],
      [`${HELD}concurrency: {toString: 1}`, "write concurrency: 2"],
    ] as const)
      assert.deepEqual(told(proxy(config)), [remedy], config);
    const held = proxy(HELD);
    const ports = "traffic.sidecar.istio.io/excludeInboundPorts";
    for (const name of ["proxyCPU", "proxyMemory", "proxyCPULimit", "proxyMemoryLimit"])
      assert.deepEqual(told({ ...held, [`sidecar.istio.io/${name}`]: "256 MB" }), [
        "write a number with its unit, such as 512Mi or 500m",
      ]);
    assert.deepEqual(told({ ...held, [ports]: "9090 9091" }), ['write "9090,9091"']);
    assert.deepEqual(told({ ...held, [ports]: "metrics" }), ["write numbers of ports with commas between them"]);
    assert.deepEqual(told({ ...held, "sidecar.istio.io/interceptionMode": "none" }), [
      "write one of REDIRECT, TPROXY, NONE",
    ]);
  });

  it("is none where Istio reads it, or does not look", () => {
    const sound = [
      `${HELD}terminationDrainDuration: 1m30s\nconcurrency: 2.0\nextraStatTags: [reporter]\nhold: x`,
      `{"holdApplicationUntilProxyStarts": true, "terminationDrainDuration": null, "concurrency": "2"}`,
    ];
    for (const config of sound) assert.deepEqual(told(proxy(config)), [], config);
    for (const text of ["", " 9090 , 9091", "000009090", "${EXCLUDED}"])
      assert.deepEqual(told({ ...proxy(HELD), "traffic.sidecar.istio.io/excludeInboundPorts": text }), [], text);
    assert.deepEqual(told({ ...proxy(HELD), "traffic.sidecar.istio.io/includeInboundPorts": "*" }), []);
    for (const ports of ["${PORTS:=4222}", "8222,04222"])
      assert.deepEqual(told({ ...proxy(HELD), "traffic.sidecar.istio.io/includeInboundPorts": ports }), [], ports);
    assert.deepEqual(told(proxy(`${HELD}terminationDrainDuration: \${DRAIN}`)), []);
    assert.deepEqual(told(proxy("holdApplicationUntilProxyStarts: ${HOLD}")), []);
    assert.deepEqual(told(proxy(`---\n${HELD}---\n`)), []);
    assert.deepEqual(told(proxy("${CONFIG}")), []);
    assert.deepEqual(told(proxy("x"), { "sidecar.istio.io/inject": "false" }), ["client-port-uncaptured"]);
    assert.deepEqual(told(proxy("x"), { "istio.io/dataplane-mode": "ambient" }), []);
  });

  it("is not looked for in the host's network, whose pods Istio leaves alone", () => {
    assert.deepEqual(told(proxy("x"), {}, { hostNetwork: true }), ["client-port-uncaptured"]);
  });

  it("is not taken for one that leaves out a port", () => {
    const list = { "traffic.sidecar.istio.io/includeInboundPorts": "4222;6222" };
    const ports = [{ containerPort: 4222 }, { containerPort: 6222 }];
    const open = found({ ...proxy(HELD), ...list }, {}, {}, ports).filter(({ id }) => id === "broker-port-open");
    assert.match(open.map(({ message }) => message).join("; "), /^no AuthorizationPolicy restricts port 6222 [^;]*$/);
  });
});

describe("probes that Istio is told not to rewrite", () => {
  const probed = (probe: object, annotations: Record<string, string> = {}, authentication?: string): string[] => {
    const written = Object.entries({ "sidecar.istio.io/rewriteAppHTTPProbers": "false", ...annotations });
    const lines = written.map(([name, value]) => `        ${name}: ${JSON.stringify(value)}\n`).join("");
    return ids(
      ...DOCUMENTS.filter((text) => authentication === undefined || !text.includes("kind: PeerAuthentication\n")).map(
        (text) =>
          text
            .replace("      annotations:\n", `$&${lines}`)
            .replace("image: nats:2.15.2", `$&\n          livenessProbe: ${JSON.stringify(probe)}`),
      ),
      ...(authentication === undefined ? [] : [authentication]),
    ).filter((id) => id !== "broker-port-open");
  };
  const monitoring = { httpGet: { path: "/healthz", port: 8222 } };
  const authentication = (spec: object): string => peerAuthentication("messaging", { selector: NATS, ...spec });

  it("are refused where mTLS is STRICT, by whatever name the port goes", () => {
    for (const word of ["false", "False", "0"])
      assert.deepEqual(probed(monitoring, { "sidecar.istio.io/rewriteAppHTTPProbers": word }), ["probe-refused"], word);
    assert.deepEqual(probed({ httpGet: { port: "client" } }), ["probe-refused"]);
    assert.deepEqual(probed({ grpc: { port: 9000 } }), ["probe-refused"]);
  });

  it("are answered where the proxy takes plaintext, does not have the port, or is not asked", () => {
    assert.deepEqual(probed(monitoring, { "sidecar.istio.io/rewriteAppHTTPProbers": "true" }), []);
    assert.deepEqual(probed(monitoring, { "traffic.sidecar.istio.io/excludeInboundPorts": "8222" }), []);
    for (const probe of [
      { tcpSocket: { port: 8222 } },
      { exec: { command: ["true"] } },
      { httpGet: { port: "other" } },
    ])
      assert.deepEqual(probed(probe), [], JSON.stringify(probe));
    const open = { mtls: { mode: "STRICT" }, portLevelMtls: { 8222: { mode: "PERMISSIVE" } } };
    assert.deepEqual(probed(monitoring, {}, authentication(open)), []);
    assert.deepEqual(probed(monitoring, {}, authentication({ mtls: { mode: "STRICT" } })), ["probe-refused"]);
  });
});

describe("a pod of a cluster, into which Istio has injected its proxy", () => {
  const idsOf = (place: "containers" | "initContainers", more: object): string[] => {
    const proxy = {
      name: "istio-proxy",
      readinessProbe: { httpGet: { port: 15021, path: "/healthz/ready" } },
      ...more,
    };
    const spec = { ...CONTAINERS, initContainers: [] as object[] };
    const annotations = { "sidecar.istio.io/rewriteAppHTTPProbers": "false" };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "nats-0", namespace: "messaging", labels: NATS.matchLabels, annotations },
      spec: { ...spec, [place]: [...spec[place], proxy] },
    };
    return ids(peerAuthentication("messaging", { mtls: { mode: "STRICT" } }), JSON.stringify(pod));
  };

  it("has probes of the proxy's own, which nobody refuses", () => {
    assert.ok(!idsOf("containers", {}).includes("probe-refused"));
  });

  it("waits for a proxy that is there as a native sidecar, and for no other", () => {
    assert.ok(!idsOf("initContainers", { restartPolicy: "Always" }).includes("proxy-not-held"));
    assert.ok(idsOf("containers", {}).includes("proxy-not-held"));
  });
});

describe("the lame duck mode of a nats-server", () => {
  const LDM = ["nats-server", "-sl=ldm=/var/run/nats/nats.pid"];

  /** The messages about it for pods with these settings. */
  function cutOff(settings: {
    conf?: string;
    proxy?: string;
    annotations?: object;
    grace?: number;
    command?: string[];
    others?: string[];
  }): string[] {
    const {
      others = [],
      conf,
      proxy = "terminationDrainDuration: 45s",
      annotations,
      grace = 60,
      command = LDM,
    } = settings;
    const lifecycle = { preStop: { exec: { command } } };
    const template = {
      metadata: { labels: { app: "nats" }, annotations: { "proxy.istio.io/config": proxy, ...annotations } },
      spec: {
        terminationGracePeriodSeconds: grace,
        containers: [{ name: "nats", image: "nats", lifecycle }],
        volumes: [{ name: "config", configMap: { name: "nats-config" } }],
      },
    };
    const pods = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "nats" }, spec: { template } };
    const data = { "nats.conf": conf };
    const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "nats-config" }, data };
    const texts = [pods, ...(conf === undefined ? [] : [config])].map((object) => JSON.stringify(object));
    return doctor(...texts, ...others).flatMap(({ id, message }) => (id === "lame-duck-cut-off" ? [message] : []));
  }

  const PROXY_FIRST = /takes (?:at least )?\d+ s, but the proxy ends after \d+ s/;
  const KILLED = /, but Kubernetes ends the pod after \d+ s/;

  it("has no further finding once both remedies are followed", () => {
    const first = cutOff({ proxy: "concurrency: 2", grace: 30 });
    assert.match(
      first.join("\n"),
      /ends after 5 s[^]*the proxy is to go on for 45 s .*, but Kubernetes ends the pod after 30 s/,
    );
    assert.deepEqual(cutOff({ proxy: "terminationDrainDuration: 45s", grace: 60 }), []);
  });

  it("is the shortest of the three parts of a pod's end, where nothing is to be cut off", () => {
    assert.deepEqual(cutOff({ conf: "lame_duck_duration: 30s" }), []);
    assert.match(cutOff({ conf: "lame_duck_duration: 45s" }).join(), PROXY_FIRST);
    const [first = "", second = ""] = cutOff({ conf: "lame_duck_duration: 60" });
    assert.match(first, PROXY_FIRST);
    assert.match(second, KILLED);
    assert.match(
      cutOff({ conf: "lame_duck_duration: 30s", grace: 45 }).join(),
      /the proxy goes on for 45 s .*, but Kub/,
    );
  });

  it("takes two minutes where nats.conf says nothing, and half a minute at least where that is not among the files", () => {
    assert.equal(cutOff({ conf: "port: 4222" }).length, 2);
    assert.deepEqual(cutOff({ conf: "include other.conf" }), []);
    assert.deepEqual(cutOff({}), []);
    assert.match(cutOff({ proxy: "concurrency: 2" }).join(), /takes at least 30 s, but the proxy ends after 5 s/);
  });

  it("is not cut off by a proxy that ends last, but may be by Kubernetes", () => {
    const native = { "sidecar.istio.io/nativeSidecar": "true" };
    const waits = "proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true'}";
    const ends = { environmentVariables: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true" } };
    const ofMesh = proxyConfig({ namespace: "istio-system" }, ends);
    const selecting = proxyConfig({ namespace: "default" }, { ...ends, selector: NATS });
    // What it says counts more than the annotation.
    const not = "proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'false'}";
    assert.deepEqual(cutOff({ proxy: not, others: [selecting] }), []);
    assert.match(cutOff({ proxy: not, others: [ofMesh] }).join(), PROXY_FIRST);
    for (const last of [{ annotations: native, proxy: "" }, { proxy: waits }, { proxy: "", others: [ofMesh] }]) {
      assert.deepEqual(cutOff(last), []);
      assert.match(cutOff({ ...last, grace: 30 }).join(), KILLED);
    }
  });

  it("is not looked for in pods that do not begin it when they end", () => {
    assert.deepEqual(cutOff({ command: ["sleep", "5"], grace: 10 }), []);
  });
});

describe("pods that do not name all labels of the stats", () => {
  it("are told to add to the annotation that they have, which a new one would replace", () => {
    const remedy = (annotation: string): string | undefined =>
      doctor(DOCUMENTS.map((text) => text.replace(/(extraStatTags: ).*/, `$1${annotation}`)).join("---\n")).find(
        ({ id }) => id === "stats-tags-missing",
      )?.remedy;
    const [first = "", second = "", ...rest] = STATS_TAGS;
    assert.equal(remedy(["team", ...rest].join()), `add to the annotation: ${first},${second}`);
    assert.equal(remedy(["team", ...rest, first, second].join()), undefined);
  });
});
