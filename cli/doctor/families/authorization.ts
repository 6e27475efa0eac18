import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import { principalsIn } from "../../mesh/authorization-principals.ts";
import { isKey, KEYS } from "../../mesh/authorization-when.ts";
import { ACTIONS, policiesFor, policiesInWaypoint } from "../../mesh/authorization.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { writeNearest } from "../../nearest.ts";
import { family, type Report } from "../family.ts";

type Id = "authorization-action-unknown" | "authorization-condition-unknown" | "principal-malformed";

/** Istio puts `spiffe://` before what is written (pilot/pkg/security/authz/matcher/string.go). */
function isWellFormed(principal: string): boolean {
  if (principal.includes("://")) return false;
  return /^\*|\*$/.test(principal) || /^[^/]+\/ns\/[^/]+\/sa\/[^/]+$/.test(principal);
}

interface MalformedPrincipal {
  value: Field;
  principal: string;
  policy: Resource;
}

/** Of the policies that select nats-server's pods, and those that their waypoints enforce. */
function malformedPrincipals(mesh: Mesh): MalformedPrincipal[] {
  const ofServices = mesh.brokerServices.map(({ namespace, selector }) => ({ namespace, labels: selector }));
  const pods = [...mesh.brokers, ...ofServices];
  const inWaypoints = mesh.waypointServices().flatMap((service) => policiesInWaypoint(service, mesh));
  return [...new Set([...pods.flatMap((one) => policiesFor(one, mesh)), ...inWaypoints])].flatMap((policy) =>
    principalsIn(policy)
      .map((value) => ({ value, principal: value.text() ?? "", policy }))
      .filter(({ principal }) => !isWellFormed(principal)),
  );
}

function judgeActions(mesh: Mesh, report: Report<Id>): void {
  for (const { root } of mesh.of("AuthorizationPolicy", "security.istio.io")) {
    const action = root.get("spec", "action");
    const word = action?.text();
    if (action && word !== undefined && !ACTIONS.includes(word) && !isFilledIn(word))
      report("authorization-action-unknown", action.place, `Istio has no action ${word}`, writeNearest(word, ACTIONS));
  }
}

function judgeConditions(mesh: Mesh, report: Report<Id>): void {
  const rules = mesh.of("AuthorizationPolicy", "security.istio.io").flatMap(({ root }) => root.items("spec", "rules"));
  for (const condition of rules.flatMap((rule) => rule.items("when"))) {
    const key = condition.get("key");
    const word = key?.text();
    if (!key || word === undefined || isKey(word) || isFilledIn(word)) continue;
    const message = `Istio has no condition on ${word}`;
    report("authorization-condition-unknown", key.place, message, writeNearest(word, KEYS));
  }
}

function judgePrincipals(mesh: Mesh, report: Report<Id>): void {
  for (const { value, principal, policy } of malformedPrincipals(mesh)) {
    if (isFilledIn(principal)) continue;
    const meant = principal.replace(/^spiffe:\/\//, "");
    const isSpiffe = meant !== principal && isWellFormed(meant);
    const message = `${principal} in ${policy.title} is not a principal to Istio`;
    report("principal-malformed", value.place, message, isSpiffe ? `write ${meant}` : undefined);
  }
}

export const authorization = family<Id>(
  "What Istio reads in an AuthorizationPolicy",
  {
    "authorization-action-unknown": {
      severity: "error",
      what: "Istio does not know this action, and Kubernetes refuses the AuthorizationPolicy. Actions are written in capitals.",
      remedy: `write one of ${ACTIONS.join(", ")}`,
    },
    "authorization-condition-unknown": {
      severity: "error",
      what:
        "A condition (`when`) of an AuthorizationPolicy has a key that Istio does not know, such as `destination.ports`. Istio refuses " +
        "the policy, so that it restricts nothing.",
      remedy: `write one of ${KEYS.join(", ")}, request.headers[NAME] or request.auth.claims[NAME]`,
    },
    "principal-malformed": {
      severity: "error",
      what:
        "A principal of an AuthorizationPolicy has the form TRUST_DOMAIN/ns/NAMESPACE/sa/NAME, without `spiffe://`; it may " +
        "begin or end with `*`. Anything else matches nobody: an ALLOW rule lets nobody in by it, and notPrincipals exempts " +
        "nobody.",
      remedy: "write TRUST_DOMAIN/ns/NAMESPACE/sa/NAME",
    },
  },
  ({ mesh }, report) => {
    judgeActions(mesh, report);
    judgeConditions(mesh, report);
    judgePrincipals(mesh, report);
  },
);
