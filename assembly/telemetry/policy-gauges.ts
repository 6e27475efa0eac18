import { hexadecimal } from "../bytes/digits";
import { defineMetric, MetricKind, recordMetric } from "../proxy/metrics";
import { label } from "./names";
import { POLICY_INFO, POLICY_RULES } from "./stat-names";
import { VERSION } from "./version";

/** The gauges of one policy, which is in force while root contexts of the plugin hold them. */
@final
export class PolicyGauges {
  private readonly info: u32;
  private readonly rulesGauge: u32;
  private holders: i32 = 0;
  private isTold: bool = false;

  /** `labels` are those of the standpoint. */
  constructor(
    labels: string,
    readonly fingerprint: u64,
    mode: string,
    private readonly rules: i32,
  ) {
    const policy =
      labels + label("policy", hexadecimal(fingerprint, 16)) + label("mode", mode) + label("version", VERSION);
    this.info = defineMetric(MetricKind.GAUGE, policy + POLICY_INFO);
    this.rulesGauge = defineMetric(MetricKind.GAUGE, policy + POLICY_RULES);
  }

  /** Does no root context follow this policy, and does the host know? */
  get isFree(): bool {
    return this.holders == 0 && !this.isTold;
  }

  /** A root context follows this policy from now on, until it calls `release`. */
  hold(): void {
    this.holders++;
  }

  /** A root context follows this policy no more. */
  release(): void {
    this.holders--;
  }

  /** Tells of a policy in force. Workers share the gauges, so each sets them again with each tick: another one may have left it. */
  tell(): void {
    if (this.holders == 0) return;
    this.isTold = true;
    this.record(1, this.rules);
  }

  /** Tells that a policy is in force no more. */
  takeBack(): void {
    if (this.holders > 0 || !this.isTold) return;
    this.isTold = false;
    this.record(0, 0);
  }

  private record(inForce: i32, rules: i32): void {
    recordMetric(this.info, inForce);
    recordMetric(this.rulesGauge, rules);
  }
}
