import { usedBytes } from "../bytes/budget";
import { decimal } from "../bytes/digits";
import { FIRST_TESTED_MINOR, LAST_TESTED_MINOR } from "../nats/info";
import { PolicyDocument } from "../policy/document";
import { NONE } from "../policy/none";
import { MODES } from "../policy/rules";
import { LogLevel, logText } from "../proxy/log";
import { Audit } from "../telemetry/audit";
import { tellDurations } from "../telemetry/durations";
import { FilterStats } from "../telemetry/filter-stats";
import { Meter } from "../telemetry/meter";
import { Meters, tellAllReleased, tellReleased } from "../telemetry/meters";
import { classNames, orUnknown, ruleNames, UNKNOWN_NAME } from "../telemetry/names";
import { PolicyGauges, policyStats } from "../telemetry/policy-stats";
import { quotedBytes } from "../telemetry/quoted-bytes";
import { Unanswered } from "../telemetry/series";
import { beginSlice, isSliceOver } from "../telemetry/slice";
import { Connection } from "./connection";
import { Plugin } from "./plugin";
import { NOWHERE, standpointOf } from "./standpoint";

/** Untested versions of nats-server that one plugin warns of. */
const MAX_VERSIONS: i32 = 16;
/** Bytes of such a version that are shown. */
const SHOWN_VERSION: i32 = 32;

/** All that one root context of a plugin reports with, under all policies that it has in force. */
@final
export class RootTelemetry {
  /** Those at each standpoint that a policy gave it: a connection under an earlier one may still count. All are held. */
  private readonly allMeters: Meters[] = [];
  private meters: Meters;
  /** Has the host been told that the configuration is taken, so that it lets the root context tick? */
  isAccepted: bool = false;
  /** Those of the policy in force; null before any. */
  private policyGauges: PolicyGauges | null = null;

  constructor(private readonly plugin: Plugin) {
    const meters = plugin.metersAt(NOWHERE);
    this.meters = meters;
    this.hold(meters);
    meters.filter.hold();
  }

  /** Those about the filter as a whole, at the standpoint of the policy in force. */
  get stats(): FilterStats {
    return this.meters.filter;
  }

  get audit(): Audit {
    return this.plugin.audit;
  }

  private hold(meters: Meters): void {
    meters.hold();
    this.allMeters.push(meters);
  }

  /** The host is told that the configuration is taken: ticks will come, and connections. */
  accept(): void {
    if (!this.isAccepted) this.plugin.hold();
    this.isAccepted = true;
  }

  /**
   * This configuration, of a text of that fingerprint, is in force from now on. To be called before its rules are compiled, since
   * it numbers the classes.
   */
  adopt(document: PolicyDocument, fingerprint: u64): void {
    const settings = document.telemetry;
    this.plugin.adopt(document);
    this.stand(this.plugin.metersAt(standpointOf(document.identity)));
    const classes: i32[] = [];
    for (let i = 0; i < settings.subjects.length; i++) {
      const number = classNames.of(settings.subjects[i].name);
      settings.subjects[i].number = number;
      classes.push(number);
    }
    this.meters.adopt(settings.principals, classes);
    this.stats.begin();
    const mode = MODES[<i32>document.mode];
    this.follow(policyStats.of(this.meters.standpoint, fingerprint, mode, document.rules.length));
  }

  /** Counts that this configuration was refused. */
  reject(document: PolicyDocument): void {
    this.plugin.metersAt(standpointOf(document.identity)).filter.policyRejected();
  }

  /** The policy of these gauges is in force from now on, or none. */
  private follow(gauges: PolicyGauges | null): void {
    const former = this.policyGauges;
    if (former != null) former.release();
    if (gauges != null) gauges.hold();
    this.policyGauges = gauges;
  }

  /** Counts at the standpoint of these from now on. */
  private stand(meters: Meters): void {
    if (this.meters === meters) return;
    const former = this.stats;
    this.meters = meters;
    if (!this.allMeters.includes(meters)) this.hold(meters);
    this.stats.hold();
    former.release();
  }

  /** Gives a new connection what is needed to count its bytes. */
  equip(connection: Connection): void {
    const plugin = this.plugin;
    connection.sampler = plugin.sampler;
    connection.refusalRate = plugin.audit.refusals;
    connection.requests = plugin.requests;
    connection.services = plugin.services;
  }

  /** Counts for peers of whom nothing is known yet. */
  get unknownPeer(): Meter {
    return this.meters.of(UNKNOWN_NAME, UNKNOWN_NAME);
  }

  /** The peer of a connection is known, or has become another one with the policy: the connection counts as its. */
  identify(connection: Connection, principal: string, namespace: string): void {
    const name = orUnknown(principal);
    if (this.meters.isBeyond(name)) this.stats.principalCapped();
    const meter = this.meters.of(name, orUnknown(namespace));
    const former = connection.meter;
    if (former === meter) return;
    connection.countBy(meter);
    if (former == null) return;
    const subscriptions = connection.reportedSubscriptions;
    former.leaves(subscriptions);
    meter.joins(subscriptions);
  }

  /** Does the connection count as this principal's already, at the standpoint of the policy in force? */
  identifies(connection: Connection, principal: string): bool {
    return connection.meter === this.meters.known(orUnknown(principal));
  }

  /** Tells operators, once for each version, that the filter has not been tested before this nats-server. */
  warnOfVersion(version: usize, length: i32): void {
    const text = quotedBytes(version, length, SHOWN_VERSION);
    const warnedOf = this.plugin.versionsWarnedOf;
    if (warnedOf.includes(text) || warnedOf.length >= MAX_VERSIONS) return;
    warnedOf.push(text);
    logText(
      LogLevel.WARN,
      `istio-nats has not been tested with nats-server "${text}", only with 2.${decimal(FIRST_TESTED_MINOR)} to ` +
        `2.${decimal(LAST_TESTED_MINOR)}: what it cannot read it refuses, but permissions may mean something else there`,
    );
  }

  /** The number of a rule's name in stats. */
  ruleLabel(document: PolicyDocument, rule: i32): i32 {
    const names = document.names;
    const label = names.labelOf(rule);
    return label != NONE ? label : names.setLabel(rule, ruleNames.of(names.of(rule)));
  }

  /** Tells the gauge of subscriptions what has changed. */
  observe(connection: Connection): void {
    const meter = connection.meter;
    if (meter == null) return;
    const live = connection.subscriptions.liveCount;
    if (live == connection.reportedSubscriptions) return;
    meter.subscriptions(live - connection.reportedSubscriptions);
    connection.reportedSubscriptions = live;
  }

  /** A connection is gone: gives the host its last counts. What is left is for the tick. */
  close(connection: Connection): void {
    const meter = connection.meter;
    if (meter == null) return;
    meter.closed();
    if (connection.reportedSubscriptions != 0) meter.subscriptions(-connection.reportedSubscriptions);
    connection.endExchanges(Unanswered.CLOSED);
    tellDurations();
    meter.flush();
  }

  /**
   * Gives the host what was counted, and gives up what has waited too long. `now` is in milliseconds. Answers whether counts are left
   * whose stats the next tick is to define.
   */
  tick(now: i64): bool {
    this.plugin.expireRequests(now);
    this.audit.onTick(now, this.stats);
    beginSlice(true, now * 1_000_000);
    tellDurations();
    for (let i = 0; i < this.allMeters.length; i++) this.allMeters[i].flush();
    tellReleased();
    this.stats.onTick(<i64>usedBytes());
    policyStats.onTick();
    return isSliceOver();
  }

  /**
   * The root context and all its connections are gone. What the host does not know yet it hears from ticks of other root contexts, or
   * at once unless `ticksFollow`.
   */
  destroy(ticksFollow: bool): void {
    if (this.isAccepted) this.plugin.release(this.stats);
    for (let i = 0; i < this.allMeters.length; i++) this.allMeters[i].release();
    if (!ticksFollow) tellAllReleased();
    this.stats.release();
    this.follow(null);
    policyStats.onDestroy();
  }
}
