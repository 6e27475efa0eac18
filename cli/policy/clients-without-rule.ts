import { istioJson } from "../../test/host/istio-json.ts";
import type { Filter } from "../filter-host.ts";
import type { Field } from "../manifests/field.ts";
import { judges, type Client } from "../mesh/clients.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Plugin } from "../mesh/plugin.ts";
import type { ServiceAccount } from "../mesh/workload.ts";
import { slipBetween } from "../nearest.ts";
import { sourcesOf } from "./rule-peers.ts";

/** A client of nats-server to which a policy allows nothing. */
export interface ClientWithoutRule extends Client {
  account: ServiceAccount;
  /** In the policy's first trust domain. */
  principal: string;
  /** Whether a rule would allow it something that is in DRY_RUN, in which a rule lets nothing pass. */
  isOnTrial: boolean;
  /** What a rule names that nobody among the files is, and that is nearly this client. */
  slip: { value: Field; write: string } | undefined;
}

function pathOf({ namespace, name }: ServiceAccount): string {
  return `ns/${namespace}/sa/${name}`;
}

/** Whoever is among the files is not meant where a rule names somebody like them. */
function knownPaths(mesh: Mesh): Set<string> {
  const accounts = mesh.of("ServiceAccount", "").map(({ namespace, name }) => ({ namespace, name }));
  return new Set([...accounts, ...mesh.workloads.map(({ serviceAccount }) => serviceAccount)].map(pathOf));
}

interface Named {
  value: Field;
  path: string;
  isPrincipal: boolean;
}

/** The single accounts that rules admit. */
function namedIn(config: Field): Named[] {
  return sourcesOf(config).flatMap((source) => [
    ...source.items("principals").flatMap((value): Named[] => {
      const path = /^[^/]+\/(ns\/[^/*]+\/sa\/[^/*]+)$/.exec(value.text() ?? "")?.[1];
      return path === undefined ? [] : [{ value, path, isPrincipal: true }];
    }),
    ...source.items("serviceAccounts").flatMap((value): Named[] => {
      const [namespace = "", name, ...others] = (value.text() ?? "").split("/");
      return name === undefined || others.length > 0
        ? []
        : [{ value, path: pathOf({ namespace, name }), isPrincipal: false }];
    }),
  ]);
}

/** The clients of the Services that a plugin judges to which its policy, which the filter accepts, allows nothing. */
export function clientsWithoutRule(
  plugin: Plugin,
  all: readonly Client[],
  mesh: Mesh,
  filter: Filter,
): ClientWithoutRule[] {
  const { config } = plugin;
  const trustDomains = config?.items("trustDomains").flatMap((value) => value.text() ?? []) ?? [];
  const judged = all.filter(({ service }) => judges(plugin, service, mesh));
  // Once for each workload, however many texts of it have the address.
  const clients = [...new Map(judged.map((client) => [client.workload, client])).values()];
  if (!config || clients.length === 0) return [];
  const peersOf = (account: ServiceAccount): string[] =>
    trustDomains.map((one) => `spiffe://${one}/${pathOf(account)}`);
  // Whatever the filter takes the identity from, its rules are the same.
  const enforced = { ...(config.plain() as { rules: object[] }), mode: "ENFORCE", identity: "PEER" };
  const peers = clients.flatMap(({ workload }) => peersOf(workload.serviceAccount));
  const admitted = filter.admitted(istioJson(enforced), peers);
  const refused = peers.filter((peer) => !admitted.has(peer));
  const rules = enforced.rules.map((rule) => ({ ...rule, mode: "ENFORCE" }));
  const isTried = config.items("rules").some((rule) => rule.text("mode") === "DRY_RUN");
  const onTrial = isTried ? filter.admitted(istioJson({ ...enforced, rules }), refused) : new Set<string>();
  const known = knownPaths(mesh);
  return clients.flatMap((client) => {
    const account = client.workload.serviceAccount;
    if (peersOf(account).some((peer) => admitted.has(peer))) return [];
    const principal = `${trustDomains[0] ?? ""}/${pathOf(account)}`;
    const near = namedIn(config).find(
      ({ path }) => !known.has(path) && slipBetween(path, pathOf(account)) !== undefined,
    );
    const write = near?.isPrincipal === true ? principal : `${account.namespace}/${account.name}`;
    const isOnTrial = peersOf(account).some((peer) => onTrial.has(peer));
    return [{ ...client, account, principal, isOnTrial, slip: near && { value: near.value, write } }];
  });
}
