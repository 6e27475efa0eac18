import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorization, DOCUMENTS, ids } from "./sound-mesh.ts";
import { doctor, filter, istioNats } from "./support.ts";

const FILL = "fill in ${…} first, as flux envsubst does, and give the result";

function mesh(was: string, is: string): string[] {
  assert.ok(DOCUMENTS.join().includes(was), was);
  return DOCUMENTS.map((text) => text.replace(was, is));
}

describe("a value that something has still to fill in", () => {
  const url = /url: (.*)/.exec(DOCUMENTS.join())?.[1] ?? "";

  it("is not judged as if it were the value", () => {
    for (const [was, is] of [
      [url, "${IMAGE}"],
      [url, "oci://${REGISTRY}/istio-nats@${DIGEST}"],
      [url, "oci://registry.test/istio-nats@sha256:${DIGEST}"],
      [url, "oci://registry.test/${NAME:=istio-nats}"],
      [url, `\${URL}\n  sha256: ${filter.sha256}`],
      [url, `oci://registry.test/istio-nats@sha256:\${DIGEST}\n  sha256: ${"ab".repeat(32)}`],
      [url, `${url}\n  sha256: "\${SHA256}"`],
      ["type: NETWORK", "type: ${TYPE}"],
      ["number: 4222", 'number: "${PORT}"'],
      ["FAIL_RELOAD", "${STRATEGY}"],
      ["phase: STATS", "phase: ${PHASE}"],
      ["mode: STRICT", 'mode: "${MTLS}"'],
    ] as const)
      assert.deepEqual(ids(...mesh(was, is)), [], is);
    const ports = { to: [{ operation: { ports: ["4222", "${PORT}"] } }] };
    const other = {
      action: "DENY",
      rules: [{ from: [{ source: { notPrincipals: ["${NATS}"] } }], to: [{ operation: { notPorts: ["4222"] } }] }],
    };
    assert.deepEqual(ids(...DOCUMENTS, authorization({ rules: [ports] })), []);
    for (const spec of [other, { action: "${ACTION}", rules: [ports] }])
      assert.ok(
        !ids(...DOCUMENTS, authorization(spec)).some((id) => /malformed|unknown/.test(id)),
        JSON.stringify(spec),
      );
  });

  it("hides nothing that is wrong whatever its value is", () => {
    for (const [is, id] of [
      ["http://registry.test/${FILE}.wasm", "module-by-plain-http"],
      ["https://registry.test/${FILE}", "module-unpinned"],
      ["istio-nats:${TAG}", "image-scheme-unknown"],
      [`oci://registry.test/istio-nats:\${TAG}@sha256:${filter.sha256}`, "digest-not-manifest"],
      ["oci://registry.test/istio-nats:${TAG}@sha256:abc", "digest-not-manifest"],
      ["${IMAGE}\n  sha256: abc", "digest-not-manifest"],
    ] as const)
      assert.deepEqual(ids(...mesh(url, is)), [id], is);
  });

  it("is a peer with a fault, or none, not one with capitals besides", () => {
    const policy =
      "trustDomains: [a]\nrules: [{name: a, from: [{namespaces: ['${NS}']}, {principals: ['a/ns/${NS}/sa/b']}], publish: {allow: [c]}}]\n";
    assert.doesNotMatch(istioNats(["check", "-"], policy).output, /principal-shape|capitals/);
  });

  it("is a trust domain with a fault, not one with capitals besides", () => {
    const policy = "trustDomains: ['${TD}']\nrules: [{name: a, from: [{namespaces: [b]}], publish: {allow: [c]}}]\n";
    const { output } = istioNats(["check", "-"], policy);
    assert.match(
      output,
      /^<stdin>:1:16: error: .* \[policy-fault\]\n {4}fill in \$\{…\} first.*\n<stdin>:1:1: .*\n1 error\n$/,
    );
  });

  it("is the first to be looked at where a line with it is what does not fit", () => {
    const [tag] = doctor(mesh(url, "oci://${REGISTRY}/istio-nats:latest").join("---\n"));
    assert.equal(tag?.remedy, `${FILL}; otherwise write …@sha256:DIGEST, or the digest of the manifest as sha256`);
    const labels = mesh(
      "selector: { matchLabels: { app: nats } }\n  type",
      "selector: { matchLabels: { app: '${APP}' } }\n  type",
    );
    const [selector] = doctor(labels.join("---\n")).filter(({ id }) => id === "selector-matches-nothing");
    assert.ok(selector?.remedy.startsWith(`${FILL}; otherwise write the pods' labels`), selector?.remedy);
  });

  it("is so too where it is in the selector of a Service, which the pods are told of", () => {
    const text = mesh("selector: { app: nats }", "selector: { app: '${APP}' }").join("---\n");
    const [pods] = doctor(text).filter(({ id }) => id === "pod-not-in-service");
    assert.equal(
      pods?.remedy,
      `${FILL}; otherwise write labels of these pods into the selector of Service messaging/nats`,
    );
  });

  it("is so too where it is a template in quotes", () => {
    const [mode] = doctor(mesh("mode: STRICT", 'mode: "{{ .Values.mode }}"').join("---\n"));
    assert.match(
      mode?.remedy ?? "",
      /^render the template first, and give the result; otherwise write one of STRICT, /,
    );
  });

  it("is the first to be looked at where it is the namespace of what does not fit", () => {
    const [plugin] = doctor(
      mesh("{ name: istio-nats, namespace: messaging }", "{ name: istio-nats, namespace: '${NS}' }").join("---\n"),
    ).filter(({ id }) => id === "selector-matches-nothing");
    assert.ok(plugin?.remedy.startsWith(`${FILL}; otherwise write the pods' labels`), plugin?.remedy);
  });

  it("is looked for near the place where all is one line, as in JSON", () => {
    const plugin = { kind: "WasmPlugin", apiVersion: "extensions.istio.io/v1alpha1" };
    const metadata = { name: "istio-nats", namespace: "messaging" };
    const [of, other] = [{ type: "${TYPE}", url: "oci://${REGISTRY}/istio-nats:latest" }, { type: "HTTP" }];
    const items = [
      { ...plugin, metadata, spec: of },
      { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, data: { a: "b".repeat(1000) } },
      { ...plugin, metadata: { ...metadata, namespace: "other" }, spec: other },
    ];
    const found = doctor(JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    const remedies = (id: string): string[] => found.filter((one) => one.id === id).map(({ remedy }) => remedy);
    assert.match(remedies("image-by-tag").join(), /^fill in /);
    assert.deepEqual(remedies("type-not-network"), ["write type: NETWORK"]);
  });

  it("is nothing to be said of where another line is at fault", () => {
    const pod = "command: [sh, -c, 'exec nats-server -n ${POD}']\n          image: nats";
    const [plain] = doctor(mesh("type: NETWORK", "type: HTTP").join("---\n").replace("image: nats", pod));
    assert.equal(plain?.remedy, "write type: NETWORK");
    const [nothing] = doctor("a: ${B}");
    assert.match(nothing?.remedy ?? "", /^give the manifest as kubectl takes it, /);
    const [comment] = doctor(mesh("type: NETWORK", "type: HTTP # not ${TYPE}").join("---\n"));
    assert.equal(comment?.remedy, "write type: NETWORK");
    const shell = mesh(
      "image: nats",
      "command: [sh, -c, 'exec nats-server --user a --name ${POD}']\n          image: nats",
    );
    const [credentials] = doctor(shell.join("---\n")).filter(({ id }) => id === "nats-credentials");
    assert.match(credentials?.remedy ?? "", /^remove them, /);
  });
});
