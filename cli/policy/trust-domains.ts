/** Whether a principal's trust domain is one of the policy's own, `ours`. Istio takes `cluster.local` for any of them. */
export function isOwnTrustDomain(trustDomain: string, ours: readonly string[]): boolean {
  return trustDomain === "cluster.local" || ours.includes(trustDomain);
}
