import type { Field, Member } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { httpFields, isTcp } from "./authorization-http.ts";
import { nearest } from "../nearest.ts";
import { isAbout } from "./authorization-source.ts";
import { conditionsOn, portConditions, someSource } from "./authorization-when.ts";
import type { Mesh } from "./mesh.ts";
import { selects, workloadSelector, type Pods } from "./selector.ts";
import type { Service } from "./service.ts";
import { attachment, targetRefsOf } from "./target-refs.ts";
import { Workload, type ServiceAccount } from "./workload.ts";

/** Who can reach a port, as far as AuthorizationPolicies decide. */
export type Access =
  | { kind: "restricted" }
  /** No ALLOW policy selects the pods, and no DENY policy the port. */
  | { kind: "open" }
  /** A rule of an ALLOW policy lets everybody in. */
  | { kind: "opened"; rule: Field; policy: Resource };

/**
 * Judges one port of pods. A DENY rule restricts the port if it denies all but some peers, because its exceptions are a deliberate
 * decision. A rule that denies only some peers leaves the port open to all others.
 */
export function accessTo(pods: Pods, port: number, mesh: Mesh): Access {
  const policies = policiesFor(pods, mesh);
  if (
    policies.some(
      (policy) =>
        actionOf(policy) === "DENY" &&
        rulesOf(policy, port).some((rule) => covers(rule, port) && deniesOthers(rule, port)),
    )
  )
    return { kind: "restricted" };
  const allowing = policies.filter((policy) => actionOf(policy) === "ALLOW");
  if (allowing.length === 0) return { kind: "open" };
  for (const policy of allowing) {
    const rule = rulesOf(policy, port).find((candidate) => covers(candidate, port) && admitsEverybody(candidate, port));
    if (rule) return { kind: "opened", rule, policy };
  }
  return { kind: "restricted" };
}

/** What keeps somebody from a port: a rule that denies, or ALLOW policies without a rule that lets them in. */
export interface Denial {
  policy: Resource;
  /** Undefined if it is the absence of a rule that denies. */
  rule: Field | undefined;
}

/** What keeps everybody from a port of pods. Istio's "allow nothing" (`spec: {}`) does. */
export function denialOfAll(pods: Pods, port: number, mesh: Mesh): Denial | undefined {
  return denialToAll(policiesFor(pods, mesh), port);
}

/** What keeps everybody from nats-server's client port in the waypoint of its Service, which has the Service's own ports. */
export function denialInWaypoint(service: Service, port: number, mesh: Mesh): Denial | undefined {
  return denialToAll(policiesInWaypoint(service, mesh), port);
}

/** What keeps everybody but nats-server itself from a port of its pods. Other workloads may have the service account `default`. */
export function denialOfOthers(pods: Workload, port: number, mesh: Mesh): Denial | undefined {
  const own = pods.serviceAccount;
  if (own.name === "default") return undefined;
  return denial(policiesFor(pods, mesh), port, {
    denied: (rule, { namespace }) => exceptsOnly(own, rule, port, namespace),
    allowed: (rule, { namespace }) => !admitsOnly(own, rule, port, namespace),
  });
}

/**
 * The trust domains by which a principal can mean a workload of the mesh, as the policies of its plugins tell; undefined if there
 * are none. Sidecars take `cluster.local` for the mesh's own (pilot/pkg/security/trustdomain/bundle.go), ztunnel compares what is
 * written.
 */
export function trustDomainsFor(pods: Pods, mesh: Mesh): ReadonlySet<string> | undefined {
  const ours = mesh.plugins.flatMap(({ config }) =>
    (config?.items("trustDomains") ?? []).flatMap((value) => value.text() ?? []),
  );
  if (ours.length === 0) return undefined;
  // Pods that are known by a Service alone are asked about only behind a waypoint.
  const isByZtunnel = !(pods instanceof Workload) || mesh.isAmbient(pods);
  return new Set(isByZtunnel ? ours : [...ours, "cluster.local"]);
}

/** What keeps a service account from a port of pods. Sources of other kinds are assumed to let it pass. */
export function denialOf(account: ServiceAccount, pods: Pods, port: number, mesh: Mesh): Denial | undefined {
  const trustDomains = trustDomainsFor(pods, mesh);
  return denial(policiesFor(pods, mesh), port, {
    denied: (rule, policy) => isAbout(account, rule, { policy, port, trustDomains }, false),
    allowed: (rule, policy) => isAbout(account, rule, { policy, port, trustDomains }, true),
  });
}

function denialToAll(policies: readonly Resource[], port: number): Denial | undefined {
  return denial(policies, port, { denied: (rule) => admitsEverybody(rule, port), allowed: () => true });
}

type RuleTest = (rule: Field, policy: Resource) => boolean;

function denial(
  policies: readonly Resource[],
  port: number,
  about: Record<"denied" | "allowed", RuleTest>,
): Denial | undefined {
  for (const policy of policies.filter((candidate) => actionOf(candidate) === "DENY")) {
    const rule = rulesOf(policy, port).find((candidate) => covers(candidate, port) && about.denied(candidate, policy));
    if (rule) return { policy, rule };
  }
  const allowing = policies.filter((policy) => actionOf(policy) === "ALLOW");
  const isAllowed = allowing.some((policy) =>
    rulesOf(policy, port).some((rule) => covers(rule, port) && about.allowed(rule, policy)),
  );
  const [policy] = allowing;
  return policy && !isAllowed ? { policy, rule: undefined } : undefined;
}

/** The policies that the sidecars of pods enforce, or ztunnel; those in dry run are left out. */
export function policiesFor(pods: Pods, mesh: Mesh): Resource[] {
  return enforcedIn(mesh).filter((policy) => appliesTo(policy, pods, mesh.rootNamespace));
}

/** The policies that the waypoint of a Service enforces: one with a selector, or with nothing, never counts there. */
export function policiesInWaypoint(service: Service, mesh: Mesh): Resource[] {
  return enforcedIn(mesh).filter((policy) => attachment(policy, mesh)(service));
}

/** A policy in dry run restricts nothing. */
function enforcedIn(mesh: Mesh): Resource[] {
  const policies = mesh.of("AuthorizationPolicy", "security.istio.io");
  return policies.filter(({ annotations }) => !GO_TRUE.has(annotations.get("istio.io/dry-run") ?? ""));
}

export const ACTIONS = ["ALLOW", "DENY", "AUDIT", "CUSTOM"];

/** What a misspelt action was meant to be: Kubernetes refuses the policy, and what would follow from that is not reported too. */
function actionOf({ root }: Resource): string {
  const written = root.text("spec", "action") ?? "ALLOW";
  return nearest(written, ACTIONS) ?? written;
}

/** The rules that count on a port. Istio skips rules of an ALLOW policy that only HTTP could satisfy. */
function rulesOf(policy: Resource, port: number): readonly Field[] {
  const rules = policy.root.items("spec", "rules");
  return isTcp(port) && actionOf(policy) === "ALLOW" ? rules.filter((rule) => httpFields(rule).length === 0) : rules;
}

/** What strconv.ParseBool accepts as true. Istio reads the annotation with it (pilot/pkg/security/authz/builder/builder.go). */
const GO_TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);

/** One with targetRefs belongs to a gateway or a waypoint. */
function appliesTo(policy: Resource, pods: Pods, rootNamespace: string): boolean {
  if (policy.namespace !== pods.namespace && policy.namespace !== rootNamespace) return false;
  if (targetRefsOf(policy).length > 0) return false;
  return selects(workloadSelector(policy.root), pods.labels);
}

/** A port of `ports` or `notPorts`, numbers written as strings: `04222` is 4222. Istio refuses others (`ValidatePorts`). */
export function portOf(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : Infinity;
  return number <= 65535 ? number : undefined;
}

/** Istio compares the port of the pod (pilot's `convertToPort`). All conditions must hold, beside one of the operations. */
function covers(rule: Field, port: number): boolean {
  const operations = rule.items("to").map((to) => to.get("operation"));
  return (
    (operations.length === 0 || operations.some((operation) => includes(operation, ["ports", "notPorts"], port))) &&
    portConditions(rule).every((condition) => includes(condition, ["values", "notValues"], port))
  );
}

function includes(field: Field | undefined, keys: readonly [ports: string, notPorts: string], port: number): boolean {
  const [ports = [], notPorts = []] = keys.map((key) => texts(field, key).map(portOf));
  return (ports.length === 0 || ports.includes(port)) && !notPorts.includes(port);
}

function admitsEverybody(rule: Field, port: number): boolean {
  return conditionsOn(port, rule).length === 0 && someSource(port, rule, isAnybody);
}

/** Whether a rule of a DENY policy applies to everybody, or to everybody with exceptions. */
function deniesOthers(rule: Field, port: number): boolean {
  // A rule for some paths or methods does not cover all traffic.
  if (!isTcp(port) && httpFields(rule).length > 0) return false;
  if (admitsEverybody(rule, port)) return true;
  if (conditionsOn(port, rule).length > 0) return false;
  return someSource(port, rule, ([key, values]) => isNot(key) && !values.items().some(isWildcard));
}

/**
 * Whether a key of a source names this service account and nothing else. Where `serviceAccounts` leave out the namespace it is the
 * policy's, `within`.
 */
export function namesOnly({ namespace, name }: ServiceAccount, [key, values]: Member, within: string): boolean {
  const isOwn = (text: string): boolean => {
    if (/^(?:not)?serviceAccounts$/i.test(key))
      return (text.includes("/") ? text : `${within}/${text}`) === `${namespace}/${name}`;
    const [trustDomain = "", ...path] = text.split("/");
    // Of any trust domain, or of one.
    const isOne = trustDomain === "*" || !trustDomain.includes("*");
    return /^(?:not)?principals$/i.test(key) && isOne && path.join("/") === `ns/${namespace}/sa/${name}`;
  };
  return values.items().length > 0 && values.items().every((value) => isOwn(value.text() ?? ""));
}

/** Whether a rule is about all but this service account. */
function exceptsOnly(account: ServiceAccount, rule: Field, port: number, within: string): boolean {
  if (admitsEverybody(rule, port)) return true;
  if (conditionsOn(port, rule).length > 0) return false;
  return someSource(
    port,
    rule,
    (member) => isNot(member[0]) && (member[1].items().length === 0 || namesOnly(account, member, within)),
  );
}

/** Whether a rule is about nobody but this service account. */
function admitsOnly(account: ServiceAccount, rule: Field, port: number, within: string): boolean {
  return !someSource(port, rule, (member) => isNot(member[0]) || !namesOnly(account, member, within));
}

/** Whether a key of a source says who is left out. */
export function isNot(key: string): boolean {
  return /^not[A-Z]/.test(key);
}

function isAnybody([key, values]: Member): boolean {
  return !isNot(key) && (key === "trustDomains" || values.items().some(isWildcard));
}

/** `*`, whatever follows a trust domain, or every address. */
const WILDCARD = /^(?:\*|[^/*]*\/\*|[^/*]*\/ns\/\*|0\.0\.0\.0\/0|::\/0)$/;

function isWildcard(value: Field): boolean {
  return WILDCARD.test(value.text() ?? "");
}

function texts(field: Field | undefined, key: string): string[] {
  return field?.items(key).flatMap((item) => item.text() ?? []) ?? [];
}
