import type { Field, Member } from "../manifests/field.ts";
import { SERVER_FIRST_PORTS } from "./nats-ports.ts";

/** Fields of sources and operations that only HTTP has (pilot/pkg/security/authz/model/generator.go, "is HTTP only"). */
const OF_HTTP = new Set(
  ["RequestPrincipals", "Hosts", "Methods", "Paths"].flatMap((name) => [
    name.charAt(0).toLowerCase() + name.slice(1),
    `not${name}`,
  ]),
);

/** Whether Istio treats a port as plain TCP, because nats-server speaks first there. Nothing is assumed about other ports. */
export function isTcp(port: number): boolean {
  return SERVER_FIRST_PORTS.has(port);
}

/** The fields of a source or an operation that count on a port. On TCP Istio ignores the HTTP-only ones. */
export function membersOn(port: number, field: Field | undefined): readonly Member[] {
  return (field?.members() ?? []).filter(([key]) => !isTcp(port) || !OF_HTTP.has(key));
}

/** Whether only HTTP has what a condition is about. */
export function isOfHttp(condition: Field): boolean {
  return condition.text("key")?.startsWith("request.") ?? false;
}

/**
 * The HTTP-only fields of a rule. On TCP Istio drops them from a DENY rule, which then denies more, and ignores an ALLOW rule that
 * has any.
 */
export function httpFields(rule: Field): string[] {
  const parts = [
    ...rule.items("from").flatMap((from) => from.members("source")),
    ...rule.items("to").flatMap((to) => to.members("operation")),
  ];
  const keys = parts.filter(([key, values]) => OF_HTTP.has(key) && values.items().length > 0).map(([key]) => key);
  const conditions = rule.items("when").filter(isOfHttp);
  return [...new Set([...keys, ...conditions.flatMap((condition) => condition.text("key") ?? [])])];
}
