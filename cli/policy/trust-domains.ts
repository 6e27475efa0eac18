/** Whether a principal's trust domain stands for the policy's own, `ours`; Istio takes `cluster.local` for whatever they are. */
export function isOwnTrustDomain(trustDomain: string, ours: readonly string[]): boolean {
  return trustDomain === "cluster.local" || ours.includes(trustDomain);
}
