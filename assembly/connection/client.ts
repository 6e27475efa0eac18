import { RuleSet, RuleSets } from "../policy/rule-set";
import { RootPolicy } from "./root-policy";
import { RootTelemetry } from "./root-telemetry";

/** Who is at the other end of a connection and by which policy it is judged: all that is not needed for each of its bytes. */
@final
export class Client {
  /** The peer's URI; "" until its first bytes have come, and when it has none. */
  principal: string = "";
  /** The set whose permissions the connection uses, which is held as long; null before its first bytes. */
  ruleSet: RuleSet | null = null;

  constructor(
    /** Of the root context that serves it. */
    readonly policy: RootPolicy,
    readonly telemetry: RootTelemetry,
    /** The policy that the connection is under; the root context may have a newer one (live-policy.ts). */
    public rules: RuleSets,
  ) {}

  /** Lets go of the permissions. */
  release(): void {
    const set = this.ruleSet;
    if (set != null) set.release();
    this.ruleSet = null;
  }
}

const clients: Map<u32, Client> = new Map();

/** The client that was asked for last, since a report asks for the same one several times. */
let lastId: u32 = 0;
let last: Client | null = null;

/** Keeps the client of the host's connection `id` until `forgetClient`. */
export function rememberClient(id: u32, client: Client): void {
  clients.set(id, client);
  lastId = id;
  last = client;
}

/** The client of an open connection. Traps for one that is not known. */
export function clientOf(id: u32): Client {
  const known = last;
  if (id == lastId && known != null) return known;
  const client = clients.get(id);
  lastId = id;
  last = client;
  return client;
}

/** The connection is gone, and lets go of its permissions. Harmless for one that is not known. */
export function forgetClient(id: u32): void {
  if (id == lastId) last = null;
  if (!clients.has(id)) return;
  clients.get(id).release();
  clients.delete(id);
}
