import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fixture } from "./fixture.ts";
import { doctor, placed } from "./support.ts";

/** Nodes that dial each other by the names that a headless Service gives them, and accept only mTLS. */
const SOUND = fixture("nats-route-nothing", "good");

/** The same with other words in place of some. */
function changed(...changes: [was: string, is: string][]): string {
  return changes.reduce((text, [was, is]) => {
    assert.ok(text.includes(was), was);
    return text.replaceAll(was, is);
  }, SOUND);
}

function found(text: string): string[] {
  return doctor(text).map(placed);
}

describe("a route to a pod of the same StatefulSet", () => {
  it("is by the Service that serviceName names, on the command line too, and told with what to write", () => {
    const told = (text: string): string[] =>
      doctor(text).map(({ id, message, remedy }) => `${id}: ${message}: ${remedy}`);
    const has = "nats-route-nothing: nats-server of StatefulSet messaging/nats has a route to nats-0.nats-headless";
    const write = "make the StatefulSet anew with serviceName: nats-headless, or correct the routes";
    assert.deepEqual(told(changed(["serviceName: nats-headless", "serviceName: nats"])), [
      `${has} (a.yaml:71:9), but serviceName names the pod nats-0.nats: ${write}`,
    ]);
    assert.deepEqual(told(changed(["serviceName: nats-headless", "replicas: 2"])), [
      `${has} (a.yaml:71:9), but serviceName gives the pods no names: ${write}`,
    ]);
    const args = changed(["image: nats:", "args: [--routes, 'nats://nats-0.other:6222']\n          image: nats:"]);
    assert.deepEqual(found(args), ["23:16 nats-route-nothing"]);
  });

  it("is told what has still to be filled in, and not to write what stands there", () => {
    const fill = "fill in ${…} first, as flux envsubst does, and give the result";
    const render = "render the template first, and give the result";
    for (const [name, remedy] of [
      ["${SVC}", fill],
      ["'{{ .Values.service }}'", render],
    ] as const) {
      const told = doctor(changed(["serviceName: nats-headless", `serviceName: ${name}`]));
      assert.deepEqual(
        told.map((one) => [one.id, one.remedy]),
        [["nats-route-nothing", remedy]],
      );
      const routes: [string, string][] = ["nats://nats-", "@nats-"].map((one) => [one, one.replace("nats-", "west-")]);
      const unseen = doctor(changed(...routes, ["serviceName: nats-headless", `serviceName: ${name}`]));
      assert.deepEqual(
        unseen.map((one) => [one.id, one.remedy]),
        [["stateful-set-service-unseen", remedy]],
      );
    }
    for (const service of ["$(SVC)", "${SVC}", "$SVC"])
      assert.deepEqual(found(changed(["nats://nats-0.nats-headless:", `nats://nats-0.${service}:`])), [], service);
  });

  it("is not one of a nats.conf that its pods do not mount", () => {
    const conf = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: nats-west, namespace: messaging }\ndata:\n";
    const west = `${conf}  nats.conf: "cluster { routes: [nats://nats-0.nats-west:6222] }"\n`;
    assert.deepEqual(found(SOUND + west), []);
    const mounted = changed(["configMap: { name: nats-config }", "configMap: { name: nats-west }"]) + west;
    assert.deepEqual(found(mounted), ["23:16 nats-route-nothing"]);
  });

  it("is no other route: not one to a Service, to another StatefulSet, or into another namespace", () => {
    for (const host of ["nats", "nats.messaging", "nats-west-0.nats-west", "nats-0.other.example", "nats-a.other"])
      assert.deepEqual(found(changed(["nats://nats-0.nats-headless:", `nats://${host}:`])), [], host);
    const elsewhere = changed(["nats://nats-0.nats-headless:", "nats://nats-0.other.elsewhere.svc:"]);
    assert.deepEqual(found(elsewhere), ["71:9 nats-route-elsewhere"]);
  });

  it("needs a headless Service that declares its port where nodes accept only mTLS", () => {
    const told = (text: string): string[] => doctor(text).map((one) => `${placed(one)}: ${one.message}: ${one.remedy}`);
    const by = "Service messaging/nats-headless, by which the nodes of StatefulSet messaging/nats dial each other,";
    const so = "so they speak no mTLS there, and accept nothing else";
    const port: [string, string] = ["\n    - { name: tcp-cluster, port: 6222 }", ""];
    assert.deepEqual(told(changed(port)), [
      `16:5 plaintext-client: ${by} does not declare port 6222, ${so}: add port: 6222 with appProtocol: tcp to it`,
    ]);
    const clusterIp: [string, string] = ["  clusterIP: None\n", ""];
    assert.deepEqual(told(changed(clusterIp)), [
      `12:1 plaintext-client: ${by} is not headless, ${so}: make it anew with clusterIP: None`,
    ]);
    // Where they take plaintext too, or where something else makes their addresses known.
    assert.deepEqual(found(changed(port, ["mode: STRICT", "mode: PERMISSIVE"])), ["42:17 mtls-permissive"]);
    const another = `---\napiVersion: v1\nkind: Service\nmetadata: { name: peers, namespace: messaging }\nspec:\n  clusterIP: None\n  selector: { app: nats }\n  ports: [{ name: tcp-cluster, port: 6222 }]\n`;
    for (const one of [port, clusterIp]) assert.deepEqual(found(changed(one) + another), []);
    // Where it does not pass their sidecars.
    const annotations = "      annotations:\n";
    const past = (...names: string[]): [string, string] => [
      annotations,
      annotations + names.map((name) => `        traffic.sidecar.istio.io/exclude${name}Ports: "6222"\n`).join(""),
    ];
    for (const names of [["Inbound"], ["Inbound", "Outbound"]])
      assert.ok(!found(changed(port, past(...names))).some((one) => one.includes("plaintext")), names.join());
    assert.ok(found(changed(port, past())).some((one) => one.includes("plaintext")));
    // ztunnel knows every pod, and without a sidecar nobody demands mTLS.
    for (const label of ["istio.io/dataplane-mode: ambient", 'sidecar.istio.io/inject: "false"']) {
      const labels = `      labels: { app: nats, ${label} }\n`;
      const without = changed(port, ["      labels: { app: nats }\n", labels]);
      assert.ok(!found(without).some((one) => one.includes("plaintext")), label);
    }
  });

  it("speaks no mTLS where a Sidecar hides the headless Service from the nodes' own proxies", () => {
    const sidecar = (hosts: string, more = ""): string =>
      `---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: s, namespace: messaging }\nspec:\n  egress: [{ hosts: ${hosts}${more} }]\n`;
    const [hidden, ...others] = doctor(SOUND + sidecar('["istio-system/*"]'));
    assert.deepEqual(others, []);
    assert.match(
      `${hidden?.id}: ${hidden?.message}`,
      /^plaintext-client: Sidecar messaging\/s hides Service messaging\/nats-headless from the proxies of StatefulSet messaging\/nats, .* port 6222/,
    );
    assert.equal(hidden?.remedy, "add messaging/nats-headless.messaging.svc.cluster.local to the hosts");
    const followed = '["istio-system/*", "messaging/nats-headless.messaging.svc.cluster.local"]';
    for (const hosts of [followed, '["./*"]', '["*/*"]']) assert.deepEqual(found(SOUND + sidecar(hosts)), [], hosts);
    assert.equal(found(SOUND + sidecar('["*/*"]', ", port: { number: 4222 }")).length, 1);
    const another = sidecar('["istio-system/*"]').replace(
      "spec:\n",
      "spec:\n  workloadSelector: { labels: { app: x } }\n",
    );
    assert.deepEqual(found(SOUND + another), []);
    assert.ok(
      !found(changed(["mode: STRICT", "mode: PERMISSIVE"]) + sidecar('["istio-system/*"]'))
        .join()
        .includes("plaintext"),
    );
  });
});

describe("the Service that names the pods of a StatefulSet", () => {
  const [of = "", ...rest] = changed(["nats-headless", "nats-heedless"]).split("---\n");
  const isHeadless = (text: string): boolean => text.includes("name: nats-heedless,");
  const without = [of, ...rest.filter((text) => !isHeadless(text))];
  const headless = rest.find(isHeadless) ?? "";
  const UNSEEN = "stateful-set-service-unseen";

  it("is missed only where other Services of these pods are among the files", () => {
    const [finding, ...more] = doctor(without.join("---\n"));
    assert.deepEqual([finding?.id, more], [UNSEEN, []]);
    assert.equal(
      finding?.message,
      "no Service messaging/nats-heedless is among the files, by which the pods of StatefulSet messaging/nats have their names; those that select them are nats",
    );
    assert.match(finding.remedy, /^give its file too, or make the StatefulSet anew with /);
    const elsewhere = without.map((text) =>
      text.replace(
        "name: nats, namespace: messaging }\nspec:\n  selector: { app: nats }\n  ports",
        "name: nats, namespace: other }\nspec:\n  selector: { app: nats }\n  ports",
      ),
    );
    assert.ok(!doctor(elsewhere.join("---\n")).some(({ id }) => id === UNSEEN));
  });

  it("is missed where one of its name is in another namespace, and told if that was only assumed", () => {
    const remedies = (service: string): string[] =>
      doctor([...without, service].join("---\n"))
        .filter(({ id }) => id === UNSEEN)
        .map(({ remedy }) => remedy);
    assert.deepEqual(remedies(headless), []);
    assert.match(remedies(headless.replace("namespace: messaging", "namespace: other")).join(), /^give its file too, /);
    assert.match(
      remedies(headless.replace(", namespace: messaging", "")).join(),
      /^Service nats-heedless names no namespace and was taken to be in default: give -n NAMESPACE .*; otherwise give its file/,
    );
    assert.match(
      remedies("a: [\n").join(),
      /^look at a\.yaml:\d+:\d+ first, which could not be judged and may hold it; /,
    );
  });
});
