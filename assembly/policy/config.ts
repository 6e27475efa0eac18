import { readAudit } from "./config-audit";
import { readLimits } from "./config-limits";
import { readTelemetry } from "./config-telemetry";
import { readTrustDomains } from "./config-trust-domains";
import { PolicyDocument } from "./document";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { MODES, readRules } from "./rules-read";

/** Kubernetes ends an object at about 1.5 MiB; a file for Envoy alone may be larger. */
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
      into.names = readRules(reader, into.rules);
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
    document.faults.add("", `is ${length} bytes long: use at most ${MAX_CONFIG_BYTES}`);
    return document;
  }
  readDocument(new JsonReader(ptr, length, document.faults), document);
  for (let i = 0; i < document.rules.length; i++) {
    document.rules[i].from.migrate(document.trustDomains);
  }
  return document;
}
