import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { quantityOf } from "../../cli/manifests/quantity.ts";
import { ALL_TAGS, document, kinds } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

const MIB = 1024 ** 2;

describe("a quantity", () => {
  it("is read as Kubernetes reads it", () => {
    const read: [string, number][] = [
      ["1Gi", 1024 * MIB],
      ["1024Mi", 1024 * MIB],
      ["1G", 1e9],
      ["0.5Gi", 512 * MIB],
      ["1e9", 1e9],
      ["1E", 1e18],
      ["500m", 0.5],
      ["2000m", 2],
      [".5", 0.5],
      ["+2", 2],
      ["2.", 2],
      ["1048576k", 1048576e3],
    ];
    for (const [text, number] of read) assert.equal(quantityOf(text), number, text);
    for (const text of ["", "Gi", "1 Gi", "1GB", "1gi", "-1Gi", "1Gi\n", "${MEMORY}", "1e", "1_000"])
      assert.equal(quantityOf(text), undefined, text);
  });
});

describe("the memory of nats-server's proxy", () => {
  const RESOURCES = "sidecar.istio.io/proxy";

  interface Pods {
    annotations?: object;
    config?: string;
    containers?: object[];
  }

  function statefulSet({ annotations, config = "", containers = [] }: Pods): string {
    const settings = `holdApplicationUntilProxyStarts: true\n${config}`;
    const metadata = {
      labels: { app: "nats" },
      annotations: { "proxy.istio.io/config": settings, ...ALL_TAGS, ...annotations },
    };
    const nats = { name: "nats", image: "nats:2.15.2", ports: [{ name: "client", containerPort: 4222 }] };
    const template = { metadata, spec: { containers: [nats, ...containers] } };
    return document("apps", "StatefulSet", "nats", "messaging", { template });
  }

  const limited = (memory?: string, cpus?: string): object => ({
    ...(memory === undefined ? {} : { [`${RESOURCES}MemoryLimit`]: memory }),
    ...(cpus === undefined ? {} : { [`${RESOURCES}CPULimit`]: cpus }),
  });

  /** What is found of it in a sound mesh with these pods, some other objects, and this `limits.memory`. */
  function told(pods: Pods, others: readonly string[] = [], memory?: number): string[] {
    const plugin = kinds("WasmPlugin").map((text) =>
      memory === undefined ? text : text.replace("    rules:", `    limits: { memory: ${memory} }\n    rules:`),
    );
    const objects = [...kinds("Service", "PeerAuthentication"), ...plugin, statefulSet(pods), ...others];
    const found = doctor(objects.join("\n---\n"));
    const unexpected = found.filter(({ id }) => id !== "proxy-memory-short");
    assert.deepEqual(
      unexpected.map(({ id, message }) => `${id}: ${message}`),
      [],
    );
    return found.map(({ message, remedy }) => `${message}: ${remedy}`);
  }

  const proxyConfig = (namespace: string, spec: object, name = "workers"): string =>
    JSON.stringify({
      apiVersion: "networking.istio.io/v1beta1",
      kind: "ProxyConfig",
      metadata: { name, namespace },
      spec,
    });
  const operator = (limits: object): string =>
    document("install.istio.io", "IstioOperator", "istio", "istio-system", {
      values: { global: { proxy: { resources: { limits } } } },
    });
  const injector = (limits: object): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "istio-sidecar-injector-canary", namespace: "istio-system" },
      data: { config: "policy: enabled", values: JSON.stringify({ global: { proxy: { resources: { limits } } } }) },
    });

  it("has room in what Istio gives it, until the policy lets each worker have more", () => {
    assert.deepEqual(told({}), []);
    // (1024 - 64) / 2 - 64 = 416 MiB, of which two thirds.
    assert.deepEqual(told({}, [], Math.floor((416 / 1.5) * MIB)), []);
    const [text = ""] = told({}, [], 320 * MIB);
    assert.match(text, /may take 1152 MiB with 2 workers, and Kubernetes kills it beyond 1024: /);
    assert.match(text, /write sidecar\.istio\.io\/proxyMemoryLimit: 1152Mi and sidecar\.istio\.io\/proxyCPULimit: "2"/);
    assert.match(text, new RegExp(`, or limits\\.memory: ${277 * MIB} in the policy$`));
    assert.deepEqual(told({}, [], 277 * MIB), []);
    assert.deepEqual(told({ annotations: limited("1152Mi", "2") }, [], 320 * MIB), []);
  });

  it("is bounded for each worker, however much the policy allows", () => {
    assert.match(told({}, [], 512 * MIB).join(), /may take 1536 MiB with 2 workers/);
    assert.deepEqual(told({ annotations: limited("1536Mi", "2") }, [], 512 * MIB), []);
  });

  it("is too little for the workers that a CPU limit gives it, each part of a CPU being one more", () => {
    assert.deepEqual(told({ annotations: limited("1Gi", "3") }), []);
    assert.match(told({ annotations: limited("1Gi", "3001m") }).join(), /may take 1088 MiB with 4 workers/);
    assert.match(told({ annotations: limited("256Mi", "100m") }).join(), /may take 320 MiB with 1 worker, and/);
    // With one of the annotations no other is advised.
    const [text = ""] = told({ annotations: limited("512Mi", "2") });
    assert.match(text, /: write sidecar\.istio\.io\/proxyMemoryLimit: 576Mi, or limits\.memory: \d+ in the policy$/);
    // Less than the filter accepts is no remedy.
    assert.match(told({ annotations: limited("128Mi", "2") }).join(), /proxyMemoryLimit: 576Mi$/);
  });

  it("is too little on some nodes where one annotation takes away the CPU limit that Istio gives", () => {
    const [text = ""] = told({ annotations: limited("2Gi") });
    assert.match(text, /has as many workers as its node has CPUs, and its 2048 MiB have room for 7: /);
    assert.match(text, /: write under proxy\.istio\.io\/config: concurrency: 7, or less$/);
    assert.deepEqual(told({ annotations: limited("2Gi"), config: "concurrency: 7" }), []);
    assert.match(told({ annotations: limited("2Gi"), config: "concurrency: 8" }).join(), /with 8 workers/);
    assert.match(told({ annotations: limited("100Mi") }).join(), /have room for 0: annotate the pods with /);
    // A limit that is not there kills nobody.
    assert.deepEqual(told({ annotations: limited(undefined, "64") }), []);
    assert.deepEqual(told({ annotations: { [`${RESOURCES}CPU`]: "1" } }), []);
  });

  it("is judged by the workers that Istio's ProxyConfigs give it, the nearest of which counts", () => {
    const six = proxyConfig("istio-system", { concurrency: 6 });
    assert.match(told({}, [six]).join(), /with 6 workers/);
    assert.deepEqual(told({}, [proxyConfig("shop", { concurrency: 6 })]), []);
    assert.deepEqual(told({}, [six, proxyConfig("messaging", { concurrency: 2 })]), []);
    const selecting = (app: string): string =>
      proxyConfig("messaging", { concurrency: 0, selector: { matchLabels: { app } } }, app);
    assert.match(told({}, [six, selecting("nats")]).join(), /as many workers as its node has CPUs/);
    assert.match(told({}, [six, selecting("orders")]).join(), /with 6 workers/);
    assert.deepEqual(told({ config: 'concurrency: "2"' }, [six, selecting("nats")]), []);
  });

  it("is judged by what the mesh gives all proxies", () => {
    assert.match(told({}, [operator({ cpu: "4" })]).join(), /may take 1088 MiB with 4 workers/);
    assert.deepEqual(told({}, [operator({ cpu: 4, memory: "1088Mi" })]), []);
    assert.match(told({}, [operator({ cpu: null })]).join(), /as many workers as its node has CPUs/);
    assert.deepEqual(told({}, [operator({ memory: null })]), []);
    assert.match(told({}, [injector({ cpu: "2", memory: "256Mi" })]).join(), /kills it beyond 256/);
    assert.deepEqual(told({}, [injector({})]), []);
    assert.deepEqual(
      told(
        {},
        [injector({ cpu: "2", memory: "256Mi" })].map((text) => text.replace("istio-sidecar-injector", "other")),
      ),
      [],
    );
  });

  it("is judged by the proxy's own container where the pods' template has one", () => {
    const own = (limits: object): object[] => [{ name: "istio-proxy", image: "auto", resources: { limits } }];
    const [text = ""] = told({ containers: own({ memory: "512Mi" }) });
    assert.match(text, /with 2 workers, and Kubernetes kills it beyond 512: write 576Mi, or /);
    assert.match(told({ annotations: limited("1Gi"), containers: own({ cpu: 4 }) }).join(), /with 4 workers/);
  });

  it("is that of the pods that a cluster has made, whatever would be given to new ones", () => {
    const limits = { cpu: "2", memory: "256Mi" };
    const pod = (resources: object, name = "nats-0"): string => {
      const { spec } = JSON.parse(statefulSet({})) as { spec: { template: { metadata: object; spec: object } } };
      const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "nats", controller: true };
      const containers = [
        { name: "nats", image: "nats:2.15.2", ports: [{ name: "client", containerPort: 4222 }] },
        { name: "istio-proxy", image: "proxyv2", resources },
      ];
      const metadata = { ...spec.template.metadata, namespace: "messaging", name, uid: name, ownerReferences: [owner] };
      return JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec: { ...spec.template.spec, containers } });
    };
    assert.match(
      told({}, [pod({ limits })]).join(),
      /the proxy of StatefulSet messaging\/nats with a pod .*beyond 256/,
    );
    assert.deepEqual(told({}, [pod({ limits: { ...limits, memory: "1Gi" } }), injector(limits)]), []);
    assert.deepEqual(told({}, [pod({}), injector(limits)]), []);
    assert.match(
      told({}, [pod({ limits: { ...limits, memory: "1Gi" } }), pod({ limits }, "nats-1")]).join(),
      /beyond 256/,
    );
  });

  it("is not judged where something has still to say how much it is", () => {
    for (const annotations of [limited("${MEMORY}", "2"), limited("256Mi", "${CPUS}"), limited("256 MB", "2")])
      assert.deepEqual(told({ annotations }), []);
    assert.deepEqual(told({ annotations: limited("512Mi"), config: "concurrency: ${WORKERS}" }), []);
  });
});
