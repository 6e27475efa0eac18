import { Meter } from "./meter";
import { label, labelValue, Names } from "./names";
import { Standpoint } from "./standpoint";

/** The name under which all principals are counted that come when there are `limit` already. */
const OTHER_PRINCIPAL: string = "other";

/**
 * The principals of one plugin that have series of their own, through all its configurations: the host deletes no series with the
 * configuration, and gives each configuration a root context, with meters, of its own.
 */
@final
export class NamedPrincipals {
  /** Only the keys count. The values are i32 so that no further kind of map is compiled into the module. */
  private readonly names: Map<string, i32> = new Map();

  /** Has the principal series of its own, or may it have them where there are to be `limit` at most? */
  takes(principal: string, limit: i32): bool {
    return this.names.size < limit || this.names.has(principal);
  }

  /** The principal has series of its own. */
  add(principal: string): void {
    this.names.set(principal, 0);
  }
}

/** The meters of one configuration of a plugin in one worker; they live as long as its root context. */
@final
export class Meters {
  /** A principal's place in `meters` and `labels`. */
  private readonly places: Map<string, i32> = new Map();
  private readonly meters: Meter[] = [];
  /** Kept here, since meters lie outside the collector's heap. */
  private readonly labels: string[] = [];
  /** Principals that get series of their own (`telemetry.principals`). */
  limit: i32 = 1;

  constructor(
    readonly standpoint: Standpoint,
    private readonly principals: NamedPrincipals,
    private readonly classes: Names,
    private readonly rules: Names,
  ) {}

  /**
   * The meter of a principal, made if it has none; that of OTHER_PRINCIPAL when there are too many. Both names are "unknown" where
   * they are not known.
   */
  of(principal: string, namespace: string): Meter {
    if (this.places.has(principal)) return this.meters[this.places.get(principal)];
    if (principal != OTHER_PRINCIPAL) {
      if (!this.principals.takes(principal, this.limit)) return this.of(OTHER_PRINCIPAL, OTHER_PRINCIPAL);
      this.principals.add(principal);
    }
    const labels =
      this.standpoint.reporterLabel +
      label("source_principal", labelValue(principal)) +
      label("source_workload_namespace", labelValue(namespace)) +
      this.standpoint.destinationLabels;
    const meter = new Meter(
      principal == OTHER_PRINCIPAL,
      changetype<usize>(labels),
      changetype<usize>(this.classes),
      changetype<usize>(this.rules),
    );
    this.places.set(principal, this.meters.length);
    this.meters.push(meter);
    this.labels.push(labels);
    return meter;
  }

  /** The meter that `of` has answered for this principal, without making one; null if it has not been asked. */
  known(principal: string): Meter | null {
    if (this.places.has(principal)) return this.meters[this.places.get(principal)];
    return this.places.has(OTHER_PRINCIPAL) ? this.meters[this.places.get(OTHER_PRINCIPAL)] : null;
  }

  /** Would `of` answer the meter that others share? */
  isBeyond(principal: string): bool {
    return !this.places.has(principal) && !this.principals.takes(principal, this.limit);
  }

  /** Gives the host all counts that it does not know yet. */
  flush(): void {
    for (let i = 0; i < this.meters.length; i++) this.meters[i].flush();
  }

  /** Flushes for the last time and gives back all meters. Nobody may count any more. */
  destroy(): void {
    this.flush();
    for (let i = 0; i < this.meters.length; i++) this.meters[i].destroy();
    this.meters.length = 0;
    this.labels.length = 0;
    this.places.clear();
  }
}
