import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { quantityOf } from "../../cli/manifests/quantity.ts";
import { ALL_TAGS, document, kinds, proxyConfig } from "./sound-mesh.ts";
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
      ["-1Gi", -1024 * MIB],
      ["2.", 2],
      ["1048576k", 1048576e3],
    ];
    for (const [text, number] of read) assert.equal(quantityOf(text), number, text);
    for (const text of ["", "Gi", "1 Gi", "1GB", "1gi", "1Gi\n", "${MEMORY}", "1e", "1_000"])
      assert.equal(quantityOf(text), undefined, text);
  });
});

describe("the memory of nats-server's proxy", () => {
  const RESOURCES = "sidecar.istio.io/proxy";

  interface Pods {
    annotations?: object;
    config?: string;
    labels?: object;
    containers?: object[];
  }

  function statefulSet({ annotations, config = "", labels, containers = [] }: Pods): string {
    const settings = `holdApplicationUntilProxyStarts: true\n${config}`;
    const metadata = {
      labels: { app: "nats", ...labels },
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

  /** A pod that a cluster has made of it, whose proxy has these resources. */
  function podWith(resources: object, { name = "nats-0", annotations = {} } = {}): string {
    const template = (JSON.parse(statefulSet({ annotations })) as { spec: { template: { metadata: object } } }).spec
      .template;
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "nats", controller: true };
    const own = { namespace: "messaging", name, uid: name, ownerReferences: [owner] };
    const nats = { name: "nats", image: "nats:2.15.2", ports: [{ name: "client", containerPort: 4222 }] };
    const containers = [nats, { name: "istio-proxy", image: "proxyv2", resources }];
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...template.metadata, ...own },
      spec: { containers },
    });
  }

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

  const workers = (namespace: string, spec: object, name = "workers"): string => proxyConfig({ name, namespace }, spec);
  const operatorWith = (resources: unknown): string =>
    document("install.istio.io", "IstioOperator", "istio", "istio-system", {
      values: { global: { proxy: { resources } } },
    });
  const operator = (limits: object): string => operatorWith({ limits });
  const injector = (limits: object, revision = "-canary"): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `istio-sidecar-injector${revision}`, namespace: "istio-system" },
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
    // No node has so many.
    assert.match(told({ annotations: limited("32Gi") }).join(), /have room for 127: /);
    for (const memory of ["33Gi", "64Gi", "1Ei"]) assert.deepEqual(told({ annotations: limited(memory) }), []);
    // A limit that is not there kills nobody.
    assert.deepEqual(told({ annotations: limited(undefined, "64") }), []);
    assert.deepEqual(told({ annotations: { [`${RESOURCES}CPU`]: "1" } }), []);
    // And 0 is none.
    assert.deepEqual(told({ annotations: limited("0", "2") }), []);
    assert.match(told({ annotations: limited("1Gi", "0") }).join(), /as many workers as its node has CPUs/);
    assert.match(told({ annotations: limited("1Gi", "2"), config: "concurrency: -1" }).join(), /as its node has CPUs/);
  });

  it("is judged by the workers that Istio's ProxyConfigs give it, the nearest of which counts", () => {
    const six = workers("istio-system", { concurrency: 6 });
    assert.match(told({}, [six]).join(), /with 6 workers/);
    assert.deepEqual(told({}, [workers("shop", { concurrency: 6 })]), []);
    assert.deepEqual(told({}, [six, workers("messaging", { concurrency: 2 })]), []);
    const selecting = (app: string): string =>
      workers("messaging", { concurrency: 0, selector: { matchLabels: { app } } }, app);
    assert.match(told({}, [six, selecting("nats")]).join(), /as many workers as its node has CPUs/);
    assert.match(told({}, [six, selecting("orders")]).join(), /with 6 workers/);
    const elsewhere = workers("shop", { concurrency: 0, selector: { matchLabels: { app: "nats" } } });
    assert.match(told({}, [six, elsewhere]).join(), /with 6 workers/);
    assert.deepEqual(told({ config: 'concurrency: "2"' }, [six, selecting("nats")]), []);
    // One that selects nothing counts for nobody.
    for (const selector of [{}, { matchLabels: {} }])
      assert.match(told({}, [six, workers("messaging", { concurrency: 2, selector })]).join(), /with 6 workers/);
    const at = (creationTimestamp: string, concurrency: number): string =>
      proxyConfig({ name: `workers-${concurrency}`, namespace: "messaging", creationTimestamp }, { concurrency });
    const [older, newer] = [at("2026-01-02T00:00:00Z", 2), at("2026-03-01T00:00:00Z", 6)];
    assert.deepEqual(told({}, [newer, older]), []);
  });

  it("is judged by what the mesh gives all proxies", () => {
    assert.match(told({}, [operator({ cpu: "4" })]).join(), /may take 1088 MiB with 4 workers/);
    assert.deepEqual(told({}, [operator({ cpu: 4, memory: "1088Mi" })]), []);
    assert.match(told({}, [operator({ cpu: null })]).join(), /as many workers as its node has CPUs/);
    assert.deepEqual(told({}, [operator({ memory: null })]), []);
    for (const resources of [null, { limits: null }])
      assert.deepEqual(told({}, [operatorWith(resources)], 320 * MIB), []);
    assert.match(told({}, [operatorWith({ limits: {} })], 320 * MIB).join(), /with 2 workers/);
    // Who has four CPUs and is told to have two workers keeps them.
    const two = told({ config: "concurrency: 2" }, [operator({ cpu: 4 })], 320 * MIB).join();
    assert.match(two, /may take 1152 MiB with 2 workers.*proxyMemoryLimit: 1152Mi and \S+proxyCPULimit: "4"/);
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

  it("is judged by the injector of the pods' revision", () => {
    const canary = { labels: { "istio.io/rev": "canary" } };
    const [small, large] = [
      { cpu: "2", memory: "256Mi" },
      { cpu: "2", memory: "1Gi" },
    ];
    assert.deepEqual(told(canary, [injector(small, ""), injector(large)]), []);
    assert.match(told(canary, [injector(large, ""), injector(small)]).join(), /kills it beyond 256/);
    assert.match(told({}, [injector(large), injector(small, "")]).join(), /kills it beyond 256/);
    const stable = { labels: { "istio.io/rev": "stable" } };
    assert.deepEqual(told(stable, [injector(large), injector(small, "")]), []);
    assert.match(told(stable, [injector(small), injector(small, "")]).join(), /kills it beyond 256/);
    assert.deepEqual(told(stable, [injector(small), injector({ ...small, cpu: "4" }, "")]), []);
  });

  it("is judged by the proxy's own container where the pods' template has one", () => {
    const own = (limits: object): object[] => [{ name: "istio-proxy", image: "auto", resources: { limits } }];
    const [text = ""] = told({ containers: own({ memory: "512Mi" }) });
    assert.match(text, /with 2 workers, and Kubernetes kills it beyond 512: write 576Mi, or /);
    assert.match(told({ annotations: limited("1Gi"), containers: own({ cpu: 4 }) }).join(), /with 4 workers/);
  });

  it("is that of the pods that a cluster has made, whatever would be given to new ones", () => {
    const limits = { cpu: "2", memory: "256Mi" };
    assert.match(
      told({}, [podWith({ limits })]).join(),
      /the proxy of StatefulSet messaging\/nats with a pod .*beyond 256/,
    );
    assert.deepEqual(told({}, [podWith({ limits: { ...limits, memory: "1Gi" } }), injector(limits)]), []);
    assert.deepEqual(told({}, [podWith({}), injector(limits)]), []);
    assert.match(
      told({}, [podWith({ limits: { ...limits, memory: "1Gi" } }), podWith({ limits }, { name: "nats-1" })]).join(),
      /beyond 256/,
    );
  });

  it("is that of pods to be made anew where only those that are there have too little", () => {
    const limits = { cpu: "2", memory: "256Mi" };
    const enough = limited("1Gi", "2");
    const anew = /kills it beyond 256: kubectl -n messaging rollout restart statefulset nats: new pods have room$/;
    assert.match(told({ annotations: enough }, [podWith({ limits }, { annotations: enough })]).join(), anew);
    const mesh = injector({ cpu: "2", memory: "1Gi" }, "");
    assert.match(told({}, [podWith({ limits }), mesh]).join(), anew);
    const unfilled = limited("${MEMORY}", "2");
    assert.match(
      told({ annotations: unfilled }, [podWith({ limits }, { annotations: unfilled })]).join(),
      /kills it beyond 256: fill in .*; otherwise write /,
    );
    // What is given to new ones is not known.
    assert.match(
      told({}, [podWith({ limits })]).join(),
      /kills it beyond 256: write sidecar\.istio\.io\/proxyMemoryLimit: 576Mi and /,
    );
    assert.match(
      told({}, [podWith({ limits }), injector(limits, "")]).join(),
      /: write sidecar\.istio\.io\/proxyMemoryLimit: 576Mi and /,
    );
  });

  it("is not judged where something has still to say how much it is", () => {
    for (const annotations of [limited("${MEMORY}", "2"), limited("256Mi", "${CPUS}")])
      assert.deepEqual(told({ annotations }), []);
    assert.deepEqual(told({ annotations: limited("512Mi"), config: "concurrency: ${WORKERS}" }), []);
    const objects = [...kinds("Service", "PeerAuthentication"), statefulSet({ annotations: limited("512Mi", "2") })];
    for (const limits of ["{ memory: '${MEMORY}' }", "'${LIMITS}'"]) {
      const [plugin = ""] = kinds("WasmPlugin");
      const found = doctor(
        [...objects, plugin.replace("    rules:", `    limits: ${limits}\n    rules:`)].join("\n---\n"),
      );
      assert.ok(!found.some(({ id }) => id === "proxy-memory-short"), limits);
    }
  });
});
