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
@final
export class Meter {
  private readonly pending: StaticArray<u64> = new StaticArray<u64>(SERIES_COUNT);
  private readonly metrics: StaticArray<u32> = new StaticArray<u32>(SERIES_COUNT).fill(NO_METRIC);
  private changed: bool = false;

  /** `labels`: those that all series of the principal have, in raw form. */
  constructor(private readonly labels: string) {}

  // @ts-ignore: decorator
  @inline
  private add(series: i32, by: u64): void {
    unchecked((this.pending[series] += by));
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

  /** Gives the host what has been counted since the last time. */
  flush(): void {
    if (!this.changed) return;
    this.changed = false;
    for (let series = 0; series < SERIES_COUNT; series++) {
      const by = unchecked(this.pending[series]);
      if (by == 0) continue;
      unchecked((this.pending[series] = 0));
      let metric = unchecked(this.metrics[series]);
      if (metric == NO_METRIC) {
        metric = defineMetric(MetricKind.COUNTER, this.labels + seriesName(series));
        unchecked((this.metrics[series] = metric));
      }
      incrementMetric(metric, <i64>by);
    }
  }
}

/** Principals that get series of their own; all others share `other`. A stat is never deleted, so this is the bound. */
export const MAX_PRINCIPALS: i32 = 512;
const OTHER: string = "other";

/** The meters of one plugin's configuration in one worker. */
@final
export class Meters {
  private readonly byPrincipal: Map<string, Meter> = new Map();
  private readonly all: Meter[] = [];

  constructor(private readonly reporter: string) {}

  /** `principal` and `namespace` are "unknown" where they are not known. */
  of(principal: string, namespace: string): Meter {
    if (this.byPrincipal.has(principal)) return this.byPrincipal.get(principal);
    if (this.byPrincipal.size >= MAX_PRINCIPALS && principal != OTHER) return this.of(OTHER, OTHER);
    const meter = new Meter(
      label("reporter", this.reporter) +
        label("source_principal", labelValue(principal)) +
        label("source_workload_namespace", labelValue(namespace)),
    );
    this.byPrincipal.set(principal, meter);
    this.all.push(meter);
    return meter;
  }

  flush(): void {
    for (let i = 0; i < this.all.length; i++) unchecked(this.all[i]).flush();
  }
}

/** A certificate may hold any URI: nothing in it may end the label early or break the line. */
function labelValue(value: string): string {
  let clean = "";
  for (let i = 0; i < value.length && i < MAX_LABEL; i++) {
    const c = value.charCodeAt(i);
    clean += c <= 0x20 || c == 0x7f || c == 0x3b || c == 0x22 || c == 0x5c ? "_" : String.fromCharCode(c);
  }
  return clean;
}

/** Longer than any SPIFFE identity of Kubernetes names (63 + 253 bytes and the trust domain). */
const MAX_LABEL: i32 = 512;
