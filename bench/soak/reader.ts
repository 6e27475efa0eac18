import { RawClient } from "../../test/stand/raw-client.ts";
import type { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { NEWS, policyOf, READER, type Identity } from "./cast.ts";

const LISTENERS: Record<string, Identity> = { mtls: "PEER", waypoint: "WAYPOINT" };
/** nats-server's text of a reload. */
const REVOKED = `-ERR 'Permissions Violation for Subscription to "${NEWS}" (sid "1")'`;

/**
 * So many policies take turns. Envoy keeps the two gauges of each (docs/telemetry.md), which hours with one after the other would
 * have by the thousand.
 */
const POLICIES = 16;

/** A subscriber that each change of the policy revokes or lets back in, and the changes themselves. */
export class Reader {
  readonly #stand: Stand;
  #client: RawClient;
  #change = 0;
  /** Another one makes Envoy run new VMs. */
  #version = 0;

  private constructor(stand: Stand, client: RawClient) {
    this.#stand = stand;
    this.#client = client;
  }

  static async start(stand: Stand): Promise<Reader> {
    return new Reader(stand, await Reader.#connect(stand));
  }

  /** The filters as a soak begins with them. */
  static filters(): Record<string, { config: object }> {
    return Object.fromEntries(
      Object.entries(LISTENERS).map(([name, identity]) => [name, { config: policyOf(identity, 0, true) }]),
    );
  }

  /**
   * Takes NEWS away, by a change of the policy while messages pass. Answers after how many milliseconds the subscription was ended.
   * What this process does itself meanwhile is among these, so that no bound is held against them here, but in
   * test/e2e/live-policy.test.ts.
   */
  async revoke(): Promise<number> {
    await this.#client.send(`SUB ${NEWS} 1\r\n`);
    const [refusal] = await this.#client.flush();
    if (refusal) throw new Error(`the reader may not subscribe yet: ${refusal.line}`);
    await this.#push(false);
    const began = performance.now();
    // The text goes with the next bytes: the filter cannot write by itself (docs/adr/0008-live-policy.md).
    await waitFor("the reader is told", async () => (await this.#client.flush()).some(({ line }) => line === REVOKED));
    return performance.now() - began;
  }

  /** Lets the reader in again. */
  async allow(): Promise<void> {
    await this.#push(true);
    await waitFor("the reader may subscribe", async () => {
      await this.#client.send(`SUB ${NEWS} 1\r\nUNSUB 1\r\n`);
      return (await this.#client.flush()).length === 0;
    });
  }

  /** The next connections come into new VMs, as another version of the module makes them. */
  async upgrade(): Promise<void> {
    this.#version += 1;
    await this.#push(true);
  }

  /** Connects anew, where nats-server was away. */
  async again(): Promise<void> {
    this.#client.close();
    this.#client = await Reader.#connect(this.#stand);
  }

  close(): void {
    this.#client.close();
  }

  static async #connect(stand: Stand): Promise<RawClient> {
    const tls = await stand.identity(READER);
    const client = await RawClient.connect(stand.port("mtls"), { tls, answersPings: true });
    await client.handshake();
    return client;
  }

  async #push(hasNews: boolean): Promise<void> {
    this.#change = (this.#change + 1) % POLICIES;
    for (const [listener, identity] of Object.entries(LISTENERS)) {
      const config = policyOf(identity, this.#change, hasNews);
      const answer = await this.#stand.update({ config, environment: { VERSION: `${this.#version}` } }, listener);
      if (answer !== "ACCEPTED") throw new Error(`Envoy has ${answer} policy ${this.#change}`);
    }
  }
}
