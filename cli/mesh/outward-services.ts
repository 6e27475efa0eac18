import type { Place } from "../manifests/place.ts";
import { excludedInbound, hostNetwork, refusedInjection } from "./capture.ts";
import { clientPortOf } from "./client-port.ts";
import type { Mesh } from "./mesh.ts";
import { declaredMtls } from "./peer-authentication.ts";
import type { Service } from "./service.ts";
import type { Workload } from "./workload.ts";

/** A Service by which connections from outside the cluster reach nats-server's client port. */
export interface OutwardService {
  service: Service;
  /** Of what makes it so. */
  place: Place;
  how: string;
  /** Whether all its pods accept mTLS alone. */
  isStrict: boolean;
}

/** Pods whose client port passes no proxy have a finding of their own. */
function isCaptured(broker: Workload, mesh: Mesh): boolean {
  return !refusedInjection(broker) && !hostNetwork(broker) && !excludedInbound(broker, clientPortOf(broker, mesh));
}

function outwardness({ resource: { root } }: Service): Pick<OutwardService, "place" | "how"> | undefined {
  const type = root.get("spec", "type");
  const word = type?.text();
  if (type && (word === "LoadBalancer" || word === "NodePort")) return { place: type.place, how: `is a ${word}` };
  const addresses = root.get("spec", "externalIPs");
  return addresses && addresses.items().length > 0 ? { place: addresses.keyPlace, how: "has externalIPs" } : undefined;
}

/** Only Services of pods that are known to be nats-server's: a gateway's Service may have its client port, and is to be reached. */
export function outwardServices(mesh: Mesh): OutwardService[] {
  return mesh.brokerServices.flatMap((service) => {
    const outward = outwardness(service);
    if (!outward || mesh.clientPorts(service).length === 0) return [];
    const brokers = mesh.brokers.filter((broker) => service.selectsWorkload(broker) && isCaptured(broker, mesh));
    if (brokers.length === 0) return [];
    const isStrict = brokers.every(
      (broker) => declaredMtls(broker, clientPortOf(broker, mesh), mesh)?.mode === "STRICT",
    );
    return [{ service, ...outward, isStrict }];
  });
}
