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
  // Once for each workload, however many of its variables have the address.
  const clients = [...new Map(judged.map((client) => [client.workload, client])).values()];
  if (!config || clients.length === 0) return [];
  const peersOf = (account: ServiceAccount): string[] =>
    trustDomains.map((one) => `spiffe://${one}/${pathOf(account)}`);
  // Whatever the filter takes the identity from, its rules are the same.
  const enforced = JSON.stringify({ ...(config.plain() as object), mode: "ENFORCE", identity: "PEER" });
  const admitted = filter.admitted(
    enforced,
    clients.flatMap(({ workload }) => peersOf(workload.serviceAccount)),
  );
  const known = knownPaths(mesh);
  return clients.flatMap((client) => {
    const account = client.workload.serviceAccount;
    if (peersOf(account).some((peer) => admitted.has(peer))) return [];
    const principal = `${trustDomains[0] ?? ""}/${pathOf(account)}`;
    const near = namedIn(config).find(
      ({ path }) => !known.has(path) && slipBetween(path, pathOf(account)) !== undefined,
    );
    const write = near?.isPrincipal === true ? principal : `${account.namespace}/${account.name}`;
    return [{ ...client, account, principal, slip: near && { value: near.value, write } }];
  });
}
