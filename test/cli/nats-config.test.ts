import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import {
  authorization,
  client,
  document,
  DOCUMENTS,
  ids,
  kinds,
  LEAF_NODE,
  NATS,
  peerAuthentication,
} from "./sound-mesh.ts";
import { doctor } from "./support.ts";

interface PolicySchema {
  definitions: { limits: { properties: { controlLine: { default: number } } } };
}

function withConf(conf: string): string[] {
  const pods = DOCUMENTS.map((text) =>
    text.replace(
      "    spec:\n      containers",
      "    spec:\n      volumes: [{ configMap: { name: nats } }]\n      containers",
    ),
  );
  const metadata = { name: "nats", namespace: "messaging" };
  return [...pods, JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "nats.conf": conf } })];
}

/** The same with 4223 for the client port wherever another object names it. */
function moved(conf = "port: 4223\n"): string[] {
  return withConf(conf).map((text) => (text.includes("ConfigMap") ? text : text.replaceAll("4222", "4223")));
}

describe("what nats-server's pods do not declare", () => {
  function run(args: string, ...before: string[]): string[] {
    const started = [...before, `args: ${args}`].map((line) => `\n          ${line}`).join("");
    return ids(...DOCUMENTS.map((text) => text.replace("image: nats:2.15.2", `$&${started}`)));
  }

  it("is open all the same if the command line opens it", () => {
    for (const words of [
      '["-js", "-m", "8222"]',
      '["--http_port=9222"]',
      '["-ms", "8443"]',
      '["--profile=6060"]',
      '["--cluster", "nats://0.0.0.0:6222"]',
      '["-cluster_listen=nats://user:word@0.0.0.0:16222"]',
    ])
      assert.deepEqual(run(words), ["broker-port-open"], words);
    assert.deepEqual(run('["exec nats-server -js -m 8222"]', 'command: ["sh", "-c"]'), ["broker-port-open"]);
    assert.deepEqual(run('["exec nats-server -js --tls"]', 'command: ["sh", "-c"]'), ["nats-tls"]);
    const shut = [
      '["-js"]',
      '["-m", "0"]',
      '["-m"]',
      '["--cluster", "nats://127.0.0.1:6222"]',
      '["--cluster_name", "8222"]',
    ];
    for (const words of shut) assert.deepEqual(run(words), [], words);
  });

  it("is open all the same if their Service leads to it", () => {
    const line = "    - { name: tcp-client, port: 4222 }\n";
    const withPort = (port: string): string[] =>
      ids(...DOCUMENTS.map((text) => text.replace(line, `${line}    - ${port}\n`)));
    assert.deepEqual(withPort("{ name: http-monitor, port: 8222 }"), ["broker-port-open"]);
    assert.deepEqual(withPort("{ name: http-monitor, port: 80, targetPort: 8222 }"), ["broker-port-open"]);
    assert.deepEqual(withPort("{ name: http-metrics, port: 7777 }"), []);
  });
});

describe("what nats.conf opens beside the client port", () => {
  it("must be declared as TCP where nats-server speaks first, whatever its number", () => {
    const told = (conf: string, args = "[]"): string[] =>
      ids(
        ...withConf(`${conf}\n`).map((text) =>
          text
            .replace("    - { name: tcp-client, port: 4222 }\n", "$&    - { name: other, port: 7522 }\n")
            .replace("image: nats:2.15.2", `$&\n          args: ${args}`),
        ),
      ).filter((id) => id !== "broker-port-open");
    for (const conf of ["gateway { port: 7522 }", "cluster { listen: 0.0.0.0:7522 }", "leafnodes { port: 7522 }"])
      assert.deepEqual(told(conf), ["port-not-tcp"], conf);
    assert.deepEqual(told("port: 4222", '["--cluster", "nats://0.0.0.0:7522"]'), ["port-not-tcp"]);
    for (const conf of ["port: 4222", "http: 7522", "websocket { port: 7522 }", "mqtt { port: 7522 }"])
      assert.deepEqual(told(conf), [], conf);
  });

  it("includes monitoring and profiling, unless only the pod itself reaches it", () => {
    for (const open of [
      "http_port: 8222",
      "http: 0.0.0.0:8222",
      "https_port: 8443",
      "monitor_port: 8222",
      "prof_port: 6060",
    ])
      assert.deepEqual(ids(...withConf(`port: 4222\n${open}\n`)), ["broker-port-open"], open);
    for (const shut of [
      "http: 127.0.0.1:8222",
      'http: "[::1]:8222"',
      "http: LOCALHOST:8222",
      "http: localhost:8222",
      "prof_port: 0",
      "jetstream { port: 6060 }",
      "leafnodes { host: 127.0.0.1, port: 7422 }",
      "ws { port: 8080, net: localhost }",
    ])
      assert.deepEqual(ids(...withConf(`port: 4222\n${shut}\n`)), [], shut);
    // nats-server takes two of these blocks by a shorter name, too.
    for (const open of ["leaf { port: 7422 }", "ws { port: 8080, no_tls: true }"])
      assert.deepEqual(ids(...withConf(`port: 4222\n${open}\n`)), ["broker-port-open"], open);
  });

  it("includes the client port itself if it is another one, and the command line counts before the file", () => {
    assert.deepEqual(ids(...withConf("port: 4333\n")), ["nats-client-port"]);
    for (const args of ['["-p", "4222"]', '["--port=4222"]']) {
      const told = withConf("port: 4333\n").map((text) =>
        text.replace("image: nats:2.15.2", `$&\n          args: ${args}`),
      );
      assert.deepEqual(ids(...told), [], args);
    }
  });

  it("is where the last of several such lines or options says, in the file that the command line names", () => {
    const started = (conf: string, args: string): string[] =>
      ids(...withConf(conf).map((text) => text.replace("image: nats:2.15.2", `$&\n          args: ${args}`)));
    assert.deepEqual(started("port: 4333\nport: 4222\n", "[]"), []);
    assert.deepEqual(started("port: 4222\nport: 4333\n", "[]"), ["nats-client-port"]);
    assert.deepEqual(started("", '["-p", "4333", "-p", "4222"]'), []);
    assert.deepEqual(started("", '["-p", "4222", "-p", "4333"]'), ["nats-client-port"]);
    const two = withConf("port: 4222\n").map((text) =>
      text
        .replace('"nats.conf":', '"a-nats-leaf.conf":"port: 4333\\n",$&')
        .replace("image: nats:2.15.2", '$&\n          args: ["-c", "/etc/nats/nats.conf"]')
        .replace("containers:\n        - name: nats", "$&\n          volumeMounts: [{ name: c, mountPath: /etc/nats }]")
        .replace("volumes: [{ configMap", "volumes: [{ name: c, configMap"),
    );
    assert.deepEqual(ids(...two), []);
    assert.deepEqual(ids(...two.map((text) => text.replace("port: 4222\\n", "include a-nats-leaf.conf\\n"))), [
      "nats-client-port",
    ]);
  });

  it("is the port of which Services, clients and protocols are judged where it is another one", () => {
    const changed = (was: string, is: string): string[] => moved().map((text) => text.replace(was, is));
    const line = "- { name: tcp-client, port: 4223 }";
    const selector = "  selector: { app: nats }\n  ports";
    assert.deepEqual(ids(...moved()), []);
    assert.deepEqual(ids(...changed(line, "- { name: client, port: 4223 }")), ["port-not-tcp"]);
    assert.deepEqual(ids(...changed(line, "- { name: tcp-client, port: 4223, protocol: UDP }")), ["transport-not-tcp"]);
    assert.deepEqual(ids(...changed(selector, `  type: NodePort\n${selector}`)), ["clients-from-outside"]);
    const second = changed(line, `${line}\n    - { name: tcp-more, port: 5223, targetPort: 4223 }`);
    const [unmatched, ...more] = doctor(second.join("\n---\n"));
    assert.deepEqual([unmatched?.id, more.length], ["service-port-unmatched", 0]);
    assert.match(unmatched!.message, /^port 5223 of Service messaging\/nats leads to 4223, /);
    const nobody = client("nats://nats.messaging:4223", { serviceAccountName: "nobody" });
    assert.deepEqual(ids(...moved(), nobody), ["client-without-rule"]);
  });

  it("lets what is said of 4222 alone where it is another one", () => {
    const rules = [{ to: [{ operation: { notPorts: ["4223"] } }] }];
    const deny = authorization({ selector: NATS, action: "DENY", rules });
    assert.deepEqual(ids(...moved("port: 4223\n"), deny), []);
    assert.deepEqual(ids(...moved("listen: 0.0.0.0:4223\n"), deny), []);
    assert.deepEqual(ids(...moved("port: 4222\n"), deny), ["client-port-denied", "pod-not-in-service"]);
    const [denied] = doctor([...moved("port: 4223\n"), deny.replace("notPorts", "ports")].join("\n---\n"));
    assert.equal(denied?.id, "client-port-denied");
    assert.match(denied.message, /port 4223 of StatefulSet messaging\/nats/);
    assert.match(denied.remedy, /without "4223"/);
    const level = { selector: NATS, mtls: { mode: "STRICT" }, portLevelMtls: { 4223: { mode: "PERMISSIVE" } } };
    const ofLevel = peerAuthentication("messaging", level);
    assert.deepEqual(ids(...moved("port: 4223\n").filter((text) => !text.includes("PeerAuth")), ofLevel), [
      "mtls-permissive",
    ]);
    const unmatched = moved("port: 4223\n").map((text) => text.replace("number: 4223", "number: 4224"));
    assert.ok(ids(...unmatched, deny).includes("nats-client-port"));
  });

  it("is what NetworkPolicies, Sidecars and annotations must be for where it is another one", () => {
    const network = (port: number): string =>
      document("networking.k8s.io", "NetworkPolicy", "n", "messaging", {
        podSelector: NATS,
        ingress: [{ ports: [{ port }] }],
      });
    const sidecar = (number: number, defaultEndpoint = `127.0.0.1:${number}`): string =>
      document("networking.istio.io", "Sidecar", "s", "messaging", {
        workloadSelector: { labels: { app: "nats" } },
        ingress: [{ port: { number, protocol: "TCP", name: "tcp-client" }, defaultEndpoint }],
      });
    assert.deepEqual(ids(...moved(), network(4223), sidecar(4223)), []);
    assert.deepEqual(ids(...moved(), network(4222)), ["network-denied"]);
    const without = doctor([...moved(), sidecar(8222)].join("\n---\n"));
    assert.deepEqual(
      without.map(({ id, remedy }) => `${id}: ${remedy.replace(/.*(?=\{port)/, "")}`),
      [
        "sidecar-without-port: {port: {number: 4223, protocol: TCP, name: tcp-client}, defaultEndpoint: 127.0.0.1:4223}",
      ],
    );
    const brought = moved("host: 127.0.0.1\nport: 4223\n");
    assert.deepEqual(ids(...brought, sidecar(4223)), []);
    const excluding = moved().map((text) =>
      text.replace("      annotations:\n", '$&        traffic.sidecar.istio.io/excludeInboundPorts: "4223"\n'),
    );
    assert.deepEqual(ids(...excluding), ["client-port-uncaptured"]);
  });

  it("is what a Sidecar leads to from the port of the Service", () => {
    const pods = withConf("port: 4333\n");
    const sidecar = document("networking.istio.io", "Sidecar", "s", "messaging", {
      workloadSelector: { labels: { app: "nats" } },
      ingress: [{ port: { number: 4222, protocol: "TCP", name: "tcp-client" }, defaultEndpoint: "127.0.0.1:4333" }],
    });
    assert.ok(!ids(...pods, sidecar).includes("sidecar-without-port"));
    assert.ok(ids(...pods, sidecar.replace(":4333", ":4222")).includes("sidecar-without-port"));
  });

  it("includes a control line of more bytes than the filter accepts by default according to the policy's reference", () => {
    const schema = JSON.parse(readFileSync(inRoot("docs", "reference", "policy.schema.json"), "utf8")) as PolicySchema;
    const most = schema.definitions.limits.properties.controlLine.default;
    assert.deepEqual(ids(...withConf(`port: 4222\nmax_control_line: ${most}\n`)), []);
    assert.deepEqual(ids(...withConf(`port: 4222\nmax_control_line: ${most + 1}\n`)), ["nats-control-line"]);
  });

  it("is not the port of an exporter or of whatever else runs beside it", () => {
    const exporter =
      '        - { name: exporter, image: natsio/prometheus-nats-exporter, args: ["-port=7777", "--tls"] }\n';
    const beside = withConf("port: 4222\n").map((text) => text.replace(/ {8}- name: nats\n/, `${exporter}$&`));
    assert.ok(beside.join("").includes(exporter));
    assert.deepEqual(ids(...beside), []);
  });

  it("asks for credentials unless they are the system account's, whatever that is called", () => {
    const accounts = "accounts { SYS { users: [{ user: a }], exports: [x] } }";
    assert.deepEqual(ids(...withConf(`port: 4222\n${accounts}\n`)), ["nats-credentials", "nats-mappings"]);
    for (const key of ["system_account", "system"])
      assert.deepEqual(ids(...withConf(`port: 4222\n${accounts}\n${key}: SYS\n`)), [], key);
  });

  it("rewrites subjects by a default domain of JetStream, at the top level alone", () => {
    const domain = "default_js_domain: { SHOP: hub }";
    assert.deepEqual(ids(...withConf(`port: 4222\n${domain}\n`)), ["nats-mappings"]);
    assert.deepEqual(ids(...withConf(`port: 4222\naccounts { SYS { ${domain} } }\nsystem: SYS\n`)), []);
  });

  it("is read in a Secret too, encoded or not", () => {
    const conf = "port: 4222\nauthorization { user: a }\n";
    for (const holder of [{ data: { "nats.conf": btoa(conf) } }, { stringData: { "nats.conf": conf } }]) {
      const secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "nats", namespace: "messaging" },
        ...holder,
      };
      assert.deepEqual(ids(...DOCUMENTS, JSON.stringify(secret)), ["nats-credentials"]);
    }
  });
});

describe("a nats-server that listens on its pod's loopback", () => {
  it("is reached by nobody, unless a Sidecar has the proxy look for it there", () => {
    for (const conf of ["host: 127.0.0.1", 'net: "localhost"', 'listen: "127.0.0.1:4222"', 'listen: "[::1]:4222"'])
      assert.deepEqual(ids(...withConf(`${conf}\n`)), ["nats-loopback"], conf);
    for (const conf of [
      "host: 0.0.0.0",
      "listen: 4222",
      'listen: "0.0.0.0:4222"',
      "cluster { listen: 127.0.0.1:6222 }",
    ])
      assert.deepEqual(ids(...withConf(`${conf}\n`)), [], conf);
    const ingress = [{ port: { number: 4222, protocol: "TCP", name: "tcp" }, defaultEndpoint: "127.0.0.1:4222" }];
    const sidecar = document("networking.istio.io", "Sidecar", "s", "messaging", { ingress });
    assert.deepEqual(ids(...withConf("host: 127.0.0.1\n"), sidecar), []);
    for (const defaultEndpoint of [undefined, "0.0.0.0:4222", "unix:///run/nats"]) {
      const elsewhere = ingress.map((listener) => ({ ...listener, defaultEndpoint }));
      const other = document("networking.istio.io", "Sidecar", "s", "messaging", { ingress: elsewhere });
      assert.ok(ids(...withConf("host: 127.0.0.1\n"), other).includes("nats-loopback"), defaultEndpoint);
    }
  });

  it("is one by the last address in the file that it is told to read", () => {
    assert.deepEqual(ids(...withConf("host: 127.0.0.1\nhost: 0.0.0.0\n")), []);
    assert.deepEqual(ids(...withConf("host: 0.0.0.0\nhost: 127.0.0.1\n")), ["nats-loopback"]);
    const reading = (...command: string[]): string[] =>
      ids(
        ...withConf("host: 127.0.0.1\n").map((text) =>
          text
            .replace("image: nats:", `command: ${JSON.stringify(command)}\n          image: nats:`)
            .replace('"data":{', '"data":{"other.conf":"port: 4222",'),
        ),
      );
    for (const command of [["-c", "/etc/nats/nats.conf"], ["--config=/etc/nats/nats.conf"], []])
      assert.deepEqual(reading("nats-server", ...command), ["nats-loopback"], command.join(" "));
    assert.deepEqual(reading("sh", "-c", "exec nats-server -c /etc/nats/nats.conf"), ["nats-loopback"]);
    for (const command of [
      ["-c", "/etc/nats/other.conf"],
      ["-c", "/etc/x.conf"],
    ])
      assert.deepEqual(reading("nats-server", ...command), [], command.join(" "));
  });

  it("is none beside an application, which alone connects to it", () => {
    assert.ok(!ids(...DOCUMENTS, LEAF_NODE).includes("nats-loopback"));
    const plugin = kinds("WasmPlugin").map((text) =>
      text.replaceAll("messaging }", "shop }").replace("app: nats", "app: orders"),
    );
    assert.ok(ids(LEAF_NODE, ...plugin).includes("nats-loopback"));
  });

  it("may be told so on its command line, which comes before its nats.conf", () => {
    const started = (...words: string[]): string[] =>
      ids(
        ...withConf("host: 127.0.0.1\n").map((text) =>
          text.replace("image: nats:", `args: ${JSON.stringify(words)}\n          image: nats:`),
        ),
      );
    assert.deepEqual(started("--addr", "localhost"), ["nats-loopback"]);
    assert.deepEqual(started("-a=0.0.0.0"), []);
  });
});

describe("a nats.conf that says twice where nats-server listens", () => {
  it("leaves it to chance unless both come to the same", () => {
    for (const conf of [
      "host: 127.0.0.1\nlisten: 0.0.0.0:4222",
      'listen: "[::1]:4222"\nhost: 0.0.0.0',
      "host: 127.0.0.1\nlisten: 4222",
      "port: 4333\nlisten: 0.0.0.0:4222",
      "host: 10.0.0.1\nnet: 0.0.0.0",
      "cluster { port: 6222, listen: 0.0.0.0:6223 }",
      "websocket { port: 8080, no_tls: true, listen: 8081 }",
    ])
      assert.ok(ids(...withConf(`${conf}\n`)).includes("nats-listen-by-chance"), conf);
    for (const conf of [
      "host: 0.0.0.0\nport: 4222\nlisten: 4222",
      'host: "::"\nlisten: ":4222"',
      "host: 10.0.0.1\nlisten: 10.0.0.1:4222",
      "host: 10.0.0.1\nhost: 0.0.0.0",
      "host: $POD_IP\nlisten: 0.0.0.0:4222",
      "port: 4222\ncluster { port: 6222, host: 10.0.0.1 }",
      "port: 4222\naccounts { host { port: 1, listen: 2 } }",
    ])
      assert.ok(!ids(...withConf(`${conf}\n`)).includes("nats-listen-by-chance"), conf);
  });

  it("of a block is not told to listen on the clients' port", () => {
    const remedies = (conf: string): string[] =>
      doctor(...withConf(`${conf}\n`))
        .filter(({ id }) => id === "nats-listen-by-chance")
        .map(({ remedy }) => remedy);
    assert.deepEqual(remedies("cluster { port: 6222, listen: 0.0.0.0:6223 }"), ["remove one of them"]);
    assert.match(remedies("port: 4333\nlisten: 0.0.0.0:4222").join(), /4222/);
  });

  it("is not told again as what either of them would be", () => {
    assert.deepEqual(ids(...withConf("host: 127.0.0.1\nlisten: 0.0.0.0:4333\n")), ["nats-listen-by-chance"]);
    assert.deepEqual(ids(...withConf("host: 127.0.0.1\nlisten: localhost:4222\n")), ["nats-loopback"]);
  });
});

describe("credentials on nats-server's command line", () => {
  const started = (...words: string[]): string[] =>
    ids(
      ...DOCUMENTS.map((text) =>
        text.replace("image: nats:", `args: ${JSON.stringify(words)}\n          image: nats:`),
      ),
    );

  it("are asked of clients as those of nats.conf are", () => {
    for (const words of [["--user", "a", "--pass", "b"], ["-auth=s"], ["--auth", "$(TOKEN)"], ["-js", "--pass=b"]])
      assert.deepEqual(started(...words), ["nats-credentials"], words.join(" "));
    for (const line of ["exec nats-server --user a", "sleep 1; /bin/nats-server -js --auth s"])
      assert.deepEqual(started("sh", "-c", line), ["nats-credentials"], line);
    const before = "curl --user a:b http://x; exec nats-server -js";
    assert.deepEqual(started("sh", "-c", before), []);
    for (const words of [["--cluster_name", "user"], ["-js"], ["-c", "auth.conf"]])
      assert.deepEqual(started(...words), [], words.join(" "));
  });
});

describe("a route on nats-server's command line", () => {
  const args = (...words: string[]): string[] =>
    DOCUMENTS.map((text) => text.replace("image: nats:", `args: ${JSON.stringify(words)}\n          image: nats:`));
  const away = "nats-route://u:p@nats-1.headless.elsewhere.svc.cluster.local:6222";
  const own = "nats-route://nats-0.headless.messaging.svc:6222";

  it("into another namespace is reported as one of nats.conf is", () => {
    for (const words of [["--routes", away], ["-routes", `${own},${away}`], [`--routes=${own}, ${away}`]])
      assert.ok(ids(...args(...words)).includes("nats-route-elsewhere"), words.join(" "));
  });

  it("is reported whatever follows its host, also in nats.conf", () => {
    const host = "nats-route://nats-1.headless.elsewhere.svc";
    for (const end of ["", "/", ":$(PORT)", ":${PORT}/", ":6222?x=1", "?x=1", ":6222#a", ".cluster.local:$PORT"]) {
      assert.ok(ids(...args("--routes", host + end)).includes("nats-route-elsewhere"), end);
      const data = { "nats.conf": `cluster { routes: ["${host}${end}"] }` };
      const conf = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "nats", namespace: "messaging" }, data };
      assert.ok(ids(...DOCUMENTS, JSON.stringify(conf)).includes("nats-route-elsewhere"), end);
    }
  });

  it("is not into another namespace where that has still to be filled in", () => {
    for (const namespace of ["$(POD_NAMESPACE)", "$POD_NAMESPACE", "${POD_NAMESPACE}"]) {
      const words = args("--routes", `nats-route://nats-1.headless.${namespace}.svc:6222`);
      assert.ok(!ids(...words).includes("nats-route-elsewhere"), namespace);
    }
    assert.ok(!ids(...args("--routes", "nats-route://[::1.a.svc]:6222")).includes("nats-route-elsewhere"));
  });

  it("is nothing to report within the namespace, and neither is an option without its value", () => {
    for (const words of [["--routes", own], ["--routes"], ["--routes", "nats-route://nats:6222"], ["--name", away]])
      assert.ok(!ids(...args(...words)).includes("nats-route-elsewhere"), words.join(" "));
  });
});
