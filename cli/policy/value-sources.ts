import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";

/** What a tool puts over chart values. Only the tool itself puts the two together. */
export interface Override {
  /** `the parameter policy.mode` */
  what: string;
  /** Whether what it changes is known to be the policy. */
  isOfPolicy: boolean;
  place: Place;
}

/** Chart values, as an object or as a text, and what is put over them. */
export interface ValueSource {
  values: Field;
  overrides: Override[];
}

/** Of the policy, or of something in it; the chart may be one on which another depends. */
const OF_POLICY = /(?:^|\.)policy(?:[.[]|$)/;

function overridesOf(what: string, names: readonly { name: string; place: Place }[]): Override[] {
  return names
    .filter(({ name }) => OF_POLICY.test(name))
    .map(({ name, place }) => ({ what: `${what} ${name}`, isOfPolicy: true, place }));
}

/** The texts of one key in all elements of a list. */
function named(list: readonly Field[], key: string): { name: string; place: Place }[] {
  return list
    .flatMap((element) => element.get(key) ?? [])
    .map((name) => ({ name: name.text() ?? "", place: name.place }));
}

/** `targetPath` comes before the object's own values, unlike the rest of `valuesFrom` (fluxcd/pkg, `ChartValuesFromReferences`). */
function ofHelmRelease({ root }: Resource): ValueSource[] {
  const values = root.get("spec", "values");
  const overrides = overridesOf("the targetPath", named(root.items("spec", "valuesFrom"), "targetPath"));
  return values ? [{ values, overrides }] : [];
}

/** `set` comes before `valuesContent` (K3s, "Helm", "HelmChart Field Definitions"). */
function ofHelmChart({ root }: Resource): ValueSource[] {
  const values = root.get("spec", "valuesContent");
  const set = root.members("spec", "set").map(([name, value]) => ({ name, place: value.keyPlace }));
  return values ? [{ values, overrides: overridesOf("spec.set", set) }] : [];
}

/** One source of an Application, of which later ones have what the first leaves out. */
type Layers = readonly Field[];

/** An empty text is as good as none. */
function isEmpty(field: Field): boolean {
  return !field.isObject && field.items().length === 0 && (field.text() ?? "") === "";
}

function firstOf(layers: Layers, ...path: string[]): Field | undefined {
  return layers.flatMap((layer) => layer.get(...path) ?? []).find((field) => !isEmpty(field));
}

function firstItemsOf(layers: Layers, ...path: string[]): readonly Field[] {
  return layers.map((layer) => layer.items(...path)).find((items) => items.length > 0) ?? [];
}

/** What Argo CD passes to Helm by `--set` and the like comes before all values (argo-cd, "Helm", "Value Precedence"). */
function ofHelm(source: Layers): ValueSource[] {
  const object = firstOf(source, "helm", "valuesObject");
  // Argo CD reads no `values` beside `valuesObject` (pkg/apis/application/v1alpha1, `ValuesYAML`).
  const values = object?.isObject === true ? object : firstOf(source, "helm", "values");
  const parameters = ["parameters", "fileParameters"].flatMap((key) => firstItemsOf(source, "helm", key));
  return values ? [{ values, overrides: overridesOf("the parameter", named(parameters, "name")) }] : [];
}

function ofApplication(specs: Layers): ValueSource[] {
  const source = specs.flatMap((spec) => spec.get("source") ?? []);
  return [source, ...firstItemsOf(specs, "sources").map((one) => [one])].flatMap(ofHelm);
}

/**
 * What the templates of generators say of sources. Argo CD reads none of a generator that another one combines
 * (applicationset/generators/matrix.go and merge.go, `getParams`).
 */
function specsOfGenerators(generators: readonly Field[]): Field[] {
  return generators
    .flatMap((generator) => generator.members())
    .flatMap(([, generator]) => generator.get("template", "spec") ?? [])
    .filter((spec) => spec.get("source", "helm") ?? spec.items("sources").some((source) => source.get("helm")));
}

/** An ApplicationSet fills in what stands between these, and leaves everything else as it is, in values too. */
function isFilledIn(values: Field): boolean {
  return !JSON.stringify(values.plain()).includes("{{");
}

/** What the template of a generator leaves out is taken from the one of all (argo-cd, `mergeGeneratorTemplate`). */
function ofApplicationSet({ root }: Resource): ValueSource[] {
  const own = root.get("spec", "template", "spec") ?? [];
  const others = specsOfGenerators(root.items("spec", "generators"));
  const patch = root.get("spec", "templatePatch");
  const patched = patch?.text() ? [{ what: "templatePatch", isOfPolicy: false, place: patch.keyPlace }] : [];
  const sources = [[own], ...others.map((other) => [other, own])].flatMap((specs) => ofApplication(specs.flat()));
  // Asked once for what all templates share.
  const filledIn = new Set([...new Set(sources.map(({ values }) => values))].filter(isFilledIn));
  return sources
    .filter(({ values }) => filledIn.has(values))
    .map(({ values, overrides }) => ({ values, overrides: [...overrides, ...patched] }));
}

const SOURCES: ReadonlyMap<string, (resource: Resource) => ValueSource[]> = new Map([
  ["helm.toolkit.fluxcd.io HelmRelease", ofHelmRelease],
  ["argoproj.io Application", ({ root }: Resource) => ofApplication([root.get("spec") ?? []].flat())],
  ["argoproj.io ApplicationSet", ofApplicationSet],
  ["helm.cattle.io HelmChart", ofHelmChart],
  ["helm.cattle.io HelmChartConfig", ofHelmChart],
]);

/** The chart values in an object of Flux, Argo CD or K3s; the same ones more than once if they are used with other overrides. */
export function valueSources(resource: Resource): ValueSource[] {
  return SOURCES.get(`${resource.group} ${resource.kind}`)?.(resource) ?? [];
}
