import { decimal } from "../bytes/digits";
import { readAudit } from "./config-audit";
import { readLimits } from "./config-limits";
import { readTelemetry } from "./config-telemetry";
import { readTrustDomains } from "./config-trust-domains";
import { PolicyDocument } from "./document";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { MODES } from "./rules";
import { RulesReader } from "./rules-read";

/**
 * Bytes of the longest configuration that is read. Kubernetes takes objects of about 1.5 MiB; a file for Envoy alone may be
 * larger.
 */
export const MAX_CONFIG_BYTES: i32 = 8 << 20;

/** By `Identity`. */
const IDENTITIES: StaticArray<string> = ["PEER", "WAYPOINT", "WORKLOAD"];
/** By `ConnectUrls`. */
const CONNECT_URLS: StaticArray<string> = ["KEEP", "REMOVE"];

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

/**
 * Reads a plugin configuration a piece at a time: the `length` bytes at `pointer`, which must stay there and as they are until
 * `readOn` has answered true, and may be freed then. Every fault is in the document's `faults`, each with its path and remedy.
 * Time and memory grow with the length; beyond MAX_CONFIG_BYTES nothing is read, which is a fault.
 */
@final
export class PolicyReading {
  /** Of no use before all is read. */
  readonly document: PolicyDocument;
  private readonly reader: JsonReader;
  /** While the list of rules is being read. */
  private rules: RulesReader | null = null;
  private keysRead: u32 = 0;
  /** Is all of the text read? */
  private isRead: bool = false;
  /** Rules to which the trust domains have been applied, which the text may name behind the rules. */
  private migrated: i32 = 0;

  constructor(pointer: usize, length: i32) {
    const document = new PolicyDocument();
    const faults = document.faults;
    this.document = document;
    this.reader = new JsonReader(pointer, length, faults);
    // Istio sends an absent or empty pluginConfig as no bytes at all.
    if (length <= 0) faults.add("", "is empty: give the WasmPlugin a pluginConfig with trustDomains and rules");
    else if (length > MAX_CONFIG_BYTES)
      faults.add("", `is ${decimal(length)} bytes long: use at most ${decimal(MAX_CONFIG_BYTES)}`);
    this.isRead = !faults.isEmpty || !this.reader.beginObject("an object with trustDomains and rules");
  }

  /**
   * Reads `bytes` more, and from there to the end of the rule in hand, or of the keys between two rules. Answers whether all is
   * read, and all is done that follows from it.
   */
  readOn(bytes: i32): bool {
    if (this.isRead) return this.migrate(bytes);
    const until = this.reader.position + <usize>bytes;
    if (!this.readRules(until)) return false;
    for (let key = this.reader.nextKey(KEYS); key != NO_MORE_KEYS; key = this.reader.nextKey(KEYS)) {
      this.keysRead |= 1 << key;
      if (key != Key.RULES) this.readKey(key);
      else {
        this.rules = new RulesReader(this.reader, this.document.rules);
        if (!this.readRules(until)) return false;
      }
    }
    this.finish();
    return this.migrate(bytes);
  }

  /** Gives back what is not the collector's. To be called when nobody reads on, also when all has been read. */
  destroy(): void {
    const rules = this.rules;
    if (rules != null) rules.destroy();
    this.rules = null;
    this.reader.destroy();
  }

  /** Reads on in the list of rules. Answers whether no rule is left, which is so before and behind the list too. */
  private readRules(until: usize): bool {
    const rules = this.rules;
    if (rules == null) return true;
    if (!rules.readUntil(until)) return false;
    this.document.names = rules.finish();
    this.rules = null;
    return true;
  }

  private readKey(key: i32): void {
    const reader = this.reader;
    const into = this.document;
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

  private finish(): void {
    const reader = this.reader;
    this.isRead = true;
    reader.finish();
    if (reader.broken) return;
    if ((this.keysRead & (1 << Key.TRUST_DOMAINS)) == 0) {
      reader.faultOf("trustDomains", 'is missing: write the mesh\'s own and its aliases, such as ["cluster.local"]');
    }
    if ((this.keysRead & (1 << Key.RULES)) == 0) {
      reader.faultOf("rules", "is missing: write at least one rule");
    }
  }

  /** Applies the trust domains to some rules. A comparison takes less time than reading a byte. Answers whether none is left. */
  private migrate(bytes: i32): bool {
    const rules = this.document.rules;
    while (bytes > 0 && this.migrated < rules.length) {
      bytes -= rules[this.migrated++].from.migrate(this.document.trustDomains);
    }
    return this.migrated == rules.length;
  }
}

/** All of a plugin configuration at once, as PolicyReading reads it. */
export function readPolicy(pointer: usize, length: i32): PolicyDocument {
  const reading = new PolicyReading(pointer, length);
  reading.readOn(i32.MAX_VALUE);
  reading.destroy();
  return reading.document;
}
