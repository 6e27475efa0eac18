import { parseFirst } from "../manifests/kubernetes-yaml.ts";
import type { Place } from "../manifests/place.ts";
import { quantityOf } from "../manifests/quantity.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import { portOf } from "./authorization.ts";
import { listed, TRAFFIC } from "./capture.ts";
import { isConcurrency, PROXY_CONFIG } from "./proxy-config.ts";
import { RESOURCES } from "./proxy-limits.ts";
import type { Workload } from "./workload.ts";

/** An annotation that Istio's injector cannot read. */
export interface MalformedAnnotation {
  place: Place;
  name: string;
  /** What is wrong with it. */
  fault: string;
  remedy: string;
}

interface Fault {
  fault: string;
  remedy: string;
}

/** A list of ports as strconv.ParseUint reads each (pkg/kube/inject/validate.go, `parsePorts`). */
function portsFault(text: string): Fault | undefined {
  if (text.trim() === "") return undefined;
  const wrong = listed(text).find((port) => portOf(port) === undefined);
  if (wrong === undefined) return undefined;
  const meant = text.match(/\d+/g)?.join() ?? "";
  const isBroken = /^[\s\d,;]+$/.test(text) && meant !== text;
  return {
    fault: `"${wrong}" is not the number of a port`,
    remedy: isBroken ? `write "${meant}"` : "write numbers of ports with commas between them",
  };
}

const MODES = ["REDIRECT", "TPROXY", "NONE"];

/** A duration as Go's time.ParseDuration reads it. */
const DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;

/** Fields of ProxyConfig that these pages tell people to write: what each takes, and how to write what was meant. */
const SETTINGS: readonly [name: string, takes: (value: unknown) => boolean, expected: string, example: string][] = [
  ["holdApplicationUntilProxyStarts", (value) => typeof value === "boolean", "true or false without quotes", "true"],
  [
    "terminationDrainDuration",
    (value) => typeof value === "string" && DURATION.test(value),
    "a duration with its unit",
    "45s",
  ],
  ["concurrency", isConcurrency, "a number of workers", "2"],
  [
    "extraStatTags",
    (value) => Array.isArray(value) && value.every((tag) => typeof tag === "string"),
    "a list of names",
    "[reporter, …]",
  ],
];

function proxyConfigFault(text: string): Fault | undefined {
  let settings: unknown;
  try {
    settings = parseFirst(text);
  } catch {
    return {
      fault: "its text is not YAML",
      remedy: "correct the text: KEY: VALUE in each line, with equal indentation",
    };
  }
  if (settings === null) return undefined;
  if (typeof settings !== "object" || Array.isArray(settings))
    return { fault: "its text is no map of settings", remedy: "write KEY: VALUE, with a colon and a blank" };
  for (const [name, takes, expected, example] of SETTINGS) {
    const value = (settings as Record<string, unknown>)[name] ?? undefined;
    if (value === undefined || takes(value)) continue;
    const seconds = typeof value === "number" && name === "terminationDrainDuration" ? `${value}s` : example;
    return { fault: `${name} expects ${expected}`, remedy: `write ${name}: ${seconds}` };
  }
  return undefined;
}

/** A quantity, which it holds against Kubernetes' own reader since Istio 1.29, and Kubernetes always did. */
function quantityFault(text: string): Fault | undefined {
  if (quantityOf(text) !== undefined) return undefined;
  return {
    fault: `"${text}" is no quantity of Kubernetes`,
    remedy: "write a number with its unit, such as 512Mi or 500m",
  };
}

/** Of the annotations that the injector reads first, those that concern nats-server (pkg/kube/inject/validate.go). */
const READERS: ReadonlyMap<string, (text: string) => Fault | undefined> = new Map([
  [PROXY_CONFIG, proxyConfigFault],
  [`${TRAFFIC}includeInboundPorts`, (text: string) => (text === "*" ? undefined : portsFault(text))],
  [`${TRAFFIC}excludeInboundPorts`, portsFault],
  [`${TRAFFIC}excludeOutboundPorts`, portsFault],
  [
    "sidecar.istio.io/interceptionMode",
    (text: string) =>
      MODES.includes(text) ? undefined : { fault: `it is "${text}"`, remedy: `write one of ${MODES.join(", ")}` },
  ],
  ...RESOURCES.map((name) => [name, quantityFault] as const),
]);

/** The annotations for which Istio's injector refuses the pods. */
export function malformedAnnotations(workload: Workload): MalformedAnnotation[] {
  return [...READERS].flatMap(([name, faultOf]) => {
    const text = workload.annotations.get(name);
    const fault = text === undefined || isFilledIn(text) ? undefined : faultOf(text);
    return fault ? [{ place: workload.annotationPlace(name), name, ...fault }] : [];
  });
}
