import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DOCUMENTS } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

/** nats-server's pods with these volumes. */
function pods(volumes: object[], ...volumeMounts: object[]): string[] {
  return DOCUMENTS.map((text) =>
    text
      .replace("    spec:\n      containers", `    spec:\n      volumes: ${JSON.stringify(volumes)}\n      containers`)
      .replace("image: nats:", `volumeMounts: ${JSON.stringify(volumeMounts)}\n          image: nats:`),
  );
}

function configMap(name: string, data: object, namespace = "messaging"): string {
  return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data });
}

function told(...documents: string[]): string[] {
  const found = doctor(documents.join("\n---\n")).filter(({ id }) => id === "nats-conf-unseen");
  return found.map(({ message, remedy }) => `${message}: ${remedy}`);
}

const INCLUDING = configMap("nats", { "nats.conf": "include ./auth.conf\n" });
const OWN = { name: "own", configMap: { name: "nats" } };
const AUTH = { name: "auth", configMap: { name: "auth" } };
const MISSING =
  "ConfigMap messaging/nats includes what is not among the files: ./auth.conf: give the ConfigMap or Secret that holds it too";
const UNMOUNTED =
  "ConfigMap messaging/nats includes what is among the files, but not mounted by its pods: ./auth.conf: let the pods mount it too";
const READABLE = "give them keys under data that end in .conf, with nats in the key or in the object's name";
const PASSED_OVER = `ConfigMap messaging/nats includes what is among the files, but not read: ./auth.conf: ${READABLE}`;

describe("a file that a nats.conf includes", () => {
  it("is looked for among the ConfigMaps and Secrets that the same pods mount", () => {
    const auth = configMap("auth", { "auth.conf": "" });
    assert.deepEqual(told(...pods([OWN]), INCLUDING), [MISSING]);
    assert.deepEqual(told(...pods([OWN]), INCLUDING, auth), [UNMOUNTED]);
    assert.deepEqual(told(...pods([OWN, AUTH]), INCLUDING, configMap("auth", { "auth.conf": "" }, "other")), [MISSING]);
    assert.deepEqual(told(...pods([OWN, AUTH]), INCLUDING, configMap("nats-auth", { "auth.conf": "" })), [UNMOUNTED]);
    const secret = { kind: "Secret", apiVersion: "v1", metadata: { name: "auth-nats", namespace: "messaging" } };
    const text = JSON.stringify({ ...secret, data: { "auth.conf": "" } });
    const sources = [{ secret: { name: "auth-nats" } }];
    for (const volume of [{ secret: { secretName: "auth-nats" } }, { projected: { sources } }])
      assert.deepEqual(told(...pods([OWN, volume]), INCLUDING, text), []);
    assert.deepEqual(told(...pods([OWN, { configMap: { name: "auth-nats" } }]), INCLUDING, text), [UNMOUNTED]);
  });

  it("is not called missing where it is there under a key that is not read", () => {
    for (const holder of ["data", "binaryData"]) {
      const auth = configMap("auth", {}).replace('"data":{}', `"${holder}":{"auth.conf":""}`);
      assert.deepEqual(told(...pods([OWN, AUTH]), INCLUDING, auth), [PASSED_OVER]);
    }
    const both = configMap("nats", { "nats.conf": "include ./auth.inc", "auth.inc": "" });
    const passedOver = PASSED_OVER.replace("auth.conf", "auth.inc");
    assert.deepEqual(told(...pods([OWN]), both), [passedOver]);
    // Without pods, too.
    assert.deepEqual(told(both), [passedOver]);
  });

  it("is what all pods that mount the nats.conf have, and read", () => {
    const canary = (...volumes: object[]): string[] =>
      pods([OWN, ...volumes])
        .filter((text) => text.includes("kind: StatefulSet\n"))
        .map((text) => text.replace("name: nats,", "name: canary,"));
    const read = { configMap: { name: "auth-nats" } };
    const both = [...pods([OWN, read]), INCLUDING, configMap("auth-nats", { "auth.conf": "" })];
    assert.deepEqual(told(...both, ...canary(read)), []);
    assert.deepEqual(told(...both, ...canary()), [UNMOUNTED]);
    assert.deepEqual(told(...both, ...canary(AUTH), configMap("auth", { "auth.conf": "" })), [PASSED_OVER]);
  });

  it("has the name that the pods give it", () => {
    const auth = configMap("auth-nats", { "x.conf": "", "auth.conf": "" });
    const named = (key: string, path: string): object => ({ configMap: { name: "auth-nats", items: [{ key, path }] } });
    assert.deepEqual(told(...pods([OWN, named("x.conf", "etc/auth.conf")]), INCLUDING, auth), []);
    assert.deepEqual(told(...pods([OWN, named("auth.conf", "y.conf")]), INCLUDING, auth), [UNMOUNTED]);
    assert.deepEqual(told(...pods([OWN, named("y.conf", "auth.conf")]), INCLUDING, auth), [UNMOUNTED]);
    const volume = { name: "auth", configMap: { name: "auth-nats" } };
    const only = configMap("auth-nats", { "x.conf": "" });
    const mount = { name: "auth", mountPath: "/etc/nats/auth.conf", subPath: "x.conf" };
    assert.deepEqual(told(...pods([OWN, volume], mount), INCLUDING, only), []);
    assert.deepEqual(told(...pods([OWN, volume], { ...mount, name: "own" }), INCLUDING, only), [MISSING]);
    const expression = { name: "auth", mountPath: "/etc/nats/auth.conf", subPathExpr: "$(POD_NAME).conf" };
    assert.deepEqual(told(...pods([OWN, volume], expression), INCLUDING, only), []);
  });

  it("is of no interest where nats-server does not read what includes it", () => {
    const nginx = configMap("nats-nginx", { "nginx.conf": "include mime.types;\n" });
    const theirs = { "nats.conf": "port: 4222\n" };
    assert.deepEqual(told(...pods([OWN]), configMap("nats", theirs), nginx), []);
    const namesake = configMap("nats-own", theirs);
    assert.deepEqual(
      told(...pods([{ secret: { secretName: "nats" } }, { configMap: { name: "nats-own" } }]), INCLUDING, namesake),
      [],
    );
    const containers = [{ name: "nginx", image: "nginx" }];
    const spec = { template: { spec: { containers, volumes: [{ configMap: { name: "nats-nginx" } }] } } };
    const metadata = { name: "nginx", namespace: "messaging" };
    const proxy = JSON.stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec });
    assert.deepEqual(told(proxy, nginx), []);
    assert.equal(told(nginx).length, 1);
    assert.equal(told(INCLUDING).length, 1);
    // Neither do pods of another namespace show which of two is read.
    const elsewhere = INCLUDING.replace('"messaging"', '"other"');
    assert.equal(told(...pods([OWN]), configMap("nats", theirs), elsewhere).length, 1);
  });

  it("is told once for all that one nats.conf includes, at the first of them", () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `include ${index}.conf`).join("\n");
    const [message, ...more] = told(
      ...pods([OWN, { ...OWN, name: "again" }]),
      configMap("nats", { "nats.conf": many }),
    );
    assert.deepEqual(more, []);
    assert.match(message ?? "", /: 0\.conf, 1\.conf, 2\.conf and 19997 more: give the /);
  });

  it("may be in what could not be read, or in a namespace that is only assumed", () => {
    const [unread] = told(...pods([OWN]), INCLUDING, "a: [");
    assert.match(
      unread ?? "",
      /: look at a\.yaml:\d+:\d+ first, which could not be judged and may hold it; otherwise give/,
    );
    const auth = configMap("auth", { "auth.conf": "" }).replace(',"namespace":"messaging"', "");
    const [assumed] = told(...pods([OWN, AUTH]), INCLUDING, auth);
    assert.match(
      assumed ?? "",
      /: ConfigMap auth names no namespace and was taken to be in default: give -n NAMESPACE /,
    );
    const allInDefault = pods([OWN]).map((text) => text.replaceAll("messaging", "default"));
    const [unmounted] = told(...allInDefault, INCLUDING.replace("messaging", "default"), auth);
    assert.match(unmounted ?? "", /: let the pods mount it too$/);
  });
});
