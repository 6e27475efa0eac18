import { resolve } from "node:path";
import type { Filter, MeasuredVerdict } from "../filter-host.ts";
import type { Field } from "../manifests/field.ts";
import { mayBeKustomization } from "../manifests/kustomize.ts";
import { byPosition, type Place } from "../manifests/place.ts";
import type { ReadProblem } from "../manifests/manifests.ts";
import { EMPTY_FILE, readManifests } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { isIncomplete } from "../manifests/sort.ts";
import type { Source } from "../manifests/source.ts";
import { Mesh } from "../mesh/mesh.ts";
import { isPolicy, Plugin } from "../mesh/plugin.ts";
import { isChartValues, misspeltKeys, ownValues, type MisspeltKey } from "../policy/chart-values.ts";
import { isEmptyConfig, type JudgedPolicy } from "../policy/judge.ts";
import { policyValues, type PolicyValues } from "../policy/release-values.ts";
import { mayBePolicy } from "../policy/resemblance.ts";
import { objectBytes } from "../policy/size.ts";
import { wrappedPolicy, type WrappedPolicy } from "../policy/wrapped.ts";
import { files } from "./families/files.ts";
import { rendered, renderedBy } from "./families/rendered.ts";
import { size } from "./families/size.ts";
import { spelling } from "./families/spelling.ts";
import { family, type Patient } from "./family.ts";
import type { Finding } from "./finding.ts";
import { examinePolicy, homeIn, POLICY_CHECKS, type PolicyHome, type PolicyId } from "./policy-checks.ts";
import { withUnfilledLines } from "./unfilled-lines.ts";
import { withWholeCharts } from "./whole-charts.ts";

export interface CheckedPolicy extends Omit<JudgedPolicy<MeasuredVerdict>, "faults" | "unlisted"> {
  place: Place;
  /** `WasmPlugin messaging/istio-nats`, or `policy`. */
  title: string;
  /** Of the whole object as compact JSON, if there is one. */
  objectBytes?: number;
}

export interface CheckedPolicies {
  policies: CheckedPolicy[];
  findings: Finding[];
}

/**
 * Lets the filter read every policy of the sources: plugins of any name, documents that are not Kubernetes objects, such as
 * chart values, and chart values in the objects of tools that render charts.
 */
export function checkPolicies(sources: readonly Source[], filter: Filter, namespace: string): CheckedPolicies {
  const checked: CheckedPolicies = { policies: [], findings: [] };
  const patchFiles = new Set(sources.filter(mayBeKustomization).flatMap((one) => readManifests(one, "").patchFiles));
  for (const source of sources) checkSource(source, filter, namespace, patchFiles.has(resolve(source.file)), checked);
  return { ...checked, findings: withWholeCharts(checked.findings, sources, "check") };
}

/** An object, and the policies in it that are not its own. */
interface Release extends PolicyValues {
  resource: Resource;
}

/** With `isPatch` a kustomization names the source as a patch, which may leave a policy to the object that it is for. */
function checkSource(source: Source, filter: Filter, namespace: string, isPatch: boolean, into: CheckedPolicies): void {
  const manifests = readManifests(source, namespace);
  const releases: Release[] = manifests.resources.map((resource) => ({ resource, ...policyValues(resource) }));
  const inReleases = releases.flatMap(({ policies }) => policies);
  const documents = [...manifests.others.flatMap(ownValues), ...inReleases].map(readDocument);
  const policyLike = documents.filter(isPolicyLike);
  const found = pluginsToCheck(manifests.resources, source.named && policyLike.length === 0);
  const plugins = isPatch ? found.filter(({ config }) => config?.get("rules") && config.get("trustDomains")) : found;
  const subjects = [...plugins.map(policyOf), ...policyLike.flatMap((document) => policyIn(document, source.named))];
  // The kustomization has been told that it is not judged.
  if (isPatch) manifests.problems = manifests.problems.filter(({ kind }) => kind !== "kustomization");
  manifests.problems.push(...documents.flatMap(problemsOf), ...releases.flatMap(({ problems }) => problems));
  // A file in which nothing else was found is told so once.
  if (source.named && subjects.length > 0)
    manifests.problems.push(...documents.filter((one) => !isPolicyLike(one)).map(problemOfStranger));
  if (source.named && !isPatch && subjects.length + manifests.problems.length === 0)
    manifests.problems.push(problemOfNothing(source, manifests.resources));
  const policies = family<PolicyId>("", POLICY_CHECKS, (_, report) => {
    for (const { config, parent, home, ...about } of subjects) {
      const {
        faults: _faults,
        unlisted: _unlisted,
        fingerprint,
        ...judged
      } = examinePolicy({ title: about.title, config, parent, home }, (json) => filter.measure(json), report);
      // What becomes of a policy that is not in an object yet, such as chart values, is not known here.
      const isInObject = about.objectBytes !== undefined;
      into.policies.push({ ...about, ...judged, ...(isInObject && fingerprint !== undefined && { fingerprint }) });
    }
  });
  // Every plugin that is checked is taken for ours, whatever its name.
  const mesh = Object.assign(new Mesh(manifests.resources, { rootNamespace: "" }), { plugins });
  const patient: Patient = { command: "check", mesh, manifests, filter };
  const findings = [files, spelling, policies, size].flatMap((one) => one.examine(patient));
  if (subjects.length > 0 || !source.named) findings.push(...unrendered(releases, patient));
  findings.push(...overridden(releases, patient));
  into.findings.push(...withUnfilledLines(findings, [source]).sort((a, b) => byPosition(a.place, b.place)));
}

/** What other tools make of objects in which no policy was found. A file with nothing else is told so by `no-policy`. */
function unrendered(releases: readonly Release[], patient: Patient): Finding[] {
  const unread = releases.filter(({ policies, problems }) => policies.length + problems.length === 0);
  const mesh = new Mesh(
    unread.map(({ resource }) => resource),
    { rootNamespace: "" },
  );
  return rendered.examine({ ...patient, mesh });
}

/** What changes a policy that was found. Only the tool itself puts the two together. */
function overridden(releases: readonly Release[], patient: Patient): Finding[] {
  const told = family("", rendered.checks, (_, report) => {
    for (const { resource, overrides } of releases)
      for (const { what, isOfPolicy, place } of overrides) {
        const changes = isOfPolicy ? "changes" : "may change";
        const message = `${what} of ${resource.title} ${changes} the policy, and was not judged`;
        report("not-rendered", place, message, { remedy: renderedBy(resource) });
      }
  });
  return told.examine(patient);
}

/**
 * The plugins that are this filter's, or may be meant so. One without any configuration may be too, but other modules need none:
 * it is judged only where there is nothing else, and `isAlone`.
 */
function pluginsToCheck(resources: readonly Resource[], isAlone: boolean): Plugin[] {
  const all = Plugin.allIn(resources);
  const withConfig = all.filter(({ config }) => config && !isEmptyConfig(config));
  const meant = all.filter((plugin) => plugin.isOurs || (withConfig.includes(plugin) && mayBePolicy(plugin.config)));
  return meant.length === 0 && isAlone ? all.filter((plugin) => !withConfig.includes(plugin)) : meant;
}

/** A document that is not a Kubernetes object, and where its policy may be. */
interface PlainDocument {
  root: Field;
  /** Whether it holds chart values. */
  isOfValues: boolean;
  /** Its keys that are nearly the chart's, if it holds chart values. */
  misspelt: readonly MisspeltKey[];
  wrapped: WrappedPolicy | undefined;
}

function readDocument(root: Field): PlainDocument {
  return isChartValues(root)
    ? { root, isOfValues: true, misspelt: misspeltKeys(root), wrapped: undefined }
    : { root, isOfValues: false, misspelt: [], wrapped: wrappedPolicy(root) };
}

function isPolicyLike({ root, isOfValues, wrapped }: PlainDocument): boolean {
  return isOfValues || wrapped !== undefined || isIncomplete(root) || mayBePolicy(root);
}

/** Nothing at all was found in a file. */
function problemOfNothing({ file, text }: Source, resources: readonly Resource[]): ReadProblem {
  const place = { file, line: 1, column: 1 };
  const said = text.trim() === "" ? EMPTY_FILE : { message: "this file has no policy" };
  const [remedy] = resources.flatMap((resource) => renderedBy(resource) ?? []);
  return { kind: "no-policy", place, ...(remedy && { remedy }), ...said };
}

function problemOfStranger({ root }: PlainDocument): ReadProblem {
  return { kind: "no-policy", place: root.place, message: "this document has no policy, and no key of one" };
}

function problemsOf({ root, misspelt, wrapped }: PlainDocument): ReadProblem[] {
  // What is wrong with an incomplete object has been said already.
  const wrappers = wrapped && !isIncomplete(root) ? [problemOfWrapper(wrapped)] : [];
  return [...wrappers, ...misspelt.map(problemOfKey)];
}

function problemOfWrapper({ config, path }: WrappedPolicy): ReadProblem {
  const message = `the policy is below ${path}, where only an object with apiVersion and kind has it`;
  const remedy =
    "write apiVersion, kind and metadata too, or give the policy by itself: mode, trustDomains and rules at the top";
  return { kind: "object-incomplete", place: config.keyPlace, message, remedy };
}

function problemOfKey({ key, value, meant }: MisspeltKey): ReadProblem {
  const message = `the chart has no value called ${key}`;
  return { kind: "values-key", place: value.keyPlace, message, remedy: `did you mean ${meant}?` };
}

/** A policy, and where findings about it belong. */
interface FoundPolicy {
  title: string;
  place: Place;
  config: Field | undefined;
  parent: Place;
  home: PolicyHome | undefined;
  objectBytes?: number;
}

function policyOf({ resource, config, wasm }: Plugin): FoundPolicy {
  return {
    title: resource.title,
    place: resource.place,
    config,
    parent: wasm?.placeOf("pluginConfig") ?? resource.place,
    home: homeIn(resource),
    objectBytes: objectBytes(resource),
  };
}

/** A policy by itself, or in chart values. In a folder only what looks like a policy is taken for one. */
function policyIn({ root, isOfValues, misspelt, wrapped }: PlainDocument, named: boolean): FoundPolicy[] {
  if (wrapped) {
    const { config } = wrapped;
    return [{ title: "policy", place: config.place, config, parent: config.place, home: undefined }];
  }
  if (isIncomplete(root)) return [];
  // Under a misspelt key too, so that its own faults are reported at once.
  const meant = misspelt.find((key) => key.meant === "policy")?.value;
  const config = isOfValues ? (root.get("policy") ?? meant) : root;
  if (!named && !(config && isPolicy(config))) return [];
  const place = isOfValues ? (config?.place ?? root.placeOf("policy")) : root.place;
  const about = isOfValues
    ? ({ title: "policy of the chart values", home: "policy" } as const)
    : { title: "policy", home: undefined };
  return [{ ...about, place, config, parent: place }];
}
