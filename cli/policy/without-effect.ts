import type { Field } from "../manifests/field.ts";

/** What Istio takes for whatever the mesh is called, in a principal of five segments (docs/policy.md, `rules[].from[]`). */
const CLUSTER_LOCAL = /^cluster\.local(?:\/[^/]*){4}$/;

/** The trust domain that a principal names; undefined for a wildcard, and for a URI that is no SPIFFE ID. */
const TRUST_DOMAIN = /^([^*/:]+)\//;

/** A value of a source that can match no peer. */
export interface ForeignValue {
  value: Field;
  trustDomain: string;
}

/** Values of sources whose trust domain is none of the policy's, `ours`: its peers are not authenticated. */
export function foreignValues(config: Field, ours: readonly string[]): ForeignValue[] {
  if (ours.length === 0) return [];
  const sources = config.items("rules").flatMap((rule) => rule.items("from"));
  return sources.flatMap((source) => {
    const principals = [...source.items("principals"), ...source.items("notPrincipals")].flatMap((value) => {
      const text = value.text() ?? "";
      const trustDomain = CLUSTER_LOCAL.test(text) ? undefined : TRUST_DOMAIN.exec(text)?.[1];
      return trustDomain === undefined ? [] : [{ value, trustDomain }];
    });
    const domains = [...source.items("trustDomains"), ...source.items("notTrustDomains")].flatMap((value) => {
      const trustDomain = value.text() ?? "*";
      return trustDomain.includes("*") ? [] : [{ value, trustDomain }];
    });
    return [...principals, ...domains].filter(({ trustDomain }) => !ours.includes(trustDomain));
  });
}

/** An entry of an `allow` that the same rule denies whole. */
export interface VoidEntry {
  allow: Field;
  deny: string;
}

export function voidEntries(rule: Field): VoidEntry[] {
  return ["publish", "subscribe"].flatMap((operation) => {
    const denied = rule.items(operation, "deny").flatMap((entry) => entry.text() ?? []);
    const allow = rule.get(operation, "allow");
    const entries = allow?.text() === "ALL" ? [allow] : (allow?.items() ?? []);
    return entries.flatMap((entry) => {
      const subject = entry === allow ? ">" : (entry.text() ?? "");
      const deny = denied.find((candidate) => takesWhole(candidate, subject));
      return deny === undefined ? [] : [{ allow: entry, deny }];
    });
  });
}

/** Whether one entry takes all that the other does: `SUBJECT`, or `SUBJECT QUEUE` of that group alone. */
function takesWhole(wide: string, narrow: string): boolean {
  const [[wideSubject = "", wideQueue], [narrowSubject = "", narrowQueue]] = [wide.split(" "), narrow.split(" ")];
  if (wideQueue !== undefined && wideQueue !== narrowQueue) return false;
  const [wideTokens, narrowTokens] = [wideSubject.split("."), narrowSubject.split(".")];
  for (const [index, token] of wideTokens.entries()) {
    const other = narrowTokens[index];
    if (token === ">") return other !== undefined;
    if (other === undefined || other === ">" || (token !== "*" && token !== other)) return false;
  }
  return wideTokens.length === narrowTokens.length;
}
