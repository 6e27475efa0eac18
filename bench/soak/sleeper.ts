import { RawClient } from "../../test/stand/raw-client.ts";
import { SLEEPER } from "./cast.ts";
import type { Place, Work } from "./work.ts";

/** A subscriber that does not read during a round, so that every buffer on its way is full, and nats-server may end it. */
export class Sleeper implements Work {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    // It does not know what would have come.
    place.account.addSome(SLEEPER, "MSG", "secrets", "refused");
  }

  async round(end: AbortSignal): Promise<void> {
    const tls = await this.#place.stand.identity(SLEEPER);
    const client = await RawClient.connect(this.#place.stand.port("mtls"), { tls });
    await client.handshake();
    await client.send("SUB orders.> 1\r\n");
    await client.flush();
    client.pause();
    // It may have come to its end while the client connected, of which no event would tell.
    if (!end.aborted) await new Promise((resolve) => end.addEventListener("abort", resolve));
    client.close();
  }
}
