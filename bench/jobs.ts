import { Fault } from "../tools/fault.ts";
import type { Job } from "./measure.ts";
import type { Peer } from "./peers/modules.ts";
import { ON_REQUEST, setupOf, type SetupName } from "./setups.ts";
import { besideFilter, WORKLOADS, type Workload } from "./workloads.ts";

/** What a run is asked for: all work of a whole run in all its setups, where neither is named. */
export interface Asked {
  only?: readonly string[];
  setups?: readonly SetupName[];
  /** Another build of istio-nats. */
  beside?: string;
}

/**
 * The setups to measure. With --beside, the other build takes its turn after this one, if this one is measured at all. So do the
 * setups on request.
 */
function setupsFor({ setups }: Workload, asked: Asked): SetupName[] {
  const isWanted = (name: SetupName): boolean => !asked.setups || asked.setups.includes(name);
  const more: SetupName[] = [...(asked.beside ? (["beside"] as const) : []), ...(asked.setups ? ON_REQUEST : [])];
  return besideFilter(setups, more).filter((name) => isWanted(name) || (name === "beside" && isWanted("filter")));
}

/** Sentences about what was named and would get no turn. */
function idle(chosen: readonly Job[], { only = [], setups = [], beside }: Asked): string[] {
  if (chosen.length === 0) return ["Nothing is measured: none of the work has one of these --setups."];
  const named = new Set<SetupName>([...setups, ...(beside ? (["beside"] as const) : [])]);
  return [
    ...[...named]
      .filter((name) => !chosen.some((job) => job.setups.includes(name)))
      .map((name) => `None of the work has the setup ${name}.`),
    ...only
      .filter((name) => !chosen.some(({ workload }) => workload.name === name))
      .map((name) => `None of these --setups is one of ${name}.`),
  ];
}

/**
 * The jobs that are asked for. Jobs in one list take their turns together. Throws if a work or a setup is named that would get no
 * turn: whoever names it wants its figures.
 */
export function jobsFor(asked: Asked): Job[][] {
  const wanted = WORKLOADS.filter(({ name, onRequest = false }) => asked.only?.includes(name) ?? !onRequest);
  const chosen = wanted
    .map((workload) => ({ workload, setups: setupsFor(workload, asked) }))
    .filter(({ setups }) => setups.length > 0);
  const faults = idle(chosen, asked);
  if (faults.length > 0) {
    const known = wanted.map(({ name, setups }) => `  ${name}: ${setups.join(", ")}\n`);
    const choice = `Choose from these, ${ON_REQUEST.join(", ")}, or "beside" with --beside`;
    throw new Fault(`${faults.join(" ")} ${choice}:\n${known.join("")}`);
  }
  const groups = new Map<string, Job[]>();
  for (const job of chosen) {
    const { name, together = name } = job.workload;
    groups.set(together, [...(groups.get(together) ?? []), job]);
  }
  return [...groups.values()];
}

/** The jobs, without the peers that cannot be built here. Throws if that leaves nothing. */
export function withoutAbsent(groups: readonly Job[][], peers: readonly Peer[]): Job[][] {
  const absent = peers.flatMap((peer) => ("absent" in peer ? [peer] : []));
  const isPresent = (name: SetupName): boolean => !absent.some((peer) => peer.name === setupOf(name).language);
  const left = groups
    .map((group) =>
      group
        .map(({ workload, setups }) => ({ workload, setups: setups.filter(isPresent) }))
        .filter(({ setups }) => setups.length > 0),
    )
    .filter((group) => group.length > 0);
  if (left.length > 0) return left;
  const reasons = absent.map(({ name, absent }) => `  ${name}: ${absent}\n`);
  throw new Fault(`Nothing is measured: the peers cannot be built here.\n${reasons.join("")}`);
}
