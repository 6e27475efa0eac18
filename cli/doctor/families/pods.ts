import type { Field } from "../../manifests/field.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { proxyConfigOf } from "../../mesh/proxy-config.ts";
import type { Workload } from "../../mesh/workload.ts";
import { STATS_TAGS } from "../../stats-tags.ts";
import { family } from "../family.ts";

const EXCLUDE = "traffic.sidecar.istio.io/excludeInboundPorts";
const INCLUDE = "traffic.sidecar.istio.io/includeInboundPorts";

function lists(ports: Field | undefined, number: number): boolean {
  return (ports?.text() ?? "").split(",").some((port) => port.trim() === String(number));
}

/** What keeps the client port from the sidecar, and why. */
function uncaptured({ pod }: Workload): { field: Field; why: string } | undefined {
  const [host, exclude, include] = [
    pod.get("spec", "hostNetwork"),
    pod.get("metadata", "annotations", EXCLUDE),
    pod.get("metadata", "annotations", INCLUDE),
  ];
  const inject =
    pod.get("metadata", "labels", "sidecar.istio.io/inject") ??
    pod.get("metadata", "annotations", "sidecar.istio.io/inject");
  if (inject?.text() === "false") return { field: inject, why: "no sidecar is injected" };
  if (host?.text() === "true") return { field: host, why: "a pod in the host's network has no sidecar" };
  if (exclude && lists(exclude, CLIENT_PORT))
    return { field: exclude, why: `port ${CLIENT_PORT} is excluded from capture` };
  if (include && include.text() !== "*" && !lists(include, CLIENT_PORT))
    return { field: include, why: `port ${CLIENT_PORT} is not among the captured ports` };
  return undefined;
}

export const pods = family(
  "Pods of nats-server",
  {
    "client-port-uncaptured": {
      severity: "error",
      what: "Traffic to the client port does not pass the sidecar, so no filter judges it.",
      remedy: "let Istio inject a sidecar, and capture port 4222",
    },
    "proxy-not-held": {
      severity: "warning",
      what:
        "nats-server may start before its sidecar. Its routes and health checks then fail at first, and after a rolling restart a " +
        "cluster may take long to form.",
      remedy: "annotate the pods with proxy.istio.io/config: 'holdApplicationUntilProxyStarts: true'",
    },
    "stats-tags-missing": {
      severity: "warning",
      what:
        "Istio's proxy is not told the labels of the filter's stats. They stand in the names of the metrics instead, and no " +
        "dashboard finds them. They are read when the proxy starts.",
      remedy: `annotate the pods with sidecar.istio.io/extraStatTags: ${STATS_TAGS.join()}`,
    },
  },
  ({ mesh }, report) => {
    for (const broker of mesh.brokers) {
      if (mesh.isAmbient(broker)) continue;
      const { title } = broker.resource;
      const past = uncaptured(broker);
      if (past) {
        report("client-port-uncaptured", past.field.place, `${title}: ${past.why}`);
        continue;
      }
      const config = proxyConfigOf(broker, mesh);
      const native = broker.annotations.get("sidecar.istio.io/nativeSidecar") === "true";
      if (!config.holdApplicationUntilProxyStarts && !native)
        report(
          "proxy-not-held",
          broker.annotationPlace("proxy.istio.io/config"),
          `${title} does not wait for its sidecar`,
        );
      const missing = STATS_TAGS.filter((tag) => !config.extraStatTags.includes(tag));
      if (missing.length === 0 || mesh.pluginsOf(broker).length === 0) continue;
      const message = `${title} does not have the labels ${missing.join(", ")}`;
      report("stats-tags-missing", broker.annotationPlace("sidecar.istio.io/extraStatTags"), message);
    }
  },
);
