import { RawClient } from "../../test/stand/raw-client.ts";
import type { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { NEWS, READER } from "./cast.ts";
import type { Twins } from "./twins.ts";
import type { Place } from "./work.ts";

/** nats-server's text of a reload. */
const REVOKED = `-ERR 'Permissions Violation for Subscription to "${NEWS}" (sid "1")'`;

/** A subscriber that each change of the policy revokes or lets back in. */
export class Reader {
  readonly #place: Place;
  readonly #twins: Twins;
  #client: RawClient;

  private constructor(place: Place, twins: Twins, client: RawClient) {
    this.#place = place;
    this.#twins = twins;
    this.#client = client;
  }

  static async start(place: Place, twins: Twins): Promise<Reader> {
    return new Reader(place, twins, await Reader.#connect(place.stand));
  }

  /**
   * Takes NEWS away, by a change of the policy while messages pass. Answers how many milliseconds after its push the reader was told,
   * which asks every 50. What this process does itself meanwhile is among these, so that no bound is held against them here, but in
   * test/e2e/live-policy.test.ts.
   */
  async revoke(): Promise<number> {
    await this.#client.send(`SUB ${NEWS} 1\r\n`);
    const [refusal] = await this.#client.flush();
    if (refusal) throw new Error(`the reader may not subscribe yet: ${refusal.line}`);
    const told = async (): Promise<number> => {
      // The text goes with the next bytes: the filter cannot write by itself (docs/adr/0008-live-policy.md).
      const isTold = async (): Promise<boolean> => (await this.#client.flush()).some(({ line }) => line === REVOKED);
      await waitFor("the reader is told", isTold);
      return performance.now();
    };
    const [pushed, at] = await Promise.all([this.#twins.pushNext(false), told()]);
    return at - pushed;
  }

  /** Lets the reader in again. */
  async allow(): Promise<void> {
    await this.#twins.pushNext(true);
    await waitFor("the reader may subscribe", async () => {
      await this.#client.send(`SUB ${NEWS} 1\r\nUNSUB 1\r\n`);
      const refusals = await this.#client.flush();
      this.#place.account.add(READER, "SUB", "news", "refused", refusals.length);
      return refusals.length === 0;
    });
  }

  /** Connects anew, where nats-server was away. */
  async again(): Promise<void> {
    this.#client.close();
    this.#client = await Reader.#connect(this.#place.stand);
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
}
