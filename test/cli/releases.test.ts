import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { doctor, istioNats } from "./support.ts";

const POLICY = {
  trustDomains: ["cluster.local"],
  rules: [{ name: "a", from: [{ serviceAccounts: ["orders"] }], publish: { allow: ["orders.>"] } }],
};

function release(apiVersion: string, kind: string, spec: object): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name: "nats", namespace: "flux-system" }, spec });
}

const flux = (values: object): string => release("helm.toolkit.fluxcd.io/v2", "HelmRelease", { values });

describe("an object that another tool renders", () => {
  it("is told by which command it is rendered, in the namespace where it goes", () => {
    for (const [object, command] of [
      [
        release("helm.toolkit.fluxcd.io/v2", "HelmRelease", { targetNamespace: "messaging" }),
        "helm template nats CHART --namespace messaging --values VALUES | istio-nats doctor -n messaging -",
      ],
      [
        flux({}),
        "helm template nats CHART --namespace flux-system --values VALUES | istio-nats doctor -n flux-system -",
      ],
      [
        release("kustomize.toolkit.fluxcd.io/v1", "Kustomization", { path: "./nats" }),
        "flux build kustomization nats --path ./nats --kustomization-file a.yaml --dry-run | istio-nats doctor -",
      ],
      [
        release("argoproj.io/v1alpha1", "Application", { destination: { namespace: "messaging" } }),
        "argocd app manifests nats | istio-nats doctor -n messaging -",
      ],
    ] as const)
      assert.deepEqual(
        doctor(object).map(({ id, remedy }) => [id, remedy]),
        [["not-rendered", command]],
      );
  });

  it("has a policy that check reads, if it holds the values of the chart", () => {
    const argo = (spec: object): string => release("argoproj.io/v1alpha1", "Application", spec);
    const helm = { valuesObject: { policy: POLICY } };
    const below = { nats: { config: {} }, "istio-nats": { policy: POLICY } };
    for (const text of [
      flux({ policy: POLICY }),
      argo({ source: { helm } }),
      argo({ sources: [{}, { helm }] }),
      flux(below),
      JSON.stringify(below),
      flux({ platform: { messaging: below } }),
      JSON.stringify({ global: { x: 1 }, platform: below }),
    ]) {
      const { status, output } = istioNats(["check", "-"], text);
      assert.equal(status, 1);
      assert.match(output, /: error: rules\[0\]\.from\[0\]\.serviceAccounts\[0\]: "orders" names no namespace, /);
      assert.match(output, /: policy of the chart values: refused: 1 rule, /);
    }
    const [values] = doctor(JSON.stringify({ platform: below }));
    assert.equal(values?.message, "these are chart values, not a Kubernetes object");
    for (const other of [{}, { policy: { enabled: true } }])
      assert.equal(istioNats(["check", "-"], flux(other)).status, 2);
  });

  it("has a policy that check reads and places where its values are a text, or a text that it cannot read", () => {
    const texts: [api: string, kind: string, path: string[]][] = [
      ["argoproj.io/v1alpha1", "Application", ["source", "helm", "values"]],
      ["helm.cattle.io/v1", "HelmChart", ["valuesContent"]],
      ["helm.cattle.io/v1", "HelmChartConfig", ["valuesContent"]],
    ];
    for (const [api, kind, path] of texts) {
      const indent = "  ".repeat(path.length + 1);
      const keys = path.map((key, depth) => `${"  ".repeat(depth + 1)}${key}:`).join("\n");
      const object = (...lines: string[]): string =>
        `apiVersion: ${api}\nkind: ${kind}\nmetadata: {name: nats}\nspec:\n${keys} |\n${lines.map((line) => `${indent}${line}\n`).join("")}`;
      const [below, line] = ["messaging:", 7 + path.length];
      const read = istioNats(["check", "-"], object("# ours", below, `  policy: ${JSON.stringify(POLICY)}`));
      const column = indent.length + `  policy: ${JSON.stringify(POLICY)}`.indexOf('"orders"') + 1;
      assert.ok(read.output.startsWith(`<stdin>:${line}:${column}: error: rules[0].from[0].ser`), read.output);
      const unread = istioNats(["check", "-"], object("a: 1", "policy: {"));
      assert.equal(unread.status, 1);
      const end = `<stdin>:${line - 1}:${indent.length + "policy: {".length + 1}: error: `;
      assert.ok(unread.output.startsWith(end) && unread.output.includes(" [yaml-syntax]\n"), unread.output);
      assert.equal(istioNats(["check", "-"], object("other: {", "a: 1")).status, 2, "of another chart");
    }
  });

  it("is not told what is wrong with the values of other charts, nor of what Helm takes and kubectl does not", () => {
    const object = (name: string, ...values: string[]): string => {
      const api = ["apiVersion: argoproj.io/v1alpha1", "kind: Application", `metadata: {name: ${name}}`, "spec:"];
      const path = ["  source:", "    helm:", "      values: |"];
      return [...api, ...path, ...values.map((line) => `        ${line}`), ""].join("\n");
    };
    const rules = ["rules:", "  a: 1", "  a: 2"];
    const policy = `policy: ${JSON.stringify(POLICY).replace('"orders"', '"shop/orders"')}`;
    for (const lines of [rules, [...rules, "\t", "b: {"], ["kind: a", "metadata: {}", "rules: []"]])
      assert.equal(istioNats(["check", "-"], object("kube-prometheus-stack", ...lines)).status, 2, lines.join("\n"));
    const { status, output } = istioNats(["check", "-"], object("nats", "a: 1", "a: 2", policy));
    assert.equal(status, 0, output);
    assert.match(output, /: policy of the chart values: accepted: 1 rule, /);
    const tab = istioNats(["check", "-"], object("a", "a:", "  - b", " \t", "trustDomains: []"));
    assert.match(tab.output, /^<stdin>:10:10: error: Helm refuses a tab before the place .* \[yaml-syntax\]\n/);
    const alias = istioNats(["check", "-"], object("a", "trustDomains: *kubectl"));
    assert.match(alias.output, /: error: the alias \*kubectl has no anchor &kubectl before it \[yaml-aliases\]\n/);
  });

  it("is told that check did not judge what it makes, if no policy was found in it and another was judged", () => {
    const source = { helm: { valueFiles: ["a.yaml"] } };
    const argo = release("argoproj.io/v1alpha1", "Application", { source });
    const { status, output } = istioNats(["check", "-"], `${argo}\n---\n${flux({ policy: POLICY })}`);
    assert.equal(status, 1);
    assert.match(
      output,
      /^<stdin>:1:\d+: info: what Application flux-system\/nats makes is not judged \[not-rendered\]/,
    );
    assert.ok(!output.includes("HelmRelease"), output);
  });

  it("is told by check, too, by which command it is rendered, if its values have no policy", () => {
    const source = { helm: { values: "policy: {}" } };
    const { status, output } = istioNats(["check", "-"], release("argoproj.io/v1alpha1", "Application", { source }));
    assert.equal(status, 2);
    assert.match(output, /\[no-policy\]\n {4}argocd app manifests nats \| istio-nats check -n NAMESPACE -\n/);
  });

  it("of Argo CD that makes others has its policy read, unless something is still to be filled in there", () => {
    const set = (values: object | string): string => {
      const helm = typeof values === "string" ? { values } : { valuesObject: values };
      return release("argoproj.io/v1alpha1", "ApplicationSet", {
        goTemplate: true,
        generators: [{ clusters: {} }],
        template: { metadata: { name: "nats-{{.name}}" }, spec: { source: { path: "{{.path}}", helm } } },
      });
    };
    const policy = { ...POLICY, trustDomains: ["{{.domain}}"] };
    for (const values of [{ policy: POLICY }, JSON.stringify({ policy: POLICY })]) {
      const { status, output } = istioNats(["check", "-"], set(values));
      assert.equal(status, 1);
      assert.match(output, /: error: rules\[0\]\.from\[0\]\.serviceAccounts\[0\]: "orders" names no namespace, /);
    }
    for (const values of [{ policy }, JSON.stringify({ policy }), "policy: {{ .policy | toJson }}"]) {
      const { status, output } = istioNats(["check", "-"], set(values));
      assert.equal(status, 2);
      assert.match(output, /\[no-policy\]\n {4}argocd app manifests APPLICATION \| istio-nats check -n NAMESPACE -\n/);
    }
  });

  describe("and that puts something over a policy in its values", () => {
    const sound = { ...POLICY, rules: [{ ...POLICY.rules[0], from: [{ serviceAccounts: ["shop/orders"] }] }] };
    const values = { policy: sound };
    const text = JSON.stringify(values);
    const told = (...object: Parameters<typeof release>): string[] => {
      const { output } = istioNats(["check", "--output", "json", "-"], release(...object));
      return (JSON.parse(output) as { findings: { message: string }[] }).findings.map(({ message }) => message);
    };
    const argo = (spec: object): string[] => told("argoproj.io/v1alpha1", "Application", spec);
    const argoSet = (spec: object): string[] => told("argoproj.io/v1alpha1", "ApplicationSet", spec);
    const over = (what: string, kind = "Application", changes = "changes"): string[] => [
      `${what} of ${kind} flux-system/nats ${changes} the policy, and was not judged`,
    ];
    const dryRun = (...names: string[]): object[] => names.map((name) => ({ name, value: "DRY_RUN" }));

    it("by parameters of Argo CD is told which of them change it", () => {
      const beside = (valuesObject: object, ...names: string[]): string[] => {
        const fileParameters = [{ name: "x.policies", path: "a" }];
        return argo({ source: { helm: { valuesObject, parameters: dryRun(...names), fileParameters } } });
      };
      for (const name of ["policy.mode", "policy.rules[0].mode", "policy"])
        assert.deepEqual(beside(values, "image.digest", name, "policyName"), over(`the parameter ${name}`));
      assert.deepEqual(beside({ nats: values }, "nats.policy"), over("the parameter nats.policy"));
      assert.deepEqual(beside(values, "image.digest"), []);
      // Where there are no values with a policy, it is said of the whole object.
      assert.deepEqual(beside({}, "policy.mode"), ["this file has no policy"]);
      const fileParameters = [{ name: "policy", path: "policy.yaml" }];
      assert.deepEqual(argo({ source: { helm: { values: text, fileParameters } } }), over("the parameter policy"));
    });

    it("by parameters of Argo CD is told nothing of those that are for the values of another source", () => {
      const ours = { helm: { valuesObject: values, parameters: dryRun("image.digest") } };
      const prometheus = { helm: { valuesObject: { a: 1 }, parameters: dryRun("image.policy.pull") } };
      assert.deepEqual(argo({ sources: [prometheus, ours] }), []);
      const own = { helm: { ...ours.helm, parameters: dryRun("policy.mode") } };
      assert.deepEqual(argo({ sources: [prometheus, own] }), over("the parameter policy.mode"));
    });

    it("by the template of a generator is told so, whether the policy is there or in the template of all", () => {
      const parameters = dryRun("policy.mode");
      const spec = (helm: object): object => ({ spec: { source: { helm } } });
      const set = (own: object, ofGenerator: object): string[] =>
        argoSet({ template: spec(own), generators: [{ list: { elements: [], template: spec(ofGenerator) } }] });
      const changes = over("the parameter policy.mode", "ApplicationSet");
      assert.deepEqual(set({ valuesObject: values }, { parameters }), changes);
      assert.deepEqual(set({ parameters }, { valuesObject: values }), changes);
      assert.deepEqual(set({ valuesObject: values, parameters }, { parameters: dryRun("image.digest") }), changes);
      assert.deepEqual(set({ valuesObject: values }, { parameters: dryRun("image.digest") }), []);
      assert.deepEqual(set({ valuesObject: values }, { values: "a: 1", parameters }), changes);
      assert.deepEqual(set({ values: text }, { values: "a: 1", parameters }), []);
      assert.deepEqual(set({ valuesObject: values }, { values: "", parameters }), changes);
      const template = spec({ parameters });
      const matrix = (own: object, inner: object): string[] => {
        const generators = [{ matrix: { ...own, generators: [{ clusters: {} }, { git: inner }] } }];
        return argoSet({ template: spec({ valuesObject: values }), generators });
      };
      assert.deepEqual(matrix({ template }, {}), changes);
      // Argo CD does not read it there.
      assert.deepEqual(matrix({}, { template }), []);
    });

    it("by a patch of an ApplicationSet's template is told that this may change it", () => {
      const template = { spec: { source: { helm: { valuesObject: values } } } };
      const templatePatch = "spec: { source: { helm: { values: '{{ .values }}' } } }";
      assert.deepEqual(argoSet({ template }), []);
      for (const nothing of ["", null]) assert.deepEqual(argoSet({ template, templatePatch: nothing }), []);
      assert.deepEqual(argoSet({ template, templatePatch }), over("templatePatch", "ApplicationSet", "may change"));
    });

    it("by set of K3s or a targetPath of Flux is told which of them change it", () => {
      const set = { "policy.mode": "DRY_RUN", "image.digest": "a" };
      const chart = ["helm.cattle.io/v1", "HelmChart"] as const;
      assert.deepEqual(told(...chart, { set, valuesContent: text }), over("spec.set policy.mode", "HelmChart"));
      assert.deepEqual(told(...chart, { set: { "image.digest": "a" }, valuesContent: text }), []);
      const { output } = istioNats(["check", "-"], release(...chart, { set, valuesContent: text }));
      assert.match(output, / --values VALUES --set NAME=VALUE \| istio-nats check /);
      const valuesFrom = [
        { kind: "Secret", name: "a", targetPath: "policy.mode" },
        { kind: "Secret", name: "b" },
      ];
      const flux = told("helm.toolkit.fluxcd.io/v2", "HelmRelease", { values, valuesFrom });
      assert.deepEqual(flux, over("the targetPath policy.mode", "HelmRelease"));
    });
  });

  it("is not what is wrong where a substitution has still to be made", () => {
    const unfilled = JSON.stringify({ ...POLICY, trustDomains: ["${TRUST_DOMAIN}"] });
    assert.match(istioNats(["check", "-"], unfilled).output, /\n {4}fill in \$\{…\} first, as flux envsubst does, /);
  });
});
