import type { Field } from "../manifests/field.ts";
import { PatternTree } from "./pattern-tree.ts";
import { allowedBy, deniedBy, OPERATIONS, type Operation } from "./rule-entries.ts";
import { sourcesOf } from "./rule-peers.ts";

/** What stands for the mesh's own trust domain in a principal of five segments (docs/reference/policy.md, `rules[].from[]`). */
const CLUSTER_LOCAL = /^cluster\.local(?:\/[^/]*){4}$/;

/** A value of a source that can match no peer. */
export interface ForeignValue {
  value: Field;
  trustDomain: string;
}

/** The trust domain, or the beginning or end of one, that a value of `principals` names; undefined for what names none. */
function trustDomainOf(principal: string): string | undefined {
  if (CLUSTER_LOCAL.test(principal) || principal.includes(":")) return undefined;
  const [first = "", ...path] = principal.split("/");
  // With fewer segments `*` may stand for the trust domain too.
  if (first.startsWith("*")) return first !== "*" && path.length === 4 ? first : undefined;
  // Nothing before the first slash is no trust domain, but another fault of the name (misread-names.ts).
  return (path.length > 0 && first !== "") || first.endsWith("*") ? first : undefined;
}

/** Whether some name fits a trust domain with at most one `*`. */
function fitsOne(pattern: string, names: readonly string[]): boolean {
  const [begin = "", end] = pattern.split("*");
  if (end === undefined) return names.includes(pattern);
  return names.some((name) => name.length >= pattern.length - 1 && name.startsWith(begin) && name.endsWith(end));
}

/**
 * Values of sources whose trust domain is not among the policy's own, `ours`. Peers of such a domain are not authenticated. In
 * whatever letters one of `ours` is written, the slip is there (misread-names.ts).
 */
export function foreignValues(config: Field, ours: readonly string[]): ForeignValue[] {
  if (ours.length === 0) return [];
  const known = [...ours, ...ours.map((name) => name.toLowerCase())];
  return sourcesOf(config).flatMap((source) => {
    const principals = [...source.items("principals"), ...source.items("notPrincipals")].flatMap((value) => {
      const trustDomain = trustDomainOf(value.text() ?? "");
      return trustDomain === undefined ? [] : [{ value, trustDomain }];
    });
    const domains = [...source.items("trustDomains"), ...source.items("notTrustDomains")].map((value) => {
      return { value, trustDomain: value.text() ?? "*" };
    });
    return [...principals, ...domains].filter(({ trustDomain }) => !fitsOne(trustDomain, known));
  });
}

/** An entry of an `allow` that the same rule denies entirely. */
export interface VoidEntry {
  allow: Field;
  deny: string;
}

/** The entries of a rule's `allow` lists that its `deny` lists cover entirely. */
export function voidEntries(rule: Field): VoidEntry[] {
  return OPERATIONS.flatMap((operation) => {
    const denies = deniedBy(rule, operation);
    if (denies.length === 0) return [];
    const denied = new PatternTree(denies.map(({ text }) => text));
    return allowedBy(rule, operation).flatMap(({ field, text }) => {
      const deny = denied.takingWhole(text);
      return deny === undefined ? [] : [{ allow: field, deny }];
    });
  });
}

/** A pattern of a subject class that an earlier class covers entirely. */
export interface ShadowedPattern {
  pattern: Field;
  name: string;
  /** The earlier class, and its pattern. */
  earlier: { name: string; pattern: string };
}

/** The patterns of `telemetry.subjects` under which nothing is counted, because the first class that matches counts. */
export function shadowedPatterns(config: Field): ShadowedPattern[] {
  const before = new PatternTree();
  const nameOf = new Map<string, string>();
  return config.items("telemetry", "subjects").flatMap((subjectClass) => {
    const name = subjectClass.text("name") ?? "";
    const patterns = subjectClass.items("patterns");
    const shadowed = patterns.flatMap((pattern): ShadowedPattern[] => {
      const taking = before.takingWhole(pattern.text() ?? "");
      // The filter itself reports the same pattern twice as a fault.
      if (taking === undefined || taking === pattern.text()) return [];
      return [{ pattern, name, earlier: { name: nameOf.get(taking) ?? "", pattern: taking } }];
    });
    for (const pattern of patterns) {
      const text = pattern.text() ?? "";
      if (nameOf.has(text)) continue;
      before.add(text);
      nameOf.set(text, name);
    }
    return shadowed;
  });
}

/** A word of a rule that changes nothing, because it applies only to what its own rule allows. */
export interface IdleWord {
  value: Field;
  key: "replies" | "rollup";
}

function allows(rule: Field, operation: Operation): boolean {
  const allow = rule.get(operation, "allow");
  return allow !== undefined && (allow.text() !== undefined || allow.items().length > 0);
}

/** Whether a rule lets its peers answer what they receive. */
function mayAnswer(rule: Field): boolean {
  const answers = rule.get("allow_responses");
  return answers !== undefined && answers.text() !== "false";
}

/** Whether the policy is enforced, but this rule of it is only on trial. */
export function isTriedAlone(config: Field, rule: Field): boolean {
  return (config.text("mode") ?? "ENFORCE") === "ENFORCE" && rule.text("mode") === "DRY_RUN";
}

/**
 * The words of a rule with which it would let its peers do more. Of a rule that `isTriedAlone` they change nothing: the filter asks
 * such rules only about what the others let pass (client-operations.ts), and so tries only what they deny.
 */
export function untriedWords(rule: Field): { value: Field; key: string }[] {
  const answers = rule.get("allow_responses");
  const words: [key: string, value: Field | undefined, isMeant: boolean][] = [
    ...OPERATIONS.map((operation): [string, Field | undefined, boolean] => [
      `${operation}.allow`,
      rule.get(operation, "allow"),
      allowedBy(rule, operation).length > 0,
    ]),
    ["allow_responses", answers, answers?.isObject === true || answers?.text() === "true"],
    ["replies: ANY", rule.get("replies"), rule.text("replies") === "ANY"],
    ["rollup: ALL", rule.get("rollup"), rule.text("rollup") === "ALL"],
  ];
  return words.flatMap(([key, value, isMeant]) => (value && isMeant ? [{ value, key }] : []));
}

/** Whether a rule lets its peers connect. */
export function allowsAnything(rule: Field): boolean {
  return allows(rule, "publish") || allows(rule, "subscribe") || mayAnswer(rule);
}

/** `replies: ANY` of a rule that allows neither a publish nor a response, and `rollup: ALL` of a rule that allows no publish. */
export function idleWords(rule: Field): IdleWord[] {
  if (allows(rule, "publish")) return [];
  return (["replies", "rollup"] as const).flatMap((key) => {
    const value = rule.get(key);
    const idle = key === "replies" ? value?.text() === "ANY" && !mayAnswer(rule) : value?.text() === "ALL";
    return value && idle ? [{ value, key }] : [];
  });
}
