import { Operation } from "../nats/operation";
import { Reason, REASON_COUNT } from "../policy/reason";
import { defineMetric, incrementMetric, MetricKind, NO_METRIC } from "../proxy/metrics";
import {
  bytesOf,
  CLOSED_AT,
  DRY_RUN_AT,
  label,
  messagesOf,
  OPENED_AT,
  ProtocolError,
  PROTOCOL_ERRORS_AT,
  REFUSALS_AT,
  seriesName,
  SERIES_COUNT,
  UNTESTED_AT,
  Verdict,
} from "./stats";

/**
 * Counts of one principal, shared by all its connections of a worker. They are added up here and given to the host on
 * the tick and when a connection closes, since a host call for each message would cost more than the message (63 ns).
 */
@unmanaged
@final
export class Meter {
  /** For each series a u64 that the host has not been told of, then for each series a u32: the host's number of it. */
  private readonly pending: usize = heap.alloc(<usize>SERIES_COUNT * 12);
  private readonly metrics: usize;
  private changed: bool = false;

  constructor() {
    this.metrics = this.pending + ((<usize>SERIES_COUNT) << 3);
    memory.fill(this.pending, 0, (<usize>SERIES_COUNT) << 3);
    for (let series = 0; series < SERIES_COUNT; series++) {
      store<u32>(this.metrics + ((<usize>series) << 2), NO_METRIC);
    }
  }

  destroy(): void {
    heap.free(this.pending);
    heap.free(changetype<usize>(this));
  }

  // @ts-ignore: decorator
  @inline
  private add(series: i32, by: u64): void {
    const at = this.pending + ((<usize>series) << 3);
    store<u64>(at, load<u64>(at) + by);
    this.changed = true;
  }

  // @ts-ignore: decorator
  @inline
  allowed(operation: Operation): void {
    this.add(messagesOf(operation, Verdict.ALLOWED), 1);
  }

  // @ts-ignore: decorator
  @inline
  allowedPayload(operation: Operation, bytes: i32): void {
    this.add(messagesOf(operation, Verdict.ALLOWED), 1);
    this.add(bytesOf(operation, Verdict.ALLOWED), <u64>bytes);
  }

  /** Several at once. */
  // @ts-ignore: decorator
  @inline
  allowedPayloads(operation: Operation, count: u64, bytes: u64): void {
    this.add(messagesOf(operation, Verdict.ALLOWED), count);
    this.add(bytesOf(operation, Verdict.ALLOWED), bytes);
  }

  refused(operation: Operation, reason: Reason, bytes: i32): void {
    this.add(messagesOf(operation, Verdict.REFUSED), 1);
    if (bytes > 0) this.add(bytesOf(operation, Verdict.REFUSED), <u64>bytes);
    this.add(REFUSALS_AT + <i32>operation * REASON_COUNT + <i32>reason, 1);
  }

  /** What passed, and a dry-run rule or configuration would have refused. */
  wouldRefuse(operation: Operation, reason: Reason): void {
    this.add(DRY_RUN_AT + <i32>operation * REASON_COUNT + <i32>reason, 1);
  }

  opened(verdict: Verdict): void {
    this.add(OPENED_AT + <i32>verdict, 1);
  }

  closed(): void {
    this.add(CLOSED_AT, 1);
  }

  protocolError(kind: ProtocolError): void {
    this.add(PROTOCOL_ERRORS_AT + <i32>kind, 1);
  }

  untestedServer(): void {
    this.add(UNTESTED_AT, 1);
  }

  /** Gives the host what has been counted since the last time. `labels`: those that all series of the principal have. */
  flush(labels: string): void {
    if (!this.changed) return;
    this.changed = false;
    for (let series = 0; series < SERIES_COUNT; series++) {
      const at = this.pending + ((<usize>series) << 3);
      const by = load<u64>(at);
      if (by == 0) continue;
      store<u64>(at, 0);
      const metricAt = this.metrics + ((<usize>series) << 2);
      let metric = load<u32>(metricAt);
      if (metric == NO_METRIC) {
        metric = defineMetric(MetricKind.COUNTER, labels + seriesName(series));
        store<u32>(metricAt, metric);
      }
      incrementMetric(metric, <i64>by);
    }
  }
}

/** Principals that get series of their own; all others share `other`. A stat is never deleted, so this is the bound. */
export const MAX_PRINCIPALS: i32 = 512;
const OTHER: string = "other";

/** The meters of one plugin in one worker; they live as long as the plugin. */
@final
export class Meters {
  /** A principal's place in `meters` and `labels`. */
  private readonly places: Map<string, i32> = new Map();
  private readonly meters: Meter[] = [];
  private readonly labels: string[] = [];

  constructor(readonly reporter: string) {}

  /** `principal` and `namespace` are "unknown" where they are not known. */
  of(principal: string, namespace: string): Meter {
    if (this.places.has(principal)) return this.meters[this.places.get(principal)];
    if (this.places.size >= MAX_PRINCIPALS && principal != OTHER) return this.of(OTHER, OTHER);
    const meter = new Meter();
    this.places.set(principal, this.meters.length);
    this.meters.push(meter);
    this.labels.push(
      label("reporter", this.reporter) +
        label("source_principal", labelValue(principal)) +
        label("source_workload_namespace", labelValue(namespace)),
    );
    return meter;
  }

  /** The meter that counts for this principal at present; null when it has none. */
  meterOf(principal: string): Meter | null {
    const name = principal == "" ? "unknown" : principal;
    if (this.places.has(name)) return this.meters[this.places.get(name)];
    return this.places.has(OTHER) ? this.meters[this.places.get(OTHER)] : null;
  }

  /** Gives the host all counts that it does not know yet. */
  flush(): void {
    for (let i = 0; i < this.meters.length; i++) this.meters[i].flush(this.labels[i]);
  }

  /** The last flush; nobody may count any more. */
  destroy(): void {
    this.flush();
    for (let i = 0; i < this.meters.length; i++) this.meters[i].destroy();
    this.meters.length = 0;
    this.labels.length = 0;
    this.places.clear();
  }
}

/**
 * A certificate may hold any URI: nothing in it may end the label, begin another (Istio's expressions are not anchored) or
 * break the line.
 */
function labelValue(value: string): string {
  let clean = "";
  for (let i = 0; i < value.length && i < MAX_LABEL; i++) {
    const c = value.charCodeAt(i);
    clean += c <= 0x20 || c == 0x7f || c == 0x3b || c == 0x3d || c == 0x22 || c == 0x5c ? "_" : String.fromCharCode(c);
  }
  return clean;
}

/** Longer than any SPIFFE identity of Kubernetes names (63 + 253 bytes and the trust domain). */
const MAX_LABEL: i32 = 512;
