import { hexadecimal } from "../bytes/digits";
import { defineMetric, MetricKind, recordMetric } from "../proxy/metrics";
import { label } from "./names";
import { Standpoint } from "./standpoint";
import { POLICY_INFO, POLICY_RULES } from "./stat-names";
import { VERSION } from "./version";

/** So many gauges are kept, although no root context follows their policy, in case that it comes back. */
const MAX_KEPT: i32 = 16;

/** The gauges of one policy, which is in force while root contexts hold them. */
@final
export class PolicyGauges {
  private readonly info: u32;
  private readonly rulesGauge: u32;
  private holders: i32 = 0;
  private isTold: bool = false;

  constructor(
    standpoint: Standpoint,
    readonly fingerprint: u64,
    mode: string,
    private readonly rules: i32,
  ) {
    const labels =
      standpoint.reporterLabel +
      standpoint.destinationLabels +
      label("policy", hexadecimal(fingerprint, 16)) +
      label("mode", mode) +
      label("version", VERSION);
    this.info = defineMetric(MetricKind.GAUGE, labels + POLICY_INFO);
    this.rulesGauge = defineMetric(MetricKind.GAUGE, labels + POLICY_RULES);
  }

  /** Does a root context follow this policy? */
  get isHeld(): bool {
    return this.holders > 0;
  }

  /** Is there no root context that follows this policy, and nothing to take back? */
  get isFree(): bool {
    return !this.isHeld && !this.isTold;
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
    if (!this.isHeld) return;
    this.isTold = true;
    this.record(1, this.rules);
  }

  /** Tells that a policy is in force no more. */
  takeBack(): void {
    if (this.isHeld || !this.isTold) return;
    this.isTold = false;
    this.record(0, 0);
  }

  private record(inForce: i32, rules: i32): void {
    recordMetric(this.info, inForce);
    recordMetric(this.rulesGauge, rules);
  }
}

/** What is told of the policies that the root contexts of a VM follow, those of all plugins: two may have the same policy. */
@final
class PolicyStats {
  private readonly all: PolicyGauges[] = [];

  /**
   * The gauges of a policy that a root context follows from now on, which is to hold them. The standpoint is part of the policy of
   * that fingerprint, and of the proxy.
   */
  of(standpoint: Standpoint, fingerprint: u64, mode: string, rules: i32): PolicyGauges {
    let free = -1;
    for (let i = 0; i < this.all.length; i++) {
      if (this.all[i].fingerprint == fingerprint) return this.all[i];
      if (free < 0 && this.all[i].isFree) free = i;
    }
    const gauges = new PolicyGauges(standpoint, fingerprint, mode, rules);
    if (free >= 0 && this.all.length >= MAX_KEPT) this.all[free] = gauges;
    else this.all.push(gauges);
    return gauges;
  }

  /**
   * To be called by each tick, which a VM that only tries a configuration never has. What is in force is told of before what is not any
   * more is taken back, so that a policy is always in force, also where the root context of the former one has gone before this tick.
   */
  onTick(): void {
    for (let i = 0; i < this.all.length; i++) this.all[i].tell();
    this.takeBack();
  }

  /** A root context is gone and has released its policy. After the last one no tick may come that takes it back. */
  onDestroy(): void {
    for (let i = 0; i < this.all.length; i++) {
      if (this.all[i].isHeld) return;
    }
    this.takeBack();
  }

  private takeBack(): void {
    for (let i = 0; i < this.all.length; i++) this.all[i].takeBack();
  }
}

export const policyStats: PolicyStats = new PolicyStats();
