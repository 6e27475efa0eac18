import type { Field } from "../../manifests/field.ts";
import { placeText } from "../../manifests/place.ts";
import { firstUnfilled } from "../../manifests/unfilled.ts";
import { clientsIn, type Client } from "../../mesh/clients.ts";
import { wayWithoutMtls } from "../../mesh/plaintext-clients.ts";
import type { Plugin } from "../../mesh/plugin.ts";
import { clientsWithoutRule } from "../../policy/clients-without-rule.ts";
import { allowsAnything } from "../../policy/without-effect.ts";
import { meshTrustDomains } from "../../mesh/mesh-trust-domains.ts";
import { family, type Check, type Patient, type Report } from "../family.ts";
import { examinePolicy, homeIn, OF_TRIED_RULES, POLICY_CHECKS, type PolicyId } from "../policy-checks.ts";

const MESH_CHECKS = {
  "trust-domain-missing": {
    severity: "error",
    what:
      "The mesh's own trust domain, `meshConfig.trustDomain` in an IstioOperator or in istiod's ConfigMap, is not in " +
      "`trustDomains`. Every workload of the mesh has a certificate of it, so to the policy every peer is unauthenticated.",
    remedy: "write the mesh's own trust domain first in trustDomains",
  },
  "client-without-rule": {
    severity: "warning",
    what:
      "A workload has the address of nats-server in its environment or arguments, and no rule of the plugin there allows its service account " +
      "anything, as the compiled filter itself judges. In ENFORCE it reads `Authorization Violation`, and its connection is closed. Pods " +
      "that name no service account have the one called `default`. Of manifests without a namespace this is judged only with `-n`.",
    remedy: "name its service account in a rule with allow",
  },
  "trust-domain-alias-missing": {
    severity: "warning",
    what:
      "`meshConfig.trustDomainAliases` has a trust domain that is not in `trustDomains`. Istio's own policies let its " +
      "workloads pass as if they were the mesh's, but to the filter they are unauthenticated.",
    remedy: "add it to trustDomains, unless its workloads are to be refused",
  },
} as const satisfies Record<string, Check>;

/** Whether a rule allows anything now, which one in DRY_RUN does not. */
function letsAnythingPass(rule: Field): boolean {
  return allowsAnything(rule) && rule.text("mode") !== "DRY_RUN";
}

/** Whether a client's manifest says who it is: with a namespace, unless one is given, and with nothing that is still to be filled in. */
function isIdentityKnown({ workload }: Client, { isNamespaceGiven }: Patient): boolean {
  const { namespace, name } = workload.serviceAccount;
  const isPlaced = !workload.resource.isNamespaceAssumed || isNamespaceGiven === true;
  return isPlaced && firstUnfilled(`${namespace}/${name}`) === undefined;
}

/** Clients that will read "Authorization Violation" as soon as they connect. */
function judgeClients(
  plugin: Plugin,
  clients: readonly Client[],
  { mesh, filter }: Patient,
  report: Report<"client-without-rule">,
): void {
  const found = clientsWithoutRule(plugin, clients, mesh, filter);
  for (const { workload, service, setting, account, principal, isOnTrial, slip } of found) {
    const { title } = workload.resource;
    const whom = `${account.namespace}/${account.name}`;
    const { place } = setting;
    if (isOnTrial) {
      const message = `${title} connects to ${service.resource.title} as ${whom}, to whom only rules of ${plugin.resource.title} in DRY_RUN allow anything`;
      report("client-without-rule", place, message, OF_TRIED_RULES);
      continue;
    }
    if (slip) {
      const message = `${title} connects to ${service.resource.title} (${placeText(place)}) as ${whom}, to whom no rule allows anything; ${slip.value.text() ?? ""} is nobody among the files`;
      report("client-without-rule", slip.value.place, message, `did you mean ${slip.write}?`);
      continue;
    }
    const message = `${title} connects to ${service.resource.title} as ${whom}, to whom no rule of ${plugin.resource.title} allows anything`;
    const remedy =
      account.name === "default"
        ? "give the pods a serviceAccountName of their own, and name that in a rule"
        : `name it in a rule with allow, from: [{principals: [${principal}]}]`;
    report("client-without-rule", place, message, remedy);
  }
}

export const policy = family<PolicyId | keyof typeof MESH_CHECKS>(
  "The policy",
  { ...POLICY_CHECKS, ...MESH_CHECKS },
  (patient, report) => {
    const { mesh, filter } = patient;
    const ofMesh = meshTrustDomains(mesh);
    // Without mTLS a client has no identity at all, which has a finding of its own.
    const clients = clientsIn(mesh).filter(
      (client) => isIdentityKnown(client, patient) && !wayWithoutMtls(client, mesh),
    );
    for (const plugin of mesh.plugins) {
      const { resource, config, wasm } = plugin;
      const parent = wasm?.placeOf("pluginConfig") ?? resource.root.placeOf("spec", "wasm");
      const names = ofMesh.map(({ name }) => name);
      const subject = { title: resource.title, config, parent, home: homeIn(resource), ofMesh: names };
      const judged = examinePolicy(subject, (json) => filter.judge(json), report);
      // Where nobody is allowed anything, that has been told of the whole.
      if (judged.accepted && config?.items("rules").some(letsAnythingPass))
        judgeClients(plugin, clients, patient, report);
      const ours = config?.items("trustDomains").map((item) => item.text()) ?? [];
      if (!config || ours.length === 0) continue;
      for (const { name, isAlias, place } of ofMesh) {
        if (ours.includes(name)) continue;
        const what = isAlias ? "an alias of the mesh's trust domain" : "the mesh's own trust domain";
        const message = `${name}, ${what} (${placeText(place)}), is not in trustDomains of ${resource.title}`;
        report(
          isAlias ? "trust-domain-alias-missing" : "trust-domain-missing",
          config.placeOf("trustDomains"),
          message,
        );
      }
    }
  },
);
