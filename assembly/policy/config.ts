import { AuditSettings, readAudit } from "./config-audit";
import { Limits, readLimits } from "./config-limits";
import { readTelemetry, TelemetrySettings } from "./config-telemetry";
import { readTrustDomains } from "./config-trust-domains";
import { Faults } from "./faults";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { Principal, parsePrincipal, workloadUri } from "./principal";
import { Mode, Rule } from "./rules";
import { MODES, readRules } from "./rules-read";
import { SubjectClasses } from "./subject-classes";

/** Kubernetes ends an object at about 1.5 MiB; a file for Envoy alone may be larger. */
export const MAX_CONFIG_BYTES: i32 = 8 << 20;

/**
 * Peers that are remembered, of some 0.6 KiB each and at most 16 KiB (a URI of MAX_URI_LENGTH, four times over); beyond that the
 * memory begins anew.
 */
const MAX_REMEMBERED_PEERS: i32 = 256;

/** Where a connection's principal comes from; none stands in for another. */
export const enum Identity {
  /** The URI of the certificate that the peer has shown. */
  PEER,
  /** What the waypoint's mTLS end left in filter state. */
  WAYPOINT,
  /** The workload that this proxy serves, as it declares itself. */
  WORKLOAD,
}

const IDENTITIES: StaticArray<string> = ["PEER", "WAYPOINT", "WORKLOAD"];

/** What becomes of the addresses of other servers in nats-server's INFO. */
const enum ConnectUrls {
  KEEP,
  REMOVE,
}

const CONNECT_URLS: StaticArray<string> = ["KEEP", "REMOVE"];
/** The configuration does not say. */
const BY_IDENTITY: i32 = -1;

const enum Key {
  MODE,
  IDENTITY,
  TRUST_DOMAINS,
  RULES,
  LIMITS,
  AUDIT,
  CONNECT_URLS,
  TELEMETRY,
}

const KEYS: StaticArray<string> = [
  "mode",
  "identity",
  "trustDomains",
  "rules",
  "limits",
  "audit",
  "connectUrls",
  "telemetry",
];

/** A configuration as written. It may be used only while `faults` is empty. */
export class PolicyDocument {
  mode: Mode = Mode.ENFORCE;
  identity: Identity = Identity.PEER;
  /** The mesh's own, then its aliases. */
  readonly trustDomains: string[] = [];
  /** In the order of the text. */
  readonly rules: Rule[] = [];
  readonly limits: Limits = new Limits();
  readonly audit: AuditSettings = new AuditSettings();
  readonly telemetry: TelemetrySettings = new TelemetrySettings();
  /** The classes of `telemetry.subjects`. */
  readonly classes: SubjectClasses = new SubjectClasses(this.telemetry.subjects);
  readonly faults: Faults = new Faults();
  /** FNV-1a of the bytes read: whether two texts are the same, not whether they mean the same. */
  fingerprint: u64 = 0;
  /** ConnectUrls, or BY_IDENTITY. */
  connectUrls: i32 = BY_IDENTITY;
  /**
   * Peers by URI. A workload has many connections, which share what is known of it: so an open connection takes 0.2 KiB less,
   * and one that opens 16 allocations instead of 27.
   */
  private readonly peers: Map<string, Principal> = new Map();

  /**
   * Are addresses of other servers left out of INFO? Unless the configuration says, they stay where the proxy of a
   * broker captures connections to pods in any case and clients need them to fail over, and go where clients would get
   * round the filter with them.
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
    // Of one that cannot be read nobody knows how long it is.
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

const FNV_OFFSET_BASIS: u64 = ((<u64>0xcbf29ce4) << 32) | 0x84222325;
const FNV_PRIME: u64 = ((<u64>0x100) << 32) | 0x1b3;

/** FNV-1a of the bytes: whether two texts are the same. */
export function fingerprintOf(ptr: usize, length: i32): u64 {
  let hash = FNV_OFFSET_BASIS;
  for (let at = ptr, end = ptr + <usize>length; at < end; at++) {
    hash = (hash ^ (<u64>load<u8>(at))) * FNV_PRIME;
  }
  return hash;
}

function readKey(reader: JsonReader, key: i32, into: PolicyDocument): void {
  switch (key) {
    case Key.MODE:
      into.mode = max(reader.readWord(MODES), 0);
      break;
    case Key.IDENTITY:
      into.identity = max(reader.readWord(IDENTITIES), 0);
      break;
    case Key.TRUST_DOMAINS:
      readTrustDomains(reader, into.trustDomains);
      break;
    case Key.RULES:
      readRules(reader, into.rules);
      break;
    case Key.LIMITS:
      readLimits(reader, into.limits);
      break;
    case Key.AUDIT:
      readAudit(reader, into.audit);
      break;
    case Key.CONNECT_URLS:
      into.connectUrls = reader.readWord(CONNECT_URLS);
      break;
    case Key.TELEMETRY:
      readTelemetry(reader, into.telemetry);
      break;
  }
}

function readDocument(reader: JsonReader, into: PolicyDocument): void {
  if (!reader.beginObject("an object with trustDomains and rules")) return;
  let keysRead: u32 = 0;
  for (let key = reader.nextKey(KEYS); key != NO_MORE_KEYS; key = reader.nextKey(KEYS)) {
    keysRead |= 1 << key;
    readKey(reader, key, into);
  }
  reader.finish();
  if (reader.broken) return;
  if ((keysRead & (1 << Key.TRUST_DOMAINS)) == 0) {
    reader.faultOf("trustDomains", 'is missing: write the mesh\'s own and its aliases, such as ["cluster.local"]');
  }
  if ((keysRead & (1 << Key.RULES)) == 0) {
    reader.faultOf("rules", "is missing: write at least one rule");
  }
}

/**
 * Reads a plugin configuration, the `length` bytes at `ptr`, which may be
 * freed afterwards. Every fault is in the answer's `faults`, each with its path
 * and remedy. Time and memory grow with the length; beyond MAX_CONFIG_BYTES
 * nothing is read.
 */
export function readPolicy(ptr: usize, length: i32): PolicyDocument {
  const document = new PolicyDocument();
  if (length <= 0) {
    // Istio sends an absent or empty pluginConfig as no bytes at all.
    document.faults.add("", "is empty: give the WasmPlugin a pluginConfig with trustDomains and rules");
    return document;
  }
  if (length > MAX_CONFIG_BYTES) {
    document.faults.add("", `is ${length} bytes long: at most ${MAX_CONFIG_BYTES} are read`);
    return document;
  }
  document.fingerprint = fingerprintOf(ptr, length);
  readDocument(new JsonReader(ptr, length, document.faults), document);
  for (let i = 0; i < document.rules.length; i++) {
    const sources = document.rules[i].from;
    for (let j = 0; j < sources.length; j++) {
      sources[j].migrate(document.trustDomains);
    }
  }
  return document;
}
