import { noteMetered } from "../bytes/budget";
import { Operation } from "../nats/operation";
import { ServerError } from "../nats/server-errors";
import { Reason, REASON_NAMES } from "../policy/reason";
import { Mode } from "../policy/rules";
import { defineMetric, incrementMetric, MetricKind, NO_METRIC } from "../proxy/metrics";
import { classNames, label, MAX_CLASS_NUMBERS, OTHER, ruleNames } from "./names";
import { OPERATION_NAMES, Verdict } from "./operations";
import { ProtocolError } from "./protocol-error";
import {
  keyClass,
  keyIsDryRun,
  keyOperation,
  keyReason,
  keyRule,
  refusalKey,
  RefusalCounts,
  setSlotMetric,
  slotKey,
  slotMetric,
  takePending,
} from "./refusal-counts";
import {
  ACTIVE_AT,
  CLASS_SERIES,
  classSeriesName,
  CLOSED_AT,
  Duration,
  LEFT_OUT_AT,
  messagesOf,
  NO_RESPONDERS_AT,
  OPENED_AT,
  OVER_MAXIMUM_AT,
  OWN_SERIES,
  ownSeriesKind,
  ownSeriesName,
  protocolErrorsOf,
  SERVER_ERRORS_AT,
  SUBSCRIPTIONS_AT,
  Unanswered,
  UNANSWERED_AT,
  UNTESTED_AT,
} from "./series";
import { hasTimeLeft } from "./slice";
import { DRY_RUN_REFUSALS, PING_RTT, REFUSALS, REQUEST_DURATION, SERVICE_DURATION } from "./stat-names";

/**
 * Refusals that one principal can have series of, by operation, class, reason and rule; further ones share class and
 * rule `other` until another policy is in force.
 */
export const MAX_REFUSAL_SERIES: i32 = 512;
/** The same for all principals of a VM together. */
export const MAX_ALL_REFUSAL_SERIES: i32 = 16_384;
let allRefusalSeries: i32 = 0;

/** How often a root context of this VM has had another policy in force. */
let policies: u32 = 0;

/** Another policy is in force: what was refused under those before it makes room for more where there are too many series. */
export function beginPolicy(): void {
  policies++;
}

/**
 * Offsets into a block of counts. It begins with a u64 for each series, what the host has not been told of; behind them are the
 * host's numbers of the series, u32 each. In the block of a principal that of a histogram follows, in one of a class those of
 * two.
 */
const OWN_METRICS: usize = (<usize>OWN_SERIES) << 3;
const PING_METRIC: usize = OWN_METRICS + ((<usize>OWN_SERIES) << 2);
const CLASS_METRICS: usize = (<usize>CLASS_SERIES) << 3;
/** Where the numbers of a class's two histograms are. */
const CLASS_DURATIONS: usize = CLASS_METRICS + ((<usize>CLASS_SERIES) << 2);
const OWN_BYTES: usize = PING_METRIC + 4;
const CLASS_BYTES: usize = CLASS_DURATIONS + 8;

/** The block of a principal is of no class. */
const NO_CLASS: i32 = -1;

/** A block of `bytes`, in which the host's numbers begin at `metrics`. */
function newBlock(bytes: usize, metrics: usize): usize {
  noteMetered(bytes);
  const block = heap.alloc(bytes);
  memory.fill(block, 0, metrics);
  for (let at = metrics; at < bytes; at += 4) store<u32>(block + at, NO_METRIC);
  return block;
}

function freeBlock(block: usize, bytes: usize): void {
  noteMetered(-(<isize>bytes));
  heap.free(block);
}

/**
 * Counts of one principal, shared by all its connections of a worker. They are added up here and given to the host on
 * the tick and when a connection closes, since a host call for each message would cost more than the message (63 ns).
 */
@unmanaged
@final
export class Meter {
  private readonly own: usize = newBlock(OWN_BYTES, OWN_METRICS);
  /** The address of each class's block, by the class's number; 0 until the class is met. */
  private readonly blocks: usize = heap.alloc((<usize>MAX_CLASS_NUMBERS) << 2);
  private readonly refusals: RefusalCounts = new RefusalCounts();
  /** The value of `policies` when `refusals` began. */
  private refusalsSince: u32 = policies;
  /** The same when classes were given up last. */
  private classesSince: u32 = policies;
  private changed: bool = false;
  /** Where shedding.ts adds up what the principal's connections hold, since it may have a meter in each plugin; 0 before. */
  sum: usize = 0;

  /**
   * Addresses of what the `Meters` that made this one keeps alive: its labels (string), and one byte for each number of a class, which
   * is 0 where the policy has no such class.
   */
  constructor(
    /** Several principals share it. */
    readonly isShared: bool,
    private readonly labels: usize,
    private readonly classes: usize,
  ) {
    memory.fill(this.blocks, 0, (<usize>MAX_CLASS_NUMBERS) << 2);
  }

  /** Gives back all memory, the object's own too. Nobody may count any more, and no duration of it may wait. */
  destroy(): void {
    for (let number = 0; number < MAX_CLASS_NUMBERS; number++) {
      const block = load<usize>(this.blocks + ((<usize>number) << 2));
      if (block != 0) this.giveUpClass(block, number);
    }
    this.giveUpRefusals();
    this.refusals.destroy();
    heap.free(this.blocks);
    freeBlock(this.own, OWN_BYTES);
    heap.free(changetype<usize>(this));
  }

  // @ts-ignore: decorator
  @inline
  private block(subjectClass: i32): usize {
    const block = load<usize>(this.blocks + ((<usize>subjectClass) << 2));
    return block != 0 ? block : this.makeBlock(subjectClass);
  }

  private makeBlock(subjectClass: i32): usize {
    const block = newBlock(CLASS_BYTES, CLASS_METRICS);
    store<usize>(this.blocks + ((<usize>subjectClass) << 2), block);
    return block;
  }

  // @ts-ignore: decorator
  @inline
  private addTo(block: usize, series: i32, by: u64): void {
    const at = block + ((<usize>series) << 3);
    store<u64>(at, load<u64>(at) + by);
    this.changed = true;
  }

  /**
   * Counts an operation that was allowed. Here and below, `subjectClass` is the number of a class (policy/subject-classes.ts),
   * below MAX_CLASS_NUMBERS.
   */
  // @ts-ignore: decorator
  @inline
  allowed(operation: Operation, subjectClass: i32): void {
    this.addTo(this.block(subjectClass), messagesOf(operation, Verdict.ALLOWED), 1);
  }

  /** The same for an operation with a payload of so many bytes, header block included. */
  // @ts-ignore: decorator
  @inline
  allowedPayload(operation: Operation, subjectClass: i32, bytes: i32): void {
    const block = this.block(subjectClass);
    const messages = messagesOf(operation, Verdict.ALLOWED);
    this.addTo(block, messages, 1);
    this.addTo(block, messages + 1, <u64>bytes);
  }

  /** Counts several at once. */
  // @ts-ignore: decorator
  @inline
  allowedPayloads(operation: Operation, subjectClass: i32, count: u64, bytes: u64): void {
    const block = this.block(subjectClass);
    const messages = messagesOf(operation, Verdict.ALLOWED);
    this.addTo(block, messages, count);
    this.addTo(block, messages + 1, bytes);
  }

  /** Counts `count` refusals. `rule` is a number of the rules' `Names`; `bytes` are those of all payloads together. */
  refused(operation: Operation, subjectClass: i32, reason: Reason, rule: i32, bytes: u64, count: u64 = 1): void {
    const block = this.block(subjectClass);
    const messages = messagesOf(operation, Verdict.REFUSED);
    this.addTo(block, messages, count);
    if (bytes > 0) this.addTo(block, messages + 1, bytes);
    this.countRefusals(false, operation, subjectClass, reason, rule, count);
  }

  /** Counts what passed although a rule or configuration in DRY_RUN would have refused it. */
  wouldRefuse(operation: Operation, subjectClass: i32, reason: Reason, rule: i32): void {
    this.countRefusals(true, operation, subjectClass, reason, rule, 1);
  }

  private countRefusals(
    dryRun: bool,
    operation: Operation,
    subjectClass: i32,
    reason: Reason,
    rule: i32,
    count: u64,
  ): void {
    this.changed = true;
    const refusals = this.refusals;
    let key = refusalKey(dryRun, operation, reason, subjectClass, rule);
    if (refusals.increase(key, count)) return;
    if (this.hasTooManyRefusals) {
      key = refusalKey(dryRun, operation, reason, OTHER, OTHER);
      if (refusals.increase(key, count)) return;
    }
    refusals.add(key, count);
    allRefusalSeries++;
  }

  /** A connection of this principal has sent its first bytes, and may go on or not. */
  opened(verdict: Verdict): void {
    this.addTo(this.own, OPENED_AT + <i32>verdict, 1);
    this.addTo(this.own, ACTIVE_AT, 1);
  }

  /** An open connection with so many subscriptions counts as this principal's from now on. */
  joins(subscriptions: i32): void {
    this.addTo(this.own, ACTIVE_AT, 1);
    this.subscriptions(subscriptions);
  }

  /** An open connection with so many subscriptions counts as another principal's from now on. */
  leaves(subscriptions: i32): void {
    this.addTo(this.own, ACTIVE_AT, -1);
    this.subscriptions(-subscriptions);
  }

  /** A connection that was counted by `opened` or `joins` has ended. */
  closed(): void {
    this.addTo(this.own, CLOSED_AT, 1);
    this.addTo(this.own, ACTIVE_AT, -1);
  }

  /** The number of live subscriptions has changed by this. */
  subscriptions(by: i32): void {
    this.addTo(this.own, SUBSCRIPTIONS_AT, <u64>(<i64>by));
  }

  /** A stream could not be read, its connection ended or a message was dropped for that reason; in DRY_RUN it `passes`. */
  protocolError(kind: ProtocolError, passes: bool): void {
    this.addTo(this.own, protocolErrorsOf(kind, passes ? Mode.DRY_RUN : Mode.ENFORCE), 1);
  }

  /** nats-server has told a client of an error. */
  serverError(kind: ServerError): void {
    this.addTo(this.own, SERVER_ERRORS_AT + <i32>kind, 1);
  }

  /** A connection leads to a nats-server with which the filter has not been tested. */
  untestedServer(): void {
    this.addTo(this.own, UNTESTED_AT, 1);
  }

  /** A delivery was kept back because it came beyond a maximum that is counted here. */
  overMaximum(): void {
    this.addTo(this.own, OVER_MAXIMUM_AT, 1);
  }

  /** nats-server has answered a request of that class that nobody listens. */
  noResponders(subjectClass: i32): void {
    this.addTo(this.block(subjectClass), NO_RESPONDERS_AT, 1);
  }

  /** A request of that class was given up. */
  unanswered(subjectClass: i32, why: Unanswered): void {
    this.addTo(this.block(subjectClass), UNANSWERED_AT + <i32>why, 1);
  }

  /** Counts a duration that no histogram gets. */
  durationLeftOut(what: Duration, subjectClass: i32): void {
    this.addTo(this.block(subjectClass), LEFT_OUT_AT + <i32>what, 1);
  }

  /** The host's number of a histogram, which is defined when it is first asked for; NO_METRIC if the host refuses, or not yet. */
  durationMetric(what: Duration, subjectClass: i32): u32 {
    const at =
      what == Duration.PING
        ? this.own + PING_METRIC
        : this.block(subjectClass) + CLASS_DURATIONS + ((<usize>what) << 2);
    const metric = load<u32>(at);
    return metric != NO_METRIC || !hasTimeLeft() ? metric : this.defineDuration(at, what, subjectClass);
  }

  private defineDuration(at: usize, what: Duration, subjectClass: i32): u32 {
    const name =
      what == Duration.PING
        ? PING_RTT
        : this.classLabel(subjectClass) + (what == Duration.REQUEST ? REQUEST_DURATION : SERVICE_DURATION);
    return this.define(at, MetricKind.HISTOGRAM, name);
  }

  /** Gives the host what has been counted since the last time, but for series that the slice has no time to define. */
  flush(): void {
    if (this.changed) this.tell();
    // What is left for a later flush may be of what would be given up.
    if (this.changed) return;
    if (this.hasTooManyRefusals && this.refusalsSince != policies) this.giveUpRefusals();
    // 64 former classes of each of 4,000 principals took 21 ms in one tick (Node host).
    if (this.classesSince != policies && hasTimeLeft()) this.giveUpFormerClasses();
  }

  /** Are there so many series of refusals that new ones of this principal count as others? */
  private get hasTooManyRefusals(): bool {
    return this.refusals.count >= MAX_REFUSAL_SERIES || allRefusalSeries >= MAX_ALL_REFUSAL_SERIES;
  }

  private giveUpRefusals(): void {
    allRefusalSeries -= this.refusals.count;
    this.refusals.clear();
    this.refusalsSince = policies;
  }

  private tell(): void {
    this.changed = false;
    this.tellBlock(this.own, OWN_SERIES, OWN_METRICS, NO_CLASS);
    for (let number = 0; number < MAX_CLASS_NUMBERS; number++) {
      const block = load<usize>(this.blocks + ((<usize>number) << 2));
      if (block != 0) this.tellBlock(block, CLASS_SERIES, CLASS_METRICS, number);
    }
    let slot = this.refusals.nextPending(0);
    while (slot != 0) {
      let metric = slotMetric(slot);
      if (this.isReady(metric)) {
        if (metric == NO_METRIC) metric = this.defineRefusal(slot);
        incrementMetric(metric, <i64>takePending(slot));
      }
      slot = this.refusals.nextPending(slot);
    }
  }

  /** Tells the host of a block with so many series, whose numbers begin at `metrics`. */
  private tellBlock(block: usize, series: i32, metrics: usize, subjectClass: i32): void {
    for (let i = 0; i < series; i++) {
      const count = block + ((<usize>i) << 3);
      const by = load<i64>(count);
      const at = block + metrics + ((<usize>i) << 2);
      let metric = load<u32>(at);
      if (by == 0 || !this.isReady(metric)) continue;
      if (metric == NO_METRIC) metric = this.defineSeries(at, i, subjectClass);
      incrementMetric(metric, by);
      store<i64>(count, 0);
    }
  }

  private defineSeries(at: usize, series: i32, subjectClass: i32): u32 {
    if (subjectClass == NO_CLASS) return this.define(at, ownSeriesKind(series), ownSeriesName(series));
    return this.define(at, MetricKind.COUNTER, this.classLabel(subjectClass) + classSeriesName(series));
  }

  /**
   * Gives up those that the policy has not, once for each policy: what connections and requests from before it still count in them
   * then makes them anew, and the host keeps a number for each time that they are defined.
   */
  private giveUpFormerClasses(): void {
    this.classesSince = policies;
    for (let number = 0; number < MAX_CLASS_NUMBERS; number++) {
      const block = load<usize>(this.blocks + ((<usize>number) << 2));
      if (block != 0 && !load<bool>(this.classes + <usize>number)) this.giveUpClass(block, number);
    }
  }

  private giveUpClass(block: usize, number: i32): void {
    freeBlock(block, CLASS_BYTES);
    store<usize>(this.blocks + ((<usize>number) << 2), 0);
  }

  /** Is the series defined, or may it be now? If not, its count stays for a later flush. */
  private isReady(metric: u32): bool {
    if (metric != NO_METRIC || hasTimeLeft()) return true;
    this.changed = true;
    return false;
  }

  private define(at: usize, kind: MetricKind, name: string): u32 {
    const metric = defineMetric(kind, changetype<string>(this.labels) + name);
    store<u32>(at, metric);
    return metric;
  }

  private defineRefusal(slot: usize): u32 {
    const key = slotKey(slot);
    const name =
      label("operation", OPERATION_NAMES[keyOperation(key)]) +
      this.classLabel(keyClass(key)) +
      label("reason", REASON_NAMES[keyReason(key)]) +
      label("rule", ruleNames.at(keyRule(key))) +
      (keyIsDryRun(key) ? DRY_RUN_REFUSALS : REFUSALS);
    const metric = defineMetric(MetricKind.COUNTER, changetype<string>(this.labels) + name);
    setSlotMetric(slot, metric);
    return metric;
  }

  private classLabel(number: i32): string {
    return label("subject", classNames.at(number));
  }
}
