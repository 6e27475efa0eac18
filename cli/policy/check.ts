import type { Finding } from "../doctor/finding.ts";
import { files } from "../doctor/families/files.ts";
import { examinePolicy, homeIn, POLICY_CHECKS, type PolicyHome, type PolicyId } from "../doctor/families/policy.ts";
import { family } from "../doctor/family.ts";
import { spelling } from "../doctor/families/spelling.ts";
import { size } from "../doctor/families/size.ts";
import type { Filter } from "../filter-host.ts";
import type { Field } from "../manifests/field.ts";
import { byPosition, type Place } from "../manifests/place.ts";
import { EMPTY_FILE, isIncomplete, readManifests, type ReadProblem } from "../manifests/read.ts";
import type { Source } from "../manifests/source.ts";
import { Mesh } from "../mesh/mesh.ts";
import { isPolicy, Plugin } from "../mesh/plugin.ts";
import { isChartValues, misspeltKeys, type MisspeltKey } from "./chart-values.ts";
import type { JudgedPolicy } from "./judge.ts";
import { objectBytes } from "./size.ts";
import { wrappedPolicy, type WrappedPolicy } from "./wrapped.ts";

export interface CheckedPolicy extends Omit<JudgedPolicy, "faults" | "unlisted"> {
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
 * Lets the filter read every policy of the sources: plugins of any name, and documents that are not Kubernetes objects, such as
 * chart values.
 */
export function checkPolicies(sources: readonly Source[], filter: Filter, namespace: string): CheckedPolicies {
  const checked: CheckedPolicies = { policies: [], findings: [] };
  for (const source of sources) checkSource(source, filter, namespace, checked);
  return checked;
}

function checkSource(source: Source, filter: Filter, namespace: string, into: CheckedPolicies): void {
  const manifests = readManifests(source, namespace);
  const plugins = manifests.resources
    .filter((resource) => Plugin.isPlugin(resource))
    .map((resource) => new Plugin(resource));
  const subjects = [
    ...plugins.map(({ resource, config, wasm }) => ({
      title: resource.title,
      place: resource.place,
      config,
      parent: wasm?.placeOf("pluginConfig") ?? resource.place,
      home: homeIn(resource),
      objectBytes: objectBytes(resource),
    })),
    ...manifests.others.flatMap((document) => policyIn(document, source.named)),
  ];
  const bare = manifests.others.filter((document) => !isChartValues(document) && !isIncomplete(document));
  manifests.problems.push(...bare.flatMap((document) => wrappedPolicy(document) ?? []).map(problemOfWrapper));
  manifests.problems.push(...manifests.others.filter(isChartValues).flatMap(misspeltKeys).map(problemOfKey));
  if (source.named && subjects.length + manifests.problems.length === 0) {
    const place = { file: source.file, line: 1, column: 1 };
    const said = source.text.trim() === "" ? EMPTY_FILE : { message: "this file has no policy" };
    manifests.problems.push({ kind: "no-policy", place, ...said });
  }
  const policies = family<PolicyId>("", POLICY_CHECKS, (_, report) => {
    for (const { config, parent, home, ...about } of subjects) {
      const {
        faults: _faults,
        unlisted: _unlisted,
        ...judged
      } = examinePolicy({ title: about.title, config, parent, home }, filter, report);
      into.policies.push({ ...about, ...judged });
    }
  });
  // Every plugin that is checked is taken for ours, whatever its name.
  const mesh = Object.assign(new Mesh(manifests.resources, { rootNamespace: "" }), { plugins });
  const findings = [files, spelling, policies, size].flatMap((one) => one.examine({ mesh, manifests, filter }));
  into.findings.push(...findings.sort((a, b) => byPosition(a.place, b.place)));
}

interface PolicyOfDocument {
  title: string;
  place: Place;
  config: Field | undefined;
  parent: Place;
  home: PolicyHome | undefined;
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

/** A policy by itself, or in chart values. In a folder only what looks like a policy is taken for one. */
function policyIn(document: Field, named: boolean): PolicyOfDocument[] {
  const values = isChartValues(document);
  const wrapped = values ? undefined : wrappedPolicy(document)?.config;
  if (wrapped)
    return [{ title: "policy", place: wrapped.place, config: wrapped, parent: wrapped.place, home: undefined }];
  if (isIncomplete(document)) return [];
  // Under a misspelt key too, so that its own faults are reported at once.
  const misspelt = values ? misspeltKeys(document).find(({ meant }) => meant === "policy") : undefined;
  const config = values ? (document.get("policy") ?? misspelt?.value) : document;
  if (!named && !(config && isPolicy(config))) return [];
  const place = values ? (config?.place ?? document.placeOf("policy")) : document.place;
  return [
    {
      title: values ? "policy of the chart values" : "policy",
      place,
      config,
      parent: place,
      home: values ? "policy" : undefined,
    },
  ];
}
