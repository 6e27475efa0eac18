import type { Field } from "../manifests/field.ts";
import { placeText } from "../manifests/place.ts";
import type { ReadProblem } from "../manifests/manifests.ts";
import { readValuesIn } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { isAboutNats } from "./about-nats.ts";
import { hasPolicy, ownValues } from "./chart-values.ts";
import { valueSources, type Override } from "./value-sources.ts";

/** The chart values of a release that have a policy, and why a text that may have one cannot be read. */
export interface PolicyValues {
  policies: Field[];
  problems: ReadProblem[];
  /** What is put over these values, and changes the policy in them. */
  overrides: Override[];
}

/** The key of a policy that other charts do not have in their values. */
const HAS_POLICY = /^\s*["']?trustDomains["']?\s*:/m;

/** The keys of a policy, and of values with one, that other charts may have too, such as Prometheus's. */
const MAY_HAVE_POLICY = /^\s*["']?(?:policy|rules)["']?\s*:/m;

/** Most releases are of other charts, whose values are not judged here. */
function mayHavePolicy(text: string, resource: Resource): boolean {
  return HAS_POLICY.test(text) || (MAY_HAVE_POLICY.test(text) && isAboutNats(resource));
}

function readValues(values: Field, resource: Resource): { roots: Field[]; problems: ReadProblem[] } {
  const text = values.text();
  if (text === undefined) return { roots: [values], problems: [] };
  const { others, problems } = readValuesIn(values);
  return { roots: others, problems: mayHavePolicy(text, resource) ? problems : [] };
}

/** The policies that a release brings by its values. */
export function policyValues(resource: Resource): PolicyValues {
  const sources = valueSources(resource);
  const values = [...new Set(sources.map((source) => source.values))];
  const read = new Map(values.map((one) => [one, readValues(one, resource)]));
  const policiesIn = (one: Field): Field[] => (read.get(one)?.roots ?? []).flatMap(ownValues).filter(hasPolicy);
  const policies = new Map(values.map((one) => [one, policiesIn(one)]));
  const overrides = sources.filter((one) => policies.get(one.values)?.length).flatMap((one) => one.overrides);
  return {
    policies: [...policies.values()].flat(),
    problems: [...read.values()].flatMap(({ problems }) => problems),
    overrides: [...new Map(overrides.map((one) => [placeText(one.place), one])).values()],
  };
}
