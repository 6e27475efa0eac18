import assert from "node:assert/strict";
import { selects, type Manifest } from "./manifests.ts";

interface DenySpec {
  selector: { matchLabels: Record<string, string> };
  action: string;
  rules: {
    from: { source: { notPrincipals: string[] } }[];
    to: { operation: { ports?: string[]; notPorts?: string[] } }[];
  }[];
}

const BROKER_PODS = { "app.kubernetes.io/name": "nats" };

/**
 * DENY policies on TCP, as Istio's documentation describes them: a connection is denied if any rule's `from` and `to` both match.
 */
export function denied(
  policies: readonly Manifest[],
  port: number,
  principal: string | undefined,
  pods: Record<string, string> = BROKER_PODS,
): boolean {
  return policies.some(({ spec }) => {
    const { action, rules, selector } = spec as unknown as DenySpec;
    assert.equal(action, "DENY");
    assert.ok(selects(selector.matchLabels, pods));
    return rules.some(
      ({ from, to }) =>
        from.some(({ source }) => principal === undefined || !source.notPrincipals.includes(principal)) &&
        to.some(({ operation: { ports, notPorts } }) =>
          ports ? ports.includes(String(port)) : !(notPorts ?? []).includes(String(port)),
        ),
    );
  });
}
