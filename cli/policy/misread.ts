import type { Field } from "../manifests/field.ts";

/** An entry or a name that does not mean what it seems to mean. The filter accepts it, as nats-server and Istio do. */
export interface Misread {
  id: "subject-literal-wildcard" | "subject-case" | "principal-shape" | "trust-domain-case";
  value: Field;
  message: string;
  remedy: string;
}
