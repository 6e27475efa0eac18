import type { Place } from "../../manifests/place.ts";
import { excludedInbound, hostNetwork, INJECT, type Uncaptured } from "../../mesh/capture.ts";
import type { Field } from "../../manifests/field.ts";
import { clientPortOf } from "../../mesh/client-port.ts";
import { uninjected, unredirected } from "../../mesh/injection.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { declaredMtls } from "../../mesh/peer-authentication.ts";
import { malformedAnnotations } from "../../mesh/pod-annotations.ts";
import { EXTRA_STAT_TAGS, PROXY_CONFIG, proxyConfigOf, type AnnotatedPods } from "../../mesh/proxy-config.ts";
import { areResourcesAnnotated, CPU_LIMIT, MEMORY_LIMIT, ownLimits } from "../../mesh/proxy-limits.ts";
import { shortageOf } from "../../mesh/proxy-memory.ts";
import { howToRemakePods } from "../../mesh/remade-pods.ts";
import { hasNativeSidecar, shutdownOf } from "../../mesh/shutdown.ts";
import { podAnnotationPlace, podsOf, waypointsOf } from "../../mesh/waypoint.ts";
import { PROXY, type Workload } from "../../mesh/workload.ts";
import { STATS_TAGS } from "../../stats-tags.ts";
import { family, type Report } from "../family.ts";

/** Seconds by which one part of a pod's end should outlast the one before, as in deploy/nats. */
const MARGIN = 15;

/** Why the sidecar does not capture the client port. */
function uncaptured(workload: Workload, mesh: Mesh): Uncaptured | undefined {
  const without = uninjected(workload, mesh);
  if (without) return without;
  const host = hostNetwork(workload);
  if (host) return { place: host, why: "a pod in the host's network has no sidecar", remedy: "remove hostNetwork" };
  const excluded = excludedInbound(workload, clientPortOf(workload, mesh));
  if (excluded) return excluded;
  const interception = workload.pod.get("metadata", "annotations", "sidecar.istio.io/interceptionMode");
  if (interception?.text() === "NONE")
    return {
      place: interception.place,
      why: "interceptionMode NONE captures nothing",
      remedy: "remove the annotation",
    };
  return undefined;
}

/** Where a controller itself has the label, which Istio does not read there, while its pods do not. */
function strayLabel({ resource, pod, labels }: Workload): Place | undefined {
  if (resource.root === pod || labels.has(INJECT) || !resource.labels.has(INJECT)) return undefined;
  return resource.root.placeOf("metadata", "labels", INJECT);
}

/** Gateways and clients that a plugin selects by name. A plugin without a selector is left out: it is in every proxy. */
function namedByPlugins(mesh: Mesh): Workload[] {
  return mesh.workloads.filter(
    (workload) =>
      !mesh.brokers.includes(workload) &&
      workload.labels.get(INJECT) !== "false" &&
      mesh
        .pluginsOf(workload)
        .some((plugin) => plugin.selector.size > 0 && /^(?:client-sidecar|gateway)$/.test(mesh.placement(plugin))),
  );
}

/**
 * The labels of the filter's stats that the proxies of pods do not know, and what to do where the pods' annotations name some
 * already. Undefined if they know all.
 */
function missingTags(pods: AnnotatedPods, mesh: Mesh): { message: string; remedy: string | undefined } | undefined {
  const { extraStatTags } = proxyConfigOf(pods, mesh);
  const missing = STATS_TAGS.filter((tag) => !extraStatTags.includes(tag));
  if (missing.length === 0) return undefined;
  // To write the annotation anew would lose the labels of others.
  const remedy = pods.annotations.has(EXTRA_STAT_TAGS) ? `add to the annotation: ${missing.join()}` : undefined;
  return { message: `does not name the stats labels ${missing.join(", ")}`, remedy };
}

/** Whether each part of a pod outlasts the one before: lame duck mode, the proxy, and Kubernetes' patience. */
function judgeShutdown(broker: Workload, mesh: Mesh, report: Report<"lame-duck-cut-off">): void {
  const shutdown = shutdownOf(broker, mesh);
  if (!shutdown) return;
  const { lameDuck, isLameDuckKnown, drain, grace } = shutdown;
  const { title } = broker.resource;
  const moving = `lame duck mode, in which nats-server moves its clients, takes ${isLameDuckKnown ? "" : "at least "}${lameDuck} s`;
  if (drain !== undefined && drain <= lameDuck) {
    const message = `${title}: ${moving}, but the proxy ends after ${drain} s (terminationDrainDuration), unless it is a native sidecar`;
    const remedy = `write under ${PROXY_CONFIG}: terminationDrainDuration: ${lameDuck + MARGIN}s`;
    report("lame-duck-cut-off", broker.annotationPlace(PROXY_CONFIG), message, remedy);
  }
  // A proxy that ends too early is to be given more time, which must fit, too.
  const needed = drain !== undefined && drain <= lameDuck ? lameDuck + MARGIN : (drain ?? 0);
  const last = Math.max(lameDuck, needed);
  if (grace > last) return;
  const goes = needed === drain ? "goes" : "is to go";
  const what = last === lameDuck ? moving : `the proxy ${goes} on for ${last} s (terminationDrainDuration)`;
  const message = `${title}: ${what}, but Kubernetes ends the pod after ${grace} s (terminationGracePeriodSeconds)`;
  const remedy = `write terminationGracePeriodSeconds: ${Math.ceil(last) + MARGIN}`;
  report("lame-duck-cut-off", broker.pod.placeOf("spec", "terminationGracePeriodSeconds"), message, remedy);
}

/** Whether the proxy has room for what clients can make the filter hold. */
function judgeMemory(broker: Workload, mesh: Mesh, report: Report<"proxy-memory-short">): void {
  const shortage = shortageOf(broker, mesh);
  if (!shortage) return;
  const { limit, workers, room, isMended } = shortage;
  const proxy = `the proxy of ${broker.resource.title}`;
  const anew = isMended ? `${howToRemakePods(broker.resource)}: new pods have room` : undefined;
  if (!workers) {
    const message = `${proxy} has as many workers as its node has CPUs, and its ${limit} MiB have room for ${room}`;
    const bound = room > 0 ? `write under ${PROXY_CONFIG}: concurrency: ${room}, or less` : undefined;
    report("proxy-memory-short", broker.annotationPlace(PROXY_CONFIG), message, anew ?? bound);
    return;
  }
  const { count, needed, fitting, cpus } = workers;
  const own = ownLimits(broker)?.get("memory");
  const write = own ? `write ${needed}Mi` : `write ${MEMORY_LIMIT}: ${needed}Mi`;
  const beside = own || areResourcesAnnotated(broker) ? "" : ` and ${CPU_LIMIT}: "${cpus}"`;
  const lower = fitting === undefined ? "" : `, or limits.memory: ${fitting} in the policy`;
  const workersText = `${count} worker${count === 1 ? "" : "s"}`;
  const message = `${proxy} may take ${needed} MiB with ${workersText}, and Kubernetes kills it beyond ${limit}`;
  const place = own?.place ?? broker.annotationPlace(MEMORY_LIMIT);
  report("proxy-memory-short", place, message, anew ?? `${write}${beside}${lower}`);
}

const REWRITES_PROBES = "sidecar.istio.io/rewriteAppHTTPProbers";

/** What Go's strconv.ParseBool takes for false, with which Istio reads the annotation (pkg/kube/inject/app_probe.go). */
const FALSE = ["0", "f", "F", "false", "FALSE", "False"];

/** The number of the port that Kubernetes probes by HTTP or gRPC, if a probe does so. Who only connects, the proxy accepts. */
function probedPort(container: Field, probe: string): number | undefined {
  const port = container.get(probe, "httpGet", "port") ?? container.get(probe, "grpc", "port");
  if (port?.type !== "string") return port?.integer();
  return container
    .items("ports")
    .find((one) => one.text("name") === port.text())
    ?.integer("containerPort");
}

/** Probes that come to a port as they are, and to which the proxy does not listen without mTLS. */
function refusedProbes(broker: Workload, mesh: Mesh): string[] {
  // Pods of a cluster have the proxy itself, whose own port is never captured (pkg/kube/inject/app_probe.go leaves it out, too).
  const containers = broker.containers.filter((container) => container.text("name") !== PROXY);
  return containers.flatMap((container) =>
    ["startupProbe", "livenessProbe", "readinessProbe"].flatMap((probe) => {
      const port = probedPort(container, probe);
      if (port === undefined || excludedInbound(broker, port)) return [];
      return declaredMtls(broker, port, mesh)?.mode === "STRICT" ? [`${probe} (port ${port})`] : [];
    }),
  );
}

const ALL_TAGS = `${EXTRA_STAT_TAGS}: ${STATS_TAGS.join()}`;

export const pods = family(
  "Pods and their proxies",
  {
    "client-port-uncaptured": {
      severity: "error",
      what:
        "Traffic to the client port does not pass through a sidecar, so no filter judges it. Either no sidecar is injected, as " +
        "far as the labels of the pods and of their Namespace (if it is among the files) show, or the sidecar does not capture " +
        "the port. Or a waypoint is to judge it, but ztunnel leaves out the pods, so that nothing enforces mTLS there, nor that " +
        "clients come through the waypoint.",
      remedy: "let Istio inject a sidecar, and capture port 4222; behind a waypoint, have the pods in ambient mode",
    },
    "inject-label-astray": {
      severity: "warning",
      what:
        "The label `sidecar.istio.io/inject` is on the object that makes the pods. Istio reads it from the pods, and their " +
        "template does not have it.",
      remedy: "move the label to spec.template.metadata.labels",
    },
    "annotation-malformed": {
      severity: "error",
      what:
        "Istio's injector cannot read an annotation of the pods: `proxy.istio.io/config` is not YAML or has a value of another type " +
        "(of `holdApplicationUntilProxyStarts`, `terminationDrainDuration`, `concurrency` and `extraStatTags`; no other is judged), a list of ports has something else in it, a quantity of the proxy's resources is none, or there is no such interception mode. It refuses the pods, so that none is made, " +
        "and a rolling restart stops at the first. What the annotation is to say is not judged.",
      remedy: "correct the annotation here",
    },
    "proxy-not-held": {
      severity: "warning",
      what:
        "nats-server may start before its sidecar. Its routes and health checks then fail at first, and after a rolling restart " +
        "a cluster may take a long time to form.",
      remedy: "annotate the pods with proxy.istio.io/config: 'holdApplicationUntilProxyStarts: true'",
    },
    "lame-duck-cut-off": {
      severity: "warning",
      what:
        "A pod of nats-server ends before its lame duck mode does, in which it moves its clients one by one: the proxy, which gets " +
        "SIGTERM at the same time, ends first, or Kubernetes kills the pod. All clients that are left are cut off at once. The " +
        "order is `lame_duck_duration` (2 minutes unless nats.conf says less) < `terminationDrainDuration` (5 s unless set) < " +
        "`terminationGracePeriodSeconds` (30 unless set). A native sidecar ends last, which recent versions of Istio make of it " +
        'from Kubernetes 1.33 on: say so with the annotation `sidecar.istio.io/nativeSidecar: "true"`.',
      remedy: "write lame_duck_duration: 30s, terminationDrainDuration: 45s and terminationGracePeriodSeconds: 60",
    },
    "probe-refused": {
      severity: "error",
      what:
        "Kubernetes probes nats-server without mTLS. Istio has its agent answer for the proxy, unless the annotation " +
        "`sidecar.istio.io/rewriteAppHTTPProbers` says false: then the proxy of a port with STRICT mTLS refuses the probe, and the pods " +
        "never get ready, or are restarted again and again.",
      remedy: `remove the annotation, or write ${REWRITES_PROBES}: "true"`,
    },
    "proxy-memory-short": {
      severity: "warning",
      what:
        "The memory limit of nats-server's proxy has no room for what clients can make the filter hold: one and a half times " +
        "`limits.memory` and 64 MiB in each worker, and 64 MiB for Envoy. Hostile clients can have the proxy killed, and with it " +
        "everybody's connections, where the filter would have ended theirs. There are as many workers as `concurrency` says, else as " +
        "the CPU limit has CPUs, else as the node has. Istio's own limits, 2 CPUs and 1Gi, have room; it drops all of them, and its " +
        "requests, where the pods have one of the annotations `sidecar.istio.io/proxyCPU`, `proxyMemory`, `proxyCPULimit` and " +
        "`proxyMemoryLimit`. Waypoints are not judged.",
      remedy: `annotate the pods with ${MEMORY_LIMIT} and ${CPU_LIMIT}`,
    },
    "stats-tags-missing": {
      severity: "warning",
      what:
        "Istio's proxy is not told the labels of the filter's stats. They then become part of the metric names, and no " +
        "dashboard finds them. The proxy reads this setting when it starts.",
      remedy: `annotate the pods with ${ALL_TAGS}`,
    },
  },
  ({ mesh }, report) => {
    for (const broker of mesh.brokers) {
      const { title } = broker.resource;
      // Istio reads no annotations of pods into which it injects nothing (pkg/kube/inject/inject.go, `injectRequired`).
      const isInjected = !mesh.isAmbient(broker) && !uninjected(broker, mesh) && !hostNetwork(broker);
      const malformed = isInjected ? malformedAnnotations(broker) : [];
      for (const { place, name, fault, remedy } of malformed)
        report("annotation-malformed", place, `Istio refuses the pods of ${title}: in ${name}, ${fault}`, remedy);
      // What else follows from settings that nobody can read is not known.
      if (malformed.length > 0) continue;
      judgeShutdown(broker, mesh, report);
      if (mesh.isAmbient(broker)) {
        const left = unredirected(broker, mesh);
        if (left) report("client-port-uncaptured", left.place, `${title}: ${left.why}`, left.remedy);
        continue;
      }
      const stray = strayLabel(broker);
      if (stray) report("inject-label-astray", stray, `${title} has the label ${INJECT}, but its pods do not`);
      const past = uncaptured(broker, mesh);
      if (past) {
        report("client-port-uncaptured", past.place, `${title}: ${past.why}`, past.remedy);
        continue;
      }
      const isRewritten = !FALSE.includes(broker.annotations.get(REWRITES_PROBES) ?? "");
      const refused = isRewritten ? [] : refusedProbes(broker, mesh);
      if (refused.length > 0) {
        const message = `the proxy of ${title} refuses what comes without mTLS: ${refused.join(", ")}`;
        report("probe-refused", broker.annotationPlace(REWRITES_PROBES), message);
      }
      const config = proxyConfigOf(broker, mesh);
      if (!config.holdApplicationUntilProxyStarts && !hasNativeSidecar(broker))
        report(
          "proxy-not-held",
          broker.annotationPlace(PROXY_CONFIG),
          `${title} does not wait for its sidecar`,
          // To write the annotation anew would lose what it says.
          broker.annotations.has(PROXY_CONFIG)
            ? "add to the annotation: holdApplicationUntilProxyStarts: true"
            : undefined,
        );
      if (mesh.pluginsOf(broker).length === 0) continue;
      judgeMemory(broker, mesh, report);
      const missing = missingTags(broker, mesh);
      const place = broker.annotationPlace(EXTRA_STAT_TAGS);
      if (missing) report("stats-tags-missing", place, `${title} ${missing.message}`, missing.remedy);
    }
    for (const workload of namedByPlugins(mesh)) {
      const missing = missingTags(workload, mesh);
      const message = `${workload.resource.title} ${missing?.message ?? ""}`;
      if (missing) report("stats-tags-missing", workload.annotationPlace(EXTRA_STAT_TAGS), message, missing.remedy);
    }
    for (const gateway of new Set(mesh.plugins.flatMap((plugin) => waypointsOf(plugin, mesh)))) {
      const missing = missingTags(podsOf(gateway), mesh);
      if (!missing) continue;
      const write = `write under spec.infrastructure.annotations, which Istio gives to the waypoint's pods: ${ALL_TAGS}`;
      const place = podAnnotationPlace(gateway, EXTRA_STAT_TAGS);
      report("stats-tags-missing", place, `${gateway.title} ${missing.message}`, missing.remedy ?? write);
    }
  },
);
