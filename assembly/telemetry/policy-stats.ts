import { defineMetric, incrementMetric, MetricKind } from "../proxy/metrics";
import { label, Stat } from "./stats";

/** Stats of a plugin as a whole: of their labels only `reporter` is set here. */
export const POLICY_CHANGES: Stat = new Stat(
  "istio_nats_policy_changes_total",
  "counter",
  [],
  "Policies that took the place of another in a VM of the proxy: once for each worker and the main thread.",
);
export const POLICY_REJECTED: Stat = new Stat(
  "istio_nats_policy_rejected_total",
  "counter",
  [],
  "Configurations that were refused whole, and published policies that a VM could not read.",
);
export const REVOKED_CONNECTIONS: Stat = new Stat(
  "istio_nats_revoked_connections_total",
  "counter",
  [],
  "Connections that were closed because a newer policy leaves them no rights.",
);
export const REVOKED_SUBSCRIPTIONS: Stat = new Stat(
  "istio_nats_revoked_subscriptions_total",
  "counter",
  [],
  "Subscriptions that were ended because a newer policy does not allow them.",
);

const STATS: StaticArray<Stat> = [POLICY_CHANGES, POLICY_REJECTED, REVOKED_CONNECTIONS, REVOKED_SUBSCRIPTIONS];

/** What happened to a plugin's policy in this VM; told to the host by `flush`, a refusal at once. */
@final
export class PolicyStats {
  private reporter: string = "";
  private readonly pending: StaticArray<i64> = new StaticArray<i64>(STATS.length);
  /** The host's number of each stat, from the first `report` on. */
  private readonly metrics: StaticArray<u32> = new StaticArray<u32>(STATS.length);

  /** From here on the stats have this label. */
  report(reporter: string): void {
    if (reporter == this.reporter) return;
    this.flush();
    this.reporter = reporter;
    // All at once, and before anything happens: what only the VM that refuses a configuration has defined goes with it.
    for (let i = 0; i < STATS.length; i++) {
      this.metrics[i] = defineMetric(MetricKind.COUNTER, label("reporter", reporter) + STATS[i].name);
    }
  }

  changed(): void {
    this.pending[0]++;
  }

  /** Envoy drops the VM that has refused a configuration, before any tick. */
  refused(): void {
    this.pending[1]++;
    this.flush();
  }

  revokedConnection(): void {
    this.pending[2]++;
  }

  revokedSubscription(): void {
    this.pending[3]++;
  }

  flush(): void {
    if (this.reporter == "") return;
    for (let i = 0; i < STATS.length; i++) {
      const by = this.pending[i];
      if (by == 0) continue;
      this.pending[i] = 0;
      incrementMetric(this.metrics[i], by);
    }
  }
}
