import { hasRoomForMeters } from "../bytes/budget";
import { tellDurations } from "./durations";
import { FilterStats } from "./filter-stats";
import { beginPolicy, Meter } from "./meter";
import { label, labelValue, MAX_CLASS_NUMBERS, OTHER, UNKNOWN } from "./names";
import { beginSlice, hasTimeLeft, isSliceOver } from "./slice";
import { Standpoint } from "./standpoint";

/** The name under which all principals are counted that come when there are `limit` already. */
const OTHER_PRINCIPAL: string = "other";

/** The principals of one plugin that have series of their own, wherever it stood: the host deletes no series. */
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

/**
 * The meters of one plugin in one worker, at one standpoint. All its configurations share them, each of which the host gives a root
 * context of its own: Envoy keeps a number for each definition of a series as long as the VM lives, also where it has had that series
 * before, so that another policy must not define again what the one before it has.
 */
@final
export class Meters {
  /** Those about the filter as a whole. Root contexts hold them only while they stand here. */
  readonly filter: FilterStats;
  /** A principal's place in `meters` and `labels`, in the order of these. */
  private readonly places: Map<string, i32> = new Map();
  private readonly meters: Meter[] = [];
  /** Kept here, since meters lie outside the collector's heap. */
  private readonly labels: string[] = [];
  /** Is there a class of that number in the policy that came into force last? */
  private readonly classes: StaticArray<bool> = new StaticArray<bool>(MAX_CLASS_NUMBERS);
  /** Principals that get series of their own (`telemetry.principals`). */
  private limit: i32 = 1;
  private holders: i32 = 0;

  constructor(
    readonly standpoint: Standpoint,
    private readonly principals: NamedPrincipals,
  ) {
    this.filter = new FilterStats(standpoint);
  }

  /** A root context counts here from now on, until it calls `release`. */
  hold(): void {
    this.holders++;
  }

  /**
   * Another policy is in force, which gives at most `limit` principals series of their own, and has the classes of these numbers.
   * Each principal gives up other classes once their counts are told, since it could not keep all 256.
   */
  adopt(limit: i32, classes: i32[]): void {
    this.limit = limit;
    this.classes.fill(false);
    this.classes[OTHER] = true;
    this.classes[UNKNOWN] = true;
    for (let i = 0; i < classes.length; i++) this.classes[classes[i]] = true;
    beginPolicy();
  }

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
    const meter = new Meter(principal == OTHER_PRINCIPAL, changetype<usize>(labels), changetype<usize>(this.classes));
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

  /** A root context counts here no more. After the last one `tellReleased` tells what is left. */
  release(): void {
    if (--this.holders == 0 && this.meters.length > 0 && !released.includes(this)) released.push(this);
  }

  /**
   * Gives the host what it does not know yet, and meters back once it knows all, which takes of the slice, too: 4,000 with 64 classes each
   * took 21 ms at once (Node host). Answers whether that is done.
   */
  end(): bool {
    // A root context has come back here, and tells it.
    if (this.holders > 0) return true;
    this.flush();
    if (isSliceOver()) return false;
    const principals = this.places.keys();
    while (principals.length > 0) {
      if (!hasTimeLeft()) return false;
      this.meters.pop().destroy();
      this.labels.pop();
      // For who comes back here meanwhile.
      this.places.delete(principals.pop());
    }
    return true;
  }
}

/** Those of this VM, of whichever plugin, that no root context holds any more, and that are not given back yet. */
const released: Meters[] = [];

/**
 * Gives the host what the slice at hand has time for of meters that nobody holds any more. Where meters have no more room, all is told,
 * so that they go: those of the standpoint that took the place of theirs are there, too. To be called behind `tellDurations`.
 */
export function tellReleased(): void {
  if (released.length > 0 && !hasRoomForMeters()) tellAllReleased();
  else endReleased();
}

/** Tells all of them now, however long that takes: no tick may follow. */
export function tellAllReleased(): void {
  beginSlice(false);
  tellDurations();
  endReleased();
  beginSlice(true);
}

function endReleased(): void {
  while (released.length > 0 && !isSliceOver() && released[released.length - 1].end()) released.pop();
}
