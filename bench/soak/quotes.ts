import type { NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE } from "../../test/stand/wait.ts";
import { quantile } from "../statistics.ts";
import { PRICING, STOREFRONT } from "./cast.ts";
import { backAgain, member, type Place, type Work } from "./work.ts";

const AT_ONCE = 4;
const BURST = 10;

const priceOf = (item: string): string => `${item} costs ${item.length}`;

/** Requests to a queue group that may only answer. Each must get the answer to its own question. */
export class Quotes implements Work {
  readonly #place: Place;
  readonly #storefront: NatsConnection;
  readonly #pricing: readonly NatsConnection[];
  #asked = 0;
  /** Milliseconds that each request of this round took. */
  #took: number[] = [];

  private constructor(place: Place, storefront: NatsConnection, pricing: readonly NatsConnection[]) {
    this.#place = place;
    this.#storefront = storefront;
    this.#pricing = pricing;
    for (const service of pricing) {
      service.subscribe("quotes.*.ask", {
        queue: "pricing",
        callback: (_, message) => void message.respond(priceOf(message.string())),
      });
    }
  }

  static async start(place: Place): Promise<Quotes> {
    const storefront = await member(place, STOREFRONT);
    const pricing = await Promise.all([1, 2].map(() => member(place, PRICING)));
    const quotes = new Quotes(place, storefront, pricing);
    await quotes.again();
    return quotes;
  }

  /** The 99th percentile of the milliseconds that requests of the last round took. */
  get p99(): number {
    return quantile(
      this.#took.toSorted((a, b) => a - b),
      0.99,
    );
  }

  async round(end: AbortSignal): Promise<void> {
    this.#took = [];
    const ask = async (): Promise<void> => {
      while (!end.aborted) {
        for (let i = 0; i < BURST; i++) await this.#ask();
        await sleep(this.#place.pause);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  async again(): Promise<void> {
    await Promise.all([this.#storefront, ...this.#pricing].map(backAgain));
  }

  async #ask(): Promise<void> {
    const { account } = this.#place;
    const item = `item ${this.#asked++}`;
    const began = performance.now();
    const answer = (await this.#storefront.request("quotes.eu.ask", item, { timeout: PATIENCE })).string();
    this.#took.push(performance.now() - began);
    if (answer !== priceOf(item)) throw new Error(`the answer to "${item}" is "${answer}"`);
    account.add(STOREFRONT, "PUB", "quotes");
    account.add(PRICING, "MSG", "quotes");
    account.add(PRICING, "PUB", "inboxes");
    account.add(STOREFRONT, "MSG", "inboxes");
  }
}
