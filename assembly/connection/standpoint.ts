import { Identity } from "../policy/document";
import { orUnknown, UNKNOWN_NAME } from "../telemetry/names";
import { Standpoint } from "../telemetry/standpoint";
import { nodeNamespace, nodeWorkload } from "./node";

/** The standpoint before the first configuration. */
export const NOWHERE: Standpoint = new Standpoint(UNKNOWN_NAME, UNKNOWN_NAME, UNKNOWN_NAME);

/** Where this proxy stands by a configuration's `identity`. Its own workload is the destination only beside nats-server. */
export function standpointOf(identity: Identity): Standpoint {
  const own = identity == Identity.PEER;
  return new Standpoint(
    reporterOf(identity),
    orUnknown(own ? nodeWorkload() : ""),
    orUnknown(own ? nodeNamespace() : ""),
  );
}

/** The value of the label `reporter`: which side of a connection this proxy stands on (Istio's words). */
function reporterOf(identity: Identity): string {
  switch (identity) {
    case Identity.WAYPOINT:
      return "waypoint";
    case Identity.WORKLOAD:
      return "source";
  }
  return "destination";
}
