import { AuditSettings } from "./config-audit";
import { Limits } from "./config-limits";
import { TelemetrySettings } from "./config-telemetry";
import { Faults } from "./faults";
import { Principal, parsePrincipal, workloadUri } from "./principal";
import { RuleNames } from "./rule-names";
import { Mode, Rule } from "./rules";
import { SubjectClasses } from "./subject-classes";

/**
 * Peers that are remembered, of some 0.6 KiB each and at most 16 KiB (a URI of MAX_URI_LENGTH, four times over). Beyond that
 * all are forgotten, and remembered anew as they come.
 */
const MAX_REMEMBERED_PEERS: i32 = 256;

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
  /**
   * Peers by URI. A workload has many connections, which share what is known of it: so an open connection takes 0.2 KiB less,
   * and one that opens 16 allocations instead of 27.
   */
  private readonly peers: Map<string, Principal> = new Map();

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

  /**
   * The peer that a certificate's URI names. It is authenticated when the URI
   * can be read and, if it is a SPIFFE ID, lies in one of our trust domains;
   * "" (no certificate, or none with a URI) never is. All connections of the peer
   * are given the same one, so nobody may change it.
   */
  principalOf(uri: string): Principal {
    if (this.peers.has(uri)) return this.peers.get(uri);
    const principal = parsePrincipal(uri);
    principal.authenticated = principal.isSpiffe
      ? this.trustDomains.includes(principal.trustDomain)
      : principal.isReadable;
    // One that cannot be read may be of any length, and is not kept.
    if (!principal.isReadable) return principal;
    if (this.peers.size >= MAX_REMEMBERED_PEERS) this.peers.clear();
    this.peers.set(uri, principal);
    return principal;
  }

  /** The principal of `identity: WORKLOAD`; not authenticated unless both parts are known. */
  workloadOf(namespace: string, serviceAccount: string): Principal {
    if (this.trustDomains.length == 0 || namespace.length == 0 || serviceAccount.length == 0) {
      return parsePrincipal("");
    }
    const uri = workloadUri(this.trustDomains[0], namespace, serviceAccount);
    const principal = this.principalOf(uri);
    // A slash within a part would make the URI somebody else's; parsing authenticates nobody.
    return principal.serviceAccount == serviceAccount ? principal : parsePrincipal(uri);
  }
}
