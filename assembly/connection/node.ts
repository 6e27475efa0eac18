import { FixedText, fixedText } from "../bytes/fixed-text";
import { textProperty } from "../proxy/properties";

/** What the proxy says of the workload that it serves (Istio's node metadata). "" where it does not say. */

const NAMESPACE: FixedText = fixedText("xds\0node\0metadata\0NAMESPACE");
const SERVICE_ACCOUNT: FixedText = fixedText("xds\0node\0metadata\0SERVICE_ACCOUNT");
const WORKLOAD: FixedText = fixedText("xds\0node\0metadata\0WORKLOAD_NAME");

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
