import { RuleSet, RuleSets } from "../policy/rule-set";
import { Plugin } from "./plugin";

/** Who is at the other end of a connection, and by which policy it is judged: what its bytes do not need. */
@final
export class Client {
  /** The peer's URI; "" until its first bytes, and when it has none. */
  principal: string = "";
  /** Held as long as the connection uses its permissions. */
  ruleSet: RuleSet | null = null;

  constructor(
    readonly plugin: Plugin,
    /** The policy that the connection is under; the plugin may have a newer one (live-policy.ts). */
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

/** Keeps the client of the host's connection `id` until `forgetClient`. */
export function rememberClient(id: u32, client: Client): void {
  clients.set(id, client);
}

/** The client of an open connection. */
export function clientOf(id: u32): Client {
  return clients.get(id);
}

export function forgetClient(id: u32): void {
  if (!clients.has(id)) return;
  clients.get(id).release();
  clients.delete(id);
}
