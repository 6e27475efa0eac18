import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, validatorOf, type ResourceKind } from "./crd.ts";
import { documents } from "./queries.ts";

const ANALYSIS_TEMPLATE: ResourceKind = {
  kind: "AnalysisTemplate",
  version: "v1alpha1",
  module: "github.com/argoproj/argo-rollouts",
  path: ["manifests", "crds", "analysis-template-crd.yaml"],
};
const METRIC_TEMPLATE: ResourceKind = {
  kind: "MetricTemplate",
  version: "v1beta1",
  module: "github.com/fluxcd/flagger",
  path: ["artifacts", "flagger", "crd.yaml"],
};

interface AnalysisTemplate {
  spec: { args: { name: string }[]; metrics: object[] };
}

const [analysis] = documents("deploy", "rollouts", "argo-analysis-template.yaml") as [AnalysisTemplate];
const metrics = documents("deploy", "rollouts", "flagger-metric-templates.yaml") as { spec: object }[];

describe("the gates of roll-outs", () => {
  it("are an AnalysisTemplate as Argo Rollouts' own CRD has it", async () => {
    const validate = await validatorOf(ANALYSIS_TEMPLATE);
    assert.deepEqual(faultsOf(validate, analysis), []);
    // The schema notices what Argo would ignore.
    const misspelt = analysis.spec.metrics.map((metric) => ({ ...metric, sucessCondition: "true" }));
    assert.notDeepEqual(faultsOf(validate, { ...analysis, spec: { ...analysis.spec, metrics: misspelt } }), []);
  });

  it("name all arguments that the AnalysisTemplate declares, and no other", () => {
    const declared = analysis.spec.args.map(({ name }) => name);
    const used = [...JSON.stringify(analysis).matchAll(/\{\{args\.([\w-]+)\}\}/g)].map(([, name]) => name!);
    assert.deepEqual([...new Set(used)].sort(), declared.sort());
  });

  it("are MetricTemplates as Flagger's own CRD has them", async () => {
    const validate = await validatorOf(METRIC_TEMPLATE);
    assert.equal(metrics.length, 2);
    for (const template of metrics) {
      assert.deepEqual(faultsOf(validate, template), []);
      assert.notDeepEqual(faultsOf(validate, { ...template, spec: { ...template.spec, interval: "1m" } }), []);
    }
  });
});
