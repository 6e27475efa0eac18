import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { PEER } from "../host/wire.ts";
import { isJson } from "./is-json.ts";
import { INFO } from "./policies.ts";

/** Configurations after which a new VM is made, because a VM keeps what each has logged. */
const MOST_OF_ONE_VM = 2000;
/** faults.ts `MAX_LISTED_FAULTS`. Further faults are only counted. */
const MOST_LISTED = 100;

/** `rules[3].publish.allow[0]: …`. A key that is not a plain word is in brackets and quotes. */
const PATH = /^(?:\.?[\w-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])+: ./;

/** The filter's answer to a configuration. */
export interface Reading {
  accepted: boolean;
  /** The faults as they were logged, one per line. */
  faults: string[];
  /** The number in the first line of the refusal. */
  faultCount: number;
  /** It was not recognised as JSON. */
  isNotJson: boolean;
}

export class ConfigVm {
  #host = new Host(filterModule());
  #count = 0;
  /** The answer to the configuration read last. */
  wasAccepted = false;

  /** Hands a configuration over. One that is accepted must also carry a connection. */
  read(text: Uint8Array): Reading {
    if (this.#count++ % MOST_OF_ONE_VM === 0) this.#host = new Host(filterModule());
    const { accepted, logs, root } = this.#host.configure(text);
    const lines = logs.filter(({ level }) => level === "critical").flatMap(({ message }) => message.split("\n"));
    const faultCount = Number(/refused whole, (\d+) fault/.exec(lines[0] ?? "")?.[1] ?? 0);
    const faults = lines.slice(1);
    this.wasAccepted = accepted;
    if (accepted) this.#tryConnection(root);
    this.#host.deleteRoot(root);
    return { accepted, faults, faultCount, isNotJson: faults.some((fault) => fault.includes(": is not JSON: ")) };
  }

  #tryConnection(root: number): void {
    const connection = this.#host.connect({ root, properties: { "connection.uri_san_peer_certificate": PEER } });
    connection.fromServer(INFO);
    connection.fromClient('CONNECT {"headers":true}\r\nPUB foo.a _INBOX.1 1\r\nx\r\nSUB foo.> q1 1\r\nPING\r\n');
    connection.fromServer("PONG\r\nMSG foo.a 1 r.1 1\r\nx\r\n");
    this.#host.tick();
    connection.close("client");
  }
}

/** Why the answer to a configuration is wrong, or undefined if it is right. */
export function problemOf(bytes: Uint8Array, { accepted, faults, faultCount, isNotJson }: Reading): string | undefined {
  const json = isJson(bytes);
  if (accepted) return json ? problemOfAccepted(bytes) : "accepted, and JSON.parse does not take it";
  const listed = Math.min(faultCount, MOST_LISTED) + (faultCount > MOST_LISTED ? 1 : 0);
  if (faultCount === 0 || faults.length !== listed)
    return `${faultCount} faults, ${faults.length} lines: ${faults.join(" | ")}`;
  const pathless = faults.slice(0, MOST_LISTED).find((fault) => !PATH.test(fault));
  if (pathless !== undefined) return `a fault without a path: ${pathless}`;
  // Nested deeper than Go's encoding/json goes (json.ts MAX_DEPTH), which JSON.parse does not mind.
  if (isNotJson && json && !faults.some((fault) => fault.includes("nested")))
    return `JSON.parse takes it: ${faults.join(" | ")}`;
  // The reader does not look at what follows a document that is not an object, and faults beyond the list cannot be distinguished.
  const first = /\S/.exec(Buffer.from(bytes).toString("latin1"))?.[0];
  if (!isNotJson && !json && first === "{" && faultCount <= MOST_LISTED)
    return `not JSON, but called ${faults.join(" | ")}`;
  return undefined;
}

const KEYS = ["mode", "identity", "trustDomains", "rules", "limits", "audit", "connectUrls", "telemetry"];

/** As in config-limits.ts, config-audit.ts and config-telemetry.ts. */
const RANGES: Record<string, Record<string, [least: number, most: number]>> = {
  limits: { memory: [8 << 20, 512 << 20] },
  audit: { sample: [0, 1_000_000_000] },
  telemetry: { principals: [1, 4096], requests: [0, 1 << 20] },
};

/** What every accepted configuration must satisfy at least. */
function problemOfAccepted(bytes: Uint8Array): string | undefined {
  const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
  const unknown = Object.keys(document).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return `accepted with the unknown key ${JSON.stringify(unknown)}`;
  const { trustDomains, rules, connectUrls = "KEEP", telemetry = {} } = document;
  if (!Array.isArray(trustDomains) || trustDomains.length === 0) return "accepted without trustDomains";
  if (!Array.isArray(rules) || rules.length === 0) return "accepted without rules";
  for (const rule of rules as Record<string, unknown>[]) {
    if (typeof rule["name"] !== "string" || rule["name"] === "") return "accepted with a rule without name";
    if (!Array.isArray(rule["from"]) || rule["from"].length === 0) return "accepted with a rule without from";
  }
  if (connectUrls !== "KEEP" && connectUrls !== "REMOVE")
    return `accepted with connectUrls ${JSON.stringify(connectUrls)}`;
  for (const [part, ranges] of Object.entries(RANGES)) {
    for (const [key, [least, most]] of Object.entries(ranges)) {
      const value = (document[part] as Record<string, unknown> | undefined)?.[key] ?? least;
      if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
        return `accepted with ${part}.${key} ${JSON.stringify(value)}`;
    }
  }
  const { subjects = [], requestTimeout = "1s" } = telemetry as Record<string, unknown>;
  if (typeof requestTimeout !== "string") return "accepted with a requestTimeout that is not a text";
  for (const { name, patterns } of subjects as Record<string, unknown>[]) {
    if (typeof name !== "string" || !/^[\w-]+$/.test(name)) return "accepted with a class without a name";
    if (!Array.isArray(patterns) || patterns.length === 0) return "accepted with a class without patterns";
  }
  return undefined;
}
