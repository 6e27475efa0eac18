import { FixedText } from "../bytes/fixed-text";
import { propertyPath, textProperty } from "../proxy/properties";

/** What the proxy says of the workload that it serves (Istio's node metadata). "" where it does not say. */

const NAMESPACE: FixedText = propertyPath(["xds", "node", "metadata", "NAMESPACE"]);
const SERVICE_ACCOUNT: FixedText = propertyPath(["xds", "node", "metadata", "SERVICE_ACCOUNT"]);
const WORKLOAD: FixedText = propertyPath(["xds", "node", "metadata", "WORKLOAD_NAME"]);

/** The workload's namespace. */
export function nodeNamespace(): string {
  return textProperty(NAMESPACE);
}

/** The name of its service account. */
export function nodeServiceAccount(): string {
  return textProperty(SERVICE_ACCOUNT);
}

/** Its own name, such as that of a StatefulSet. */
export function nodeWorkload(): string {
  return textProperty(WORKLOAD);
}
