import type { NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../test/stand/wait.ts";
import { STOREFRONT } from "./cast.ts";
import { backAgain, member, type Place, type Work } from "./work.ts";

const BURST = 5;

/** Publishes that the policy refuses, each of which must be told. The connection stays. */
export class Refused implements Work {
  readonly #place: Place;
  readonly #connection: NatsConnection;
  #sent = 0;
  readonly #told = new Set<string>();

  private constructor(place: Place, connection: NatsConnection) {
    this.#place = place;
    this.#connection = connection;
    void this.#listen();
  }

  static async start(place: Place): Promise<Refused> {
    return new Refused(place, await member(place, STOREFRONT));
  }

  async round(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      for (let i = 0; i < BURST; i++) this.#connection.publish(`vault.v${this.#sent++}`, "not allowed");
      this.#place.account.add(STOREFRONT, "PUB", "vault", "refused", BURST);
      await this.#connection.flush();
      await sleep(this.#place.pause);
    }
    await waitFor("all refusals", () => this.#told.size === this.#sent, {
      explain: () => `${this.#told.size} of ${this.#sent} were told`,
    });
  }

  again(): Promise<void> {
    return backAgain(this.#connection);
  }

  async #listen(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type !== "error") continue;
      const [, subject] = /Publish to "(vault\.v\d+)"/.exec(status.error.message) ?? [];
      if (subject !== undefined) this.#told.add(subject);
    }
  }
}
