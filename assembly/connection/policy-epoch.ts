import { nowNanoseconds } from "../proxy/clock";

/** Counts how often any plugin of this VM has put another policy in force. */
export let policyEpoch: u32 = 1;

/** When the first of the changes was that some connection may have missed, in nanoseconds. */
export let policyEpochBegan: u64 = 0;

/**
 * A policy has come into force. Each connection finds out whether it is under an older one by comparing the epoch at its next
 * callback (live-policy.ts), and the tick visits those that are silent. `isNobodyBehind`: all are under the policy before.
 */
export function beginPolicyEpoch(isNobodyBehind: bool): void {
  policyEpoch++;
  if (isNobodyBehind) policyEpochBegan = nowNanoseconds();
}
