import { nowNanoseconds } from "../proxy/clock";

/** Counts how often any plugin of this VM has put another policy in force. */
export let policyEpoch: u32 = 1;

/** When that was last, in nanoseconds. */
export let policyEpochBegan: u64 = 0;

/**
 * A policy has come into force. Each connection finds out whether it is under an older one by comparing the epoch at its next
 * callback (live-policy.ts), and the tick visits those that are silent.
 */
export function beginPolicyEpoch(): void {
  policyEpoch++;
  policyEpochBegan = nowNanoseconds();
}
