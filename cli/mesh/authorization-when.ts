import type { Field, Member } from "../manifests/field.ts";
import { isOfHttp, isTcp, membersOn } from "./authorization-http.ts";

/** The key of `when` that is the same as `ports` and `notPorts` of an operation. */
const OF_PORT = "destination.port";

const OF_PRINCIPAL = "source.principal";

/**
 * The keys of `when` that are the same as two keys of a source: Istio makes both by one generator
 * (pilot/pkg/security/authz/model/model.go, `New`), and ztunnel compares both alike
 * (pilot/pkg/serviceregistry/ambient/authorization.go, `handleRule`).
 */
const OF_SOURCE: ReadonlyMap<string, readonly [values: string, notValues: string]> = new Map([
  [OF_PRINCIPAL, ["principals", "notPrincipals"]],
  ["source.namespace", ["namespaces", "notNamespaces"]],
]);

/**
 * The keys that some version of Istio accepts (pkg/config/security/security.go, `ValidateAttribute`), but for those with a name in
 * brackets.
 */
export const KEYS: readonly string[] = [
  OF_PORT,
  ...OF_SOURCE.keys(),
  "source.serviceAccount",
  "source.trustDomain",
  "source.ip",
  "remote.ip",
  "destination.ip",
  "connection.sni",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
];

/** `request.headers[NAME]`; what is before the bracket may be longer (`validateMapKey`). */
const NAMED_KEY =
  /^(?:request\.headers|request\.experimental\.inline\.headers|request\.auth\.claims|experimental\.envoy\.filters\.).*\[..*\]$/;

/** Whether Istio accepts the key of a condition; it refuses a policy with another one. */
export function isKey(key: string): boolean {
  return KEYS.includes(key) || NAMED_KEY.test(key);
}

function keyOf(condition: Field): string {
  return condition.text("key") ?? "";
}

/** The conditions that count on a port and whose answer is not known. */
export function conditionsOn(port: number, rule: Field): Field[] {
  return rule
    .items("when")
    .filter((condition) => keyOf(condition) !== OF_PORT && !OF_SOURCE.has(keyOf(condition)))
    .filter((condition) => !isTcp(port) || !isOfHttp(condition));
}

/** The conditions about the port that is connected to. */
export function portConditions(rule: Field): Field[] {
  return rule.items("when").filter((condition) => keyOf(condition) === OF_PORT);
}

export function principalConditions(rule: Field): Field[] {
  return rule.items("when").filter((condition) => keyOf(condition) === OF_PRINCIPAL);
}

/** What the conditions say about who connects, as members of a source. A list without values says nothing. */
function sourceConditions(rule: Field): Member[] {
  return rule.items("when").flatMap((condition) => {
    const names = OF_SOURCE.get(keyOf(condition)) ?? [];
    return names.flatMap((name, index): Member[] => {
      const values = condition.get(index === 0 ? "values" : "notValues");
      return values && values.items().length > 0 ? [[name, values]] : [];
    });
  });
}

/**
 * Whether one source of a rule is such that all that is said about who connects passes a test: what the source says itself, and the
 * conditions, which hold for each source. A rule without sources has its conditions alone.
 */
export function someSource(port: number, rule: Field, test: (member: Member) => boolean): boolean {
  if (!sourceConditions(rule).every(test)) return false;
  const sources = rule.items("from");
  return sources.length === 0 || sources.some((from) => membersOn(port, from.get("source")).every(test));
}
