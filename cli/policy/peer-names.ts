import type { Field } from "../manifests/field.ts";
import { isOwnTrustDomain } from "./trust-domains.ts";

/** What names of peers, `TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`, a value of a source stands for: one, or all that begin or end so. */
export interface PeerNames {
  form: "one" | "beginning" | "end";
  text: string;
}

/** All SPIFFE IDs. */
export const ALL_NAMES: PeerNames = { form: "beginning", text: "" };

/** Principals of so many segments stand for the same workload in all of the policy's trust domains (docs/reference/policy.md). */
const SEGMENTS = 5;

/** What Istio's expression for a namespace also matches elsewhere in a URI (assembly/policy/source-patterns.ts). */
export const AMBIGUOUS_NAMESPACES: readonly string[] = ["ns", "sa"];

function namesOfPrincipal(value: string, ours: readonly string[]): PeerNames[] | undefined {
  // Other URIs than SPIFFE IDs, and `*`, which stands for these too.
  if (value.includes(":") || value === "*") return undefined;
  const form = value.startsWith("*") ? "end" : value.endsWith("*") ? "beginning" : "one";
  const text = value.replace("*", "");
  if (text.includes("*")) return undefined;
  const [trustDomain = "", ...path] = text.split("/");
  const isMoved =
    path.length + 1 === SEGMENTS &&
    (form === "end"
      ? trustDomain !== "" && ours.some((own) => own.endsWith(trustDomain))
      : isOwnTrustDomain(trustDomain, ours));
  if (!isMoved) return [{ form, text }];
  return ours.map((own) => ({ form: form === "end" ? "one" : form, text: [own, ...path].join("/") }));
}

function namesOfNamespace(value: string, ours: readonly string[]): PeerNames[] | undefined {
  const [begin = "", rest] = value.split("*");
  // In another place than last, `*` may stand for anything.
  if (AMBIGUOUS_NAMESPACES.includes(value) || (rest !== undefined && rest !== "")) return undefined;
  const end = rest === undefined ? "/sa/" : "";
  return ours.map((own) => ({ form: "beginning", text: `${own}/ns/${begin}${end}` }));
}

/**
 * The names of the peers that a value of one of a source's lists stands for; undefined where they cannot be told, or are not all
 * SPIFFE IDs. `ours` are the policy's trust domains, of which every authenticated peer with a SPIFFE ID is.
 */
export function namesOf(key: string, value: Field, ours: readonly string[]): PeerNames[] | undefined {
  const text = value.text();
  if (text === undefined) return undefined;
  switch (key) {
    case "principals":
    case "notPrincipals":
      return namesOfPrincipal(text, ours);
    case "namespaces":
    case "notNamespaces":
      return namesOfNamespace(text, ours);
    case "serviceAccounts":
    case "notServiceAccounts":
      return ours.map((own) => ({ form: "one", text: `${own}/ns/${text.replace("/", "/sa/")}` }));
  }
  if (text !== "*" && !ours.includes(text)) return undefined;
  return ours.map((own) => ({ form: "beginning", text: `${own}/` }));
}

/** Whether some name may be among both. */
export function mayMeet(one: PeerNames, other: PeerNames): boolean {
  if (one.form === "one" && other.form === "one") return one.text === other.text;
  const [narrow, wide] = one.form === "one" ? [one, other] : [other, one];
  if (narrow.form === "one")
    return wide.form === "end" ? narrow.text.endsWith(wide.text) : narrow.text.startsWith(wide.text);
  if (one.form !== "beginning" || other.form !== "beginning") return true;
  return one.text.startsWith(other.text) || other.text.startsWith(one.text);
}
