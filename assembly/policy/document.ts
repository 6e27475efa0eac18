import { AuditSettings } from "./config-audit";
import { Limits } from "./config-limits";
import { TelemetrySettings } from "./config-telemetry";
import { Faults } from "./faults";
import { Peers } from "./peers";
import { RuleNames } from "./rule-names";
import { Mode, Rule } from "./rules";
import { SubjectClasses } from "./subject-classes";

/** Where a connection's principal comes from; none stands in for another. The words for them are in config.ts. */
export const enum Identity {
  /** The URI of the certificate that the peer has shown. */
  PEER,
  /** What the waypoint's mTLS end left in filter state. */
  WAYPOINT,
  /** The workload that this proxy serves, as it declares itself. */
  WORKLOAD,
}

/** What becomes of the addresses of other servers in nats-server's INFO. The words for it are in config.ts. */
const enum ConnectUrls {
  KEEP,
  REMOVE,
}

/** The configuration does not say. */
const BY_IDENTITY: i32 = -1;

/** A configuration as written. It may be used only while `faults` is empty. */
export class PolicyDocument {
  mode: Mode = Mode.ENFORCE;
  identity: Identity = Identity.PEER;
  /** The mesh's own, then its aliases. */
  readonly trustDomains: string[] = [];
  /** In the order of the text. Empty once another configuration has taken its place (`RuleSets.end`). */
  rules: Rule[] = [];
  /** The names of the rules, by their places in `rules`. They stay when the rules go. */
  names: RuleNames = new RuleNames([], []);
  readonly limits: Limits = new Limits();
  readonly audit: AuditSettings = new AuditSettings();
  readonly telemetry: TelemetrySettings = new TelemetrySettings();
  /** The classes of `telemetry.subjects`. */
  readonly classes: SubjectClasses = new SubjectClasses(this.telemetry.subjects);
  readonly faults: Faults = new Faults();
  /** ConnectUrls, or BY_IDENTITY. */
  connectUrls: i32 = BY_IDENTITY;
  /** The peers of its connections. */
  readonly peers: Peers = new Peers(this.trustDomains);

  /**
   * Are addresses of other servers left out of INFO? Unless the configuration says, they stay for PEER, where the broker's
   * proxy captures connections to any pod and clients need the addresses to fail over, and go for the others, where clients
   * would get round the filter with them.
   */
  get removesUrls(): bool {
    return this.connectUrls == BY_IDENTITY
      ? this.identity != Identity.PEER
      : this.connectUrls == <i32>ConnectUrls.REMOVE;
  }
}
