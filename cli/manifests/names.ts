const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** The form of a namespace's name, and of a Service's (RFC 1123; k8s.io/apimachinery, `IsDNS1123Label`). */
export function isLabel(name: string): boolean {
  return name.length <= 63 && LABEL.test(name);
}

/** The form of most other objects' names (`IsDNS1123Subdomain`). */
export function isSubdomain(name: string): boolean {
  return name.length <= 253 && name.split(".").every((part) => LABEL.test(part));
}
