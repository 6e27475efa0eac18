import { hexadecimal } from "../bytes/digits";
import { defineMetric, incrementMetric, MetricKind, NO_METRIC, recordMetric } from "../proxy/metrics";
import { label } from "./names";
import { Standpoint } from "./standpoint";
import {
  AUDIT_SUPPRESSED,
  MEMORY_BYTES,
  POLICY_CHANGES,
  POLICY_INFO,
  POLICY_REJECTED,
  POLICY_RULES,
  PRINCIPALS_CAPPED,
  REVOKED_CONNECTIONS,
  REVOKED_SUBSCRIPTIONS,
} from "./stat-names";
import { VERSION } from "./version";

/** Stats that count events; each numbers its name in EVENT_NAMES. */
const enum Event {
  POLICY_REJECTED,
  POLICY_CHANGES,
  REVOKED_CONNECTIONS,
  REVOKED_SUBSCRIPTIONS,
  PRINCIPALS_CAPPED,
  AUDIT_SUPPRESSED,
}

const EVENT_NAMES: StaticArray<string> = [
  POLICY_REJECTED,
  POLICY_CHANGES,
  REVOKED_CONNECTIONS,
  REVOKED_SUBSCRIPTIONS,
  PRINCIPALS_CAPPED,
  AUDIT_SUPPRESSED,
];

/**
 * All plugins of a VM share its memory, so that only one of them tells of it: the number of that one, 0 while there is none.
 */
let memoryTeller: u32 = 0;
let tellers: u32 = 0;

/** Stats about the filter as a whole. All but the memory are rare, so they go to the host at once. */
@final
export class FilterStats {
  private readonly labels: string;
  /** The host's numbers of EVENT_NAMES, by `Event`, and that of the memory. */
  private readonly events: StaticArray<i32> = new StaticArray<i32>(EVENT_NAMES.length).fill(<i32>NO_METRIC);
  private memory: u32 = NO_METRIC;
  private readonly teller: u32 = ++tellers;
  private info: u32 = NO_METRIC;
  private rulesGauge: u32 = NO_METRIC;
  private rules: i32 = 0;
  private toldMemory: i64 = 0;

  constructor(standpoint: Standpoint) {
    this.labels = standpoint.reporterLabel + standpoint.destinationLabels;
  }

  /**
   * This configuration is in force from now on. The gauges say so with the next tick, which a VM that only tries a
   * configuration never has.
   */
  policyInForce(fingerprint: u64, mode: string, rules: i32): void {
    // Defined before anything happens, so at 0: a series that begins with its first event hides it from Prometheus' increase().
    for (let event = 0; event < EVENT_NAMES.length; event++) this.metricOf(event);
    this.forgetPolicy();
    this.rules = rules;
    const labels = label("policy", hexadecimal(fingerprint, 16)) + label("mode", mode) + label("version", VERSION);
    this.info = this.define(POLICY_INFO, labels);
    this.rulesGauge = this.define(POLICY_RULES, labels);
  }

  private forgetPolicy(): void {
    this.tellPolicy(0, 0);
    this.info = NO_METRIC;
    this.rulesGauge = NO_METRIC;
  }

  private tellPolicy(inForce: i32, rules: i32): void {
    recordMetric(this.info, inForce);
    recordMetric(this.rulesGauge, rules);
  }

  /** Every worker sets the gauges again with each tick, so that one which leaves a configuration may set them to 0. */
  onTick(usedMemory: i64): void {
    this.tellPolicy(1, this.rules);
    if (memoryTeller == 0) memoryTeller = this.teller;
    if (memoryTeller == this.teller) this.tellMemory(usedMemory);
  }

  /** Workers share the gauge, so each adds what has changed. */
  private tellMemory(used: i64): void {
    if (used == this.toldMemory) return;
    if (this.memory == NO_METRIC) this.memory = this.define(MEMORY_BYTES, "");
    incrementMetric(this.memory, used - this.toldMemory);
    this.toldMemory = used;
  }

  /** Counts a configuration that was refused, or a published policy that could not be read. */
  policyRejected(): void {
    this.count(Event.POLICY_REJECTED, 1);
  }

  /** Counts a policy that has taken the place of another. */
  policyChanged(): void {
    this.count(Event.POLICY_CHANGES, 1);
  }

  /** Counts an open connection that a policy has ended. */
  revokedConnection(): void {
    this.count(Event.REVOKED_CONNECTIONS, 1);
  }

  /** Counts a live subscription that a policy has ended. */
  revokedSubscription(): void {
    this.count(Event.REVOKED_SUBSCRIPTIONS, 1);
  }

  /** Counts a connection that is counted under the principal `other`. */
  principalCapped(): void {
    this.count(Event.PRINCIPALS_CAPPED, 1);
  }

  /** Counts audit records that were left out. */
  auditSuppressed(records: i64): void {
    if (records > 0) this.count(Event.AUDIT_SUPPRESSED, records);
  }

  /** The plugin is gone, or stands somewhere else (`Standpoint`): its configuration counts as in force no more. */
  close(): void {
    this.forgetPolicy();
    if (memoryTeller != this.teller) return;
    this.tellMemory(0);
    memoryTeller = 0;
  }

  private count(event: Event, by: i64): void {
    incrementMetric(this.metricOf(event), by);
  }

  private metricOf(event: i32): u32 {
    if (this.events[event] == <i32>NO_METRIC) this.events[event] = <i32>this.define(EVENT_NAMES[event], "");
    return <u32>this.events[event];
  }

  private define(name: string, labels: string): u32 {
    const kind = name.endsWith("_total") ? MetricKind.COUNTER : MetricKind.GAUGE;
    return defineMetric(kind, this.labels + labels + name);
  }
}
