import type { Field } from "../manifests/field.ts";
import type { Mesh } from "./mesh.ts";
import { namedConfigsOf } from "./nats-config.ts";
import { proxyConfigOf } from "./proxy-config.ts";
import { PROXY, type Workload } from "./workload.ts";

/** How long each part of a pod of nats-server takes to end, in seconds. */
export interface Shutdown {
  /** In which nats-server moves its clients one by one, as its nats.conf says. The least that it may say, where that is not known. */
  lameDuck: number;
  isLameDuckKnown: boolean;
  /** How long the proxy goes on; undefined where it goes on until the connections are gone. */
  drain: number | undefined;
  /** After which Kubernetes kills both. */
  grace: number;
}

/** nats-server refuses a shorter `lame_duck_duration`, and takes two minutes where none is written (nats-server `server/opts.go`). */
const LEAST_LAME_DUCK = 30;
const USUAL_LAME_DUCK = 120;

/** What Kubernetes takes for `terminationGracePeriodSeconds`. */
const USUAL_GRACE = 30;

/** Whether the proxy runs as a native sidecar, which Kubernetes starts first and ends last, as far as the pods say. */
export function hasNativeSidecar({ annotations, pod }: Workload): boolean {
  const isAsked = annotations.get("sidecar.istio.io/nativeSidecar") === "true";
  const isThere = (container: Field): boolean =>
    container.text("name") === PROXY && container.text("restartPolicy") === "Always";
  return isAsked || pod.items("spec", "initContainers").some(isThere);
}

/** Undefined for pods that do not begin lame duck mode when they end. */
export function shutdownOf(broker: Workload, mesh: Mesh): Shutdown | undefined {
  const commands = broker.servers.flatMap((server) => server.items("lifecycle", "preStop", "exec", "command"));
  if (!commands.some((word) => /\bldm\b/.test(word.text() ?? ""))) return undefined;
  const configured = configuredLameDuck(broker, mesh);
  const config = proxyConfigOf(broker, mesh);
  const isOutlasting = mesh.isAmbient(broker) || hasNativeSidecar(broker) || config.exitsWithoutConnections;
  return {
    lameDuck: configured ?? LEAST_LAME_DUCK,
    isLameDuckKnown: configured !== undefined,
    drain: isOutlasting ? undefined : secondsOf(config.terminationDrainDuration),
    grace: broker.pod.integer("spec", "terminationGracePeriodSeconds") ?? USUAL_GRACE,
  };
}

/** Undefined if nats.conf is not among the files, or includes others. */
function configuredLameDuck(broker: Workload, mesh: Mesh): number | undefined {
  const configs = namedConfigsOf(broker, mesh);
  const entries = configs.flatMap((config) => config.entries.filter(({ path }) => path.length === 1));
  const written = entries.findLast(({ path }) => path[0] === "lame_duck_duration");
  if (written) return secondsOf(written.value);
  const isWhole = configs.length > 0 && !entries.some(({ path }) => path[0] === "include");
  return isWhole ? USUAL_LAME_DUCK : undefined;
}

const SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1 / 1000 };

/** A duration of Go, `1m30s`, or a number of seconds. */
function secondsOf(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined;
  if (/^\d{1,9}$/.test(duration)) return Number(duration);
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s))+$/.test(duration)) return undefined;
  const parts = [...duration.matchAll(/([\d.]+)(h|ms|m|s)/g)];
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (SECONDS[unit] ?? 0), 0);
}
