/** How often any plugin of this VM has taken another policy. */
export let policyEpoch: u32 = 1;

/**
 * Some connections may be under an older policy now. Each of them finds out with one comparison at its next callback
 * (live-policy.ts), and the tick visits those that are silent.
 */
export function beginPolicyEpoch(): void {
  policyEpoch++;
}
