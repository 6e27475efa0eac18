import type { Field } from "../manifests/field.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Misread } from "./misread.ts";
import { sourcesOf } from "./rule-peers.ts";
import { isOwnTrustDomain } from "./trust-domains.ts";

/** The form in which Istio names a workload. Kubernetes names have no capitals. */
const WORKLOAD = /^[^/]+\/ns\/[a-z0-9][-a-z0-9]*\/sa\/[a-z0-9][-.a-z0-9]*$/;

/** Between the slashes of such a name; empty where a name stands. */
const SEGMENTS = ["", "ns", "", "sa", ""];

/** Whether some workload's name begins or ends as a principal with one `*` says. The segment beside the `*` may be cut. */
function canMatch(pattern: string): boolean {
  // The filter itself refuses any other place.
  if (!/^\*[^*]*$|^[^*]*\*$/.test(pattern)) return true;
  const isBeginning = pattern.endsWith("*");
  const written = pattern.replace("*", "").split("/");
  const [segments, words] = isBeginning ? [written, SEGMENTS] : [written.reverse(), SEGMENTS.toReversed()];
  return segments.every((segment, index) => {
    const word = words[index];
    const isCut = index === segments.length - 1;
    if (word !== "")
      return isCut ? (isBeginning ? word?.startsWith(segment) : word?.endsWith(segment)) : segment === word;
    const isTrustDomain = index === (isBeginning ? 0 : SEGMENTS.length - 1);
    return (isTrustDomain || /^[-.a-z0-9]*$/.test(segment)) && (isCut || segment !== "");
  });
}

/** Whether it is of another trust domain, or a URI that is not a SPIFFE ID: neither has to have this form. */
function isElsewhere(principal: string, ours: readonly string[]): boolean {
  const [trustDomain = "", ...path] = principal.split("/");
  if (principal.includes(":")) return true;
  const isNamed = path.length > 0 && trustDomain !== "" && !trustDomain.startsWith("*");
  return isNamed && !isOwnTrustDomain(trustDomain, ours);
}

/**
 * Trust domains of the policy's own with capitals, there and in its sources. SPIFFE-ID.md §2.1 has small letters alone. Istio signs
 * what `meshConfig.trustDomain` says, capitals and all, and names are compared as they are written. So those in `ofMesh` are right.
 */
export function misreadTrustDomains(config: Field, ofMesh: readonly string[]): Misread[] {
  const list = config.items("trustDomains");
  const astray = new Set(
    list
      .flatMap((value) => value.text() ?? [])
      .filter((name) => name !== name.toLowerCase() && !ofMesh.includes(name) && !isFilledIn(name)),
  );
  if (astray.size === 0) return [];
  const sources = sourcesOf(config);
  const keys = ["principals", "notPrincipals", "trustDomains", "notTrustDomains"];
  const named = sources.flatMap((source) => keys.flatMap((key) => source.items(key)));
  return [...list, ...named].flatMap((value): Misread[] => {
    const text = value.text() ?? "";
    const [trustDomain = "", ...path] = text.split("/");
    if (!astray.has(trustDomain)) return [];
    const message = `${trustDomain} has capitals, as no trust domain of SPIFFE, and matches only what meshConfig.trustDomain has with them`;
    const remedy = `write it as meshConfig.trustDomain does, such as ${[trustDomain.toLowerCase(), ...path].join("/")}`;
    return [{ id: "trust-domain-case", value, message, remedy }];
  });
}

/** Names in a policy's sources that no Kubernetes workload can have. `ours` are the policy's trust domains. */
export function misreadNames(config: Field, ours: readonly string[]): Misread[] {
  const sources = sourcesOf(config);
  const of = (...keys: string[]): Field[] => sources.flatMap((source) => keys.flatMap((key) => source.items(key)));
  const principals = of("principals", "notPrincipals").flatMap((value): Misread[] => {
    const text = value.text() ?? "";
    const [, account] = /^system:serviceaccount:([^:/]+:[^:/]+)$/.exec(text) ?? [];
    if (account !== undefined) {
      const message = `${text} is the name of a service account for Kubernetes' own API, and matches no workload`;
      return [
        {
          id: "principal-shape",
          value,
          message,
          remedy: `write ${ours[0] ?? "TRUST_DOMAIN"}/ns/${account.replace(":", "/sa/")}`,
        },
      ];
    }
    if (text === "" || isFilledIn(text) || isElsewhere(text, ours)) return [];
    const isName = (name: string): boolean => (name.includes("*") ? canMatch(name) : WORKLOAD.test(name));
    if (isName(text)) return [];
    const own = ours[0] ?? "TRUST_DOMAIN";
    const near = `${text.startsWith("/") ? own : ""}${text.trim().toLowerCase().replace(/\/$/, "")}`;
    const [first = ""] = text.includes("/") ? text.split("/") : [];
    const trustDomain = first === "" ? own : first;
    const form = `${trustDomain}/ns/NAMESPACE/${text.endsWith("*") ? "*" : "sa/SERVICE_ACCOUNT"}`;
    const message = `${text} is not a name that Istio gives to a workload, so it matches none`;
    return [{ id: "principal-shape", value, message, remedy: `write ${isName(near) ? near : form}` }];
  });
  const names = of("namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts").flatMap(
    (value): Misread[] => {
      const text = value.text() ?? "";
      const lower = text.toLowerCase();
      if (text === lower || isFilledIn(text)) return [];
      const message = `${text} has capitals, which no Kubernetes name has, so it matches nobody`;
      return [{ id: "principal-shape", value, message, remedy: `write ${lower}` }];
    },
  );
  return [...principals, ...names];
}
