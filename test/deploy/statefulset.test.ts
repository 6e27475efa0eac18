import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import { binaries } from "../../tools/binaries.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { waitFor } from "../stand/wait.ts";
import { manifestsOf, only, type Manifest } from "./manifests.ts";

interface Container {
  name: string;
  image: string;
  env: { valueFrom: { fieldRef: object } }[];
  lifecycle: { preStop: { exec: { command: string[] } } };
  ports: { name: string; containerPort: number }[];
  volumeMounts: { name: string; mountPath: string }[];
}

interface StatefulSetSpec {
  serviceName: string;
  replicas: number;
  volumeClaimTemplates: { apiVersion?: string; kind?: string; spec: { volumeMode?: string }; status?: object }[];
  template: {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> };
    spec: {
      serviceAccountName: string;
      terminationGracePeriodSeconds: number;
      containers: Container[];
      volumes: { name: string; configMap?: { name: string } }[];
    };
  };
}

interface ProxyConfig {
  holdApplicationUntilProxyStarts: boolean;
  terminationDrainDuration: string;
  extraStatTags: string[];
}

function seconds(duration: string | undefined): number {
  const number = /^(\d+)s$/.exec(duration ?? "")?.[1];
  assert.ok(number, `${duration ?? "nothing"} is not a number of seconds`);
  return Number(number);
}

describe("the three nodes of deploy/nats", () => {
  let manifests: Manifest[];
  let set: StatefulSetSpec;
  let proxy: ProxyConfig;
  let conf: string;

  before(async () => {
    manifests = await manifestsOf("nats");
    set = only(manifests, "StatefulSet").spec as unknown as StatefulSetSpec;
    proxy = parse(set.template.metadata.annotations["proxy.istio.io/config"] ?? "") as ProxyConfig;
    conf = (only(manifests, "ConfigMap") as unknown as { data: Record<string, string> }).data["nats.conf"] ?? "";
  });

  function setting(name: string): string | undefined {
    return new RegExp(`^ *${name}: "?([^"\n]+)"?$`, "m").exec(conf)?.[1];
  }

  it("have a configuration that nats-server accepts", async () => {
    const { natsServer } = await binaries();
    const folder = makeScratch();
    const check = (config: string): string => {
      const file = join(folder, "nats.conf");
      writeFileSync(file, config);
      const { status, stderr } = spawnSync(natsServer, ["-t", "--config", file], { env: { POD_NAME: "nats-0" } });
      return status === 0 ? "taken" : stderr.toString();
    };
    try {
      assert.equal(check(conf), "taken");
      assert.match(check(conf.replace("lame_duck_duration", "lame_duck_time")), /unknown field "lame_duck_time"/);
    } finally {
      removeScratch(folder);
    }
  });

  it("take no subscription of so many tokens that it costs them much time and memory", async () => {
    const folder = makeScratch();
    const server = await NatsServer.start(folder, { config: `max_sub_tokens: ${setting("max_sub_tokens") ?? ""}` });
    try {
      const client = await RawClient.connect(server.port);
      await client.handshake();
      const most = "_INBOX.a.*.*.*.*.*.*.*.*.*.*";
      await client.send(`SUB ${most} 1\r\nSUB ${most}.* 2\r\n`);
      const refused = `-ERR 'Permissions Violation for Subscription to "${most}.*", too many tokens'`;
      const answers = await client.flush();
      assert.deepEqual(
        answers.map(({ line }) => line),
        [refused],
      );
      client.close();
    } finally {
      await server.stop();
      removeScratch(folder);
    }
  });

  it("find each other through the headless Service, each by its name", () => {
    const headless = only(manifests, "Service", set.serviceName);
    const { clusterIP, publishNotReadyAddresses } = headless.spec;
    assert.deepEqual([clusterIP, publishNotReadyAddresses], ["None", true]);
    const routes = [...conf.matchAll(/"nats:\/\/([^"]+)"/g)].map(([, address]) => address);
    const suffix = `${headless.metadata.name}.${headless.metadata.namespace!}.svc.cluster.local:6222`;
    assert.deepEqual(
      routes,
      Array.from({ length: set.replicas }, (_, i) => `nats-${i}.${suffix}`),
    );
  });

  it("have the identity that the policies for the other ports call the broker", () => {
    const account = only(manifests, "ServiceAccount");
    assert.equal(set.template.spec.serviceAccountName, account.metadata.name);
    const broker = `cluster.local/ns/${account.metadata.namespace!}/sa/${account.metadata.name}`;
    const { rules } = only(manifests, "AuthorizationPolicy").spec as {
      rules: { from: { source: { notPrincipals: string[] } }[] }[];
    };
    for (const { from } of rules) assert.ok(from[0]!.source.notPrincipals.includes(broker));
  });

  it("leave all TLS to the mesh", () => {
    assert.doesNotMatch(conf.replace(/#.*/g, ""), /tls/);
  });

  it("start after their proxy, and end before it: lame duck, then the proxy, then Kubernetes", () => {
    assert.equal(proxy.holdApplicationUntilProxyStarts, true);
    const grace = seconds(setting("lame_duck_grace_period"));
    const lameDuck = seconds(setting("lame_duck_duration"));
    const drain = seconds(proxy.terminationDrainDuration);
    // The grace period is part of the duration. Before both, nats-server gives JetStream's leaders a second to move.
    assert.ok(grace < lameDuck);
    assert.ok(lameDuck + 1 < drain, `${lameDuck} s of lame duck, ${drain} s of the proxy`);
    assert.ok(drain < set.template.spec.terminationGracePeriodSeconds);
  });

  it("enter lame duck mode by the process id that the configuration writes", () => {
    const container = set.template.spec.containers[0]!;
    const file = setting("pid_file")!;
    assert.deepEqual(container.lifecycle.preStop.exec.command, ["nats-server", `-sl=ldm=${file}`]);
    assert.ok(container.volumeMounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`)));
  });

  it("leave no default to Kubernetes where one manager owns a field whole", () => {
    // With these kube-apiserver 1.36.1 lets a second manager apply the same server-side, and without them it refuses that.
    const [claim] = set.volumeClaimTemplates;
    assert.deepEqual(
      [claim?.apiVersion, claim?.kind, claim?.spec.volumeMode, claim?.status],
      ["v1", "PersistentVolumeClaim", "Filesystem", { phase: "Pending" }],
    );
    const fields = set.template.spec.containers[0]!.env.map(({ valueFrom }) => valueFrom.fieldRef);
    assert.deepEqual(fields, [{ apiVersion: "v1", fieldPath: "metadata.name" }]);
  });

  it("run the nats-server that all tests run", async () => {
    const { natsServer } = await binaries();
    const version = /v(\d\S*)/.exec(spawnSync(natsServer, ["--version"]).stdout.toString())?.[1];
    assert.equal(set.template.spec.containers[0]!.image, `nats:${version!}-alpine`);
  });

  it("mount the configuration of that content", () => {
    const [config] = set.template.spec.volumes.flatMap(({ configMap }) => (configMap ? [configMap.name] : []));
    assert.match(config!, /^nats-config-[a-z0-9]{10}$/);
    assert.equal(only(manifests, "ConfigMap").metadata.name, config);
  });

  it("make a Prometheus label of everything that a stat's name carries", () => {
    assert.deepEqual(
      proxy.extraStatTags,
      [...STATS_TAGS],
      `write in deploy/nats/statefulset.yaml: extraStatTags: [${STATS_TAGS.join(", ")}]`,
    );
  });
});

describe("nats-server in lame duck mode", () => {
  it("stays with its clients even though Kubernetes sends SIGTERM then", async () => {
    const { natsServer } = await binaries();
    const folder = makeScratch();
    const pidFile = join(folder, "nats.pid");
    const server = await NatsServer.start(folder, { config: `pid_file: "${pidFile}"`, trace: true });
    const logs = (text: string): Promise<boolean> =>
      waitFor(`${text} in the log`, () => server.log().includes(text), { explain: () => server.log() });
    try {
      const client = await RawClient.connect(server.port);
      await client.handshake();
      const signal = spawnSync(natsServer, [`-sl=ldm=${pidFile}`]);
      assert.equal(signal.status, 0, signal.stderr.toString());
      // nats-server enters lame duck mode some moments after it has taken the signal, and does end by a SIGTERM before that.
      await logs("Entering lame duck mode");
      process.kill(server.pid, "SIGTERM");
      await logs('Trapped "terminated" signal');
      await client.expect("INFO", /"ldm":true/);
      assert.deepEqual(await client.flush(), []);
    } finally {
      await server.stop("SIGKILL");
      removeScratch(folder);
    }
  });
});
