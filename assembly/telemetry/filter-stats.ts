import { defineMetric, incrementMetric, MetricKind, NO_METRIC } from "../proxy/metrics";
import { Standpoint } from "./standpoint";
import {
  AUDIT_SUPPRESSED,
  MEMORY_BYTES,
  POLICY_CHANGES,
  POLICY_REJECTED,
  PRINCIPALS_CAPPED,
  REVOKED_CONNECTIONS,
  REVOKED_SUBSCRIPTIONS,
} from "./stat-names";

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

/** All plugins of a VM share its memory, so that only one `FilterStats` tells of it. Does one? */
let isMemoryTold: bool = false;

/**
 * Stats about the filter as a whole, of one plugin at one standpoint. All its root contexts share them, as they do meters (`Meters`).
 * All but the memory are rare, so they go to the host at once.
 */
@final
export class FilterStats {
  private readonly labels: string;
  /** The host's numbers of EVENT_NAMES, by `Event`, and that of the memory. */
  private readonly events: StaticArray<i32> = new StaticArray<i32>(EVENT_NAMES.length).fill(<i32>NO_METRIC);
  private memory: u32 = NO_METRIC;
  private tellsOfMemory: bool = false;
  private toldMemory: i64 = 0;
  private holders: i32 = 0;

  constructor(standpoint: Standpoint) {
    this.labels = standpoint.reporterLabel + standpoint.destinationLabels;
  }

  /** A root context stands here from now on, until it calls `release`. */
  hold(): void {
    this.holders++;
  }

  /** A root context stands here no more. After the last one others may tell of the memory. */
  release(): void {
    if (--this.holders > 0 || !this.tellsOfMemory) return;
    this.tellMemory(0);
    this.tellsOfMemory = false;
    isMemoryTold = false;
  }

  /**
   * A policy is in force here. Events are defined before anything happens, so at 0: a series that begins with its first event hides it
   * from Prometheus' increase().
   */
  begin(): void {
    for (let event = 0; event < EVENT_NAMES.length; event++) this.metricOf(event);
  }

  /** To be called by each tick. */
  onTick(usedMemory: i64): void {
    if (!isMemoryTold) this.tellsOfMemory = isMemoryTold = true;
    if (this.tellsOfMemory) this.tellMemory(usedMemory);
  }

  /** Workers share the gauge, so each adds what has changed. */
  private tellMemory(used: i64): void {
    if (used == this.toldMemory) return;
    if (this.memory == NO_METRIC) this.memory = this.define(MetricKind.GAUGE, MEMORY_BYTES);
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

  private count(event: Event, by: i64): void {
    incrementMetric(this.metricOf(event), by);
  }

  private metricOf(event: i32): u32 {
    if (this.events[event] == <i32>NO_METRIC) {
      this.events[event] = <i32>this.define(MetricKind.COUNTER, EVENT_NAMES[event]);
    }
    return <u32>this.events[event];
  }

  private define(kind: MetricKind, name: string): u32 {
    return defineMetric(kind, this.labels + name);
  }
}
