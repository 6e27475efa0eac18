import { placeText } from "../../manifests/place.ts";
import { unfilledRemedy } from "../../manifests/unfilled.ts";
import { routesToTwins } from "../../mesh/nats-routes.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import type { Workload } from "../../mesh/workload.ts";
import { family, type Report } from "../family.ts";

type Id = "nats-route-nothing" | "stateful-set-service-unseen";

function judgeStatefulSet(broker: Workload, mesh: Mesh, report: Report<Id>): void {
  const { root, title } = broker.resource;
  const name = root.text("spec", "serviceName") ?? "";
  const place = root.placeOf("spec", "serviceName");
  const astray = routesToTwins(broker, mesh).find(({ service }) => service !== name);
  if (astray) {
    const { host, pod, service } = astray;
    const are = name === "" ? "gives the pods no names" : `names the pod ${pod}.${name}`;
    const message = `nats-server of ${title} has a route to ${host} (${placeText(astray.place)}), but serviceName ${are}`;
    const remedy = `make the StatefulSet anew with serviceName: ${service}, or correct the routes`;
    report("nats-route-nothing", place, message, unfilledRemedy(name) ?? remedy);
    return;
  }
  const services = mesh.servicesOf(broker);
  const namesakes = mesh.services.map(({ resource }) => resource).filter((one) => one.name === name);
  const isThere = namesakes.some(({ namespace }) => namespace === broker.namespace);
  if (name === "" || isThere || services.length === 0) return;
  const others = services.map(({ resource }) => resource.name).join(", ");
  const message = `no Service ${broker.namespace}/${name} is among the files, by which the pods of ${title} have their names; those that select them are ${others}`;
  const compared = [...namesakes, broker.resource];
  report("stateful-set-service-unseen", place, message, { remedy: unfilledRemedy(name), compared });
}

export const podNames = family<Id>(
  "Names of nats-server's pods",
  {
    "nats-route-nothing": {
      severity: "error",
      what:
        "nats-server has a route to a pod of its own StatefulSet by a name that the pod does not have. Kubernetes names it " +
        "POD.SERVICE after the `serviceName` of the StatefulSet, and by no other Service. The nodes do not find each other. " +
        "Kubernetes refuses to change the `serviceName` of a StatefulSet that is there.",
      remedy: "make the StatefulSet anew with the Service that the routes name as serviceName, or correct the routes",
    },
    "stateful-set-service-unseen": {
      severity: "warning",
      missing: "Services",
      what:
        "The Service that the `serviceName` of nats-server's StatefulSet names is not among the files, while others that select " +
        "its pods are. If it is not in the cluster either, the pods have no names of their own, by which nodes dial each other.",
      remedy: "give its file too, or make the StatefulSet anew with the name of the headless Service as serviceName",
    },
  },
  ({ mesh }, report) => {
    for (const broker of mesh.brokers)
      if (broker.resource.kind === "StatefulSet") judgeStatefulSet(broker, mesh, report);
  },
);
