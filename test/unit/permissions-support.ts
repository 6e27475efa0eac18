import { Permissions } from "../../assembly/policy/permissions";
import { REASON_NAMES, Reason } from "../../assembly/policy/reason";
import { RuleSet, RuleSets } from "../../assembly/policy/rule-set";
import { SubjectClass } from "../../assembly/policy/subject-classes";
import { lengthOf, pointerTo } from "./bytes-support";
import { ANYONE, read } from "./policy-support";

export const PEER: string = "spiffe://cluster.local/ns/shop/sa/orders";

/** The sets of a configuration with these rules, each with its name, its `from` and what it permits. */
export function ruleSetsOf(rules: string[], mode: string = "ENFORCE"): RuleSets {
  const document = read(`{"mode":"${mode}","trustDomains":["cluster.local"],"rules":[{${rules.join("},{")}}]}`);
  expect(document.faults.toString()).toBe("");
  return new RuleSets(document);
}

export function setFor(sets: RuleSets, uri: string): RuleSet {
  return sets.of(sets.document.peers.principalOf(uri))!;
}

/** What rules with these permissions together permit to a peer that all of them match, with these classes of subjects. */
export function permissionsOf(acts: string[], classes: SubjectClass[] = []): Permissions {
  const rules: string[] = [];
  for (let i = 0; i < acts.length; i++) rules.push(`"name":"r${i}",${ANYONE},${acts[i]}`);
  const sets = ruleSetsOf(rules);
  for (let i = 0; i < classes.length; i++) sets.document.telemetry.subjects.push(classes[i]);
  return setFor(sets, PEER).enforced;
}

/** The reason's name, and the rule that decided if there is one. */
function decided(permissions: Permissions, reason: Reason): string {
  const rule = permissions.decidedBy;
  return rule < 0 ? REASON_NAMES[reason] : `${REASON_NAMES[reason]} by ${rule}`;
}

export function publish(permissions: Permissions, subject: string): string {
  return decided(permissions, permissions.publish(pointerTo(subject), lengthOf(subject)));
}

/** A SUB to `subject` or `subject queue`. */
export function subscribe(permissions: Permissions, subscription: string): string {
  const parts = subscription.split(" ");
  const queue = parts.length > 1 ? parts[1] : "";
  return decided(
    permissions,
    permissions.subscribe(pointerTo(parts[0]), lengthOf(parts[0]), pointerTo(queue), lengthOf(queue)),
  );
}

/** Whether a message is withheld from a subscription with this queue; "" for none, "?" for an unknown one. */
export function keptBack(permissions: Permissions, subject: string, queue: string): bool {
  const known = queue != "?";
  return permissions.deliveryDenied(pointerTo(subject), lengthOf(subject), pointerTo(queue), lengthOf(queue), known);
}
