/** Whether a host of Istio's stands for every name with its ending: `*`, `*.shop.svc.cluster.local`. */
export function isWildcard(host: string): boolean {
  return host.startsWith("*");
}

/** Whether a host is this name, or a wildcard that stands for it. */
export function standsFor(host: string, name: string): boolean {
  return isWildcard(host) ? name.endsWith(host.slice(1)) : name === host;
}
