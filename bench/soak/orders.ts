import { headers as makeHeaders, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../test/host/random.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { AUDITOR, ORDERS_API } from "./cast.ts";
import { backAgain, member, type Place, type Work } from "./work.ts";

const BURST = 200;
const REGIONS = 50;
const SIZES = [16, 128, 128, 1024, 16 * 1024];
const NUMBER = 12;
/** One in so many has a header, or a subject that is withheld from the auditor. */
const WITH_HEADER = 5;
const WITHHELD = 7;

/** Publishes of many subjects and sizes, which must all arrive, once and in their order, except for those that a deny covers. */
export class Orders implements Work {
  readonly #place: Place;
  readonly #publisher: NatsConnection;
  readonly #auditor: NatsConnection;
  readonly #random: Random;
  #sent = 0;
  #arrived = 0;
  #fault: string | undefined;

  private constructor(place: Place, publisher: NatsConnection, auditor: NatsConnection, random: Random) {
    this.#place = place;
    this.#publisher = publisher;
    this.#auditor = auditor;
    this.#random = random;
    auditor.subscribe("orders.>", { callback: (_, message) => this.#take(message) });
  }

  static async start(place: Place, seed: number): Promise<Orders> {
    const publisher = await member(place, ORDERS_API);
    const orders = new Orders(place, publisher, await member(place, AUDITOR), new Random(seed));
    await orders.again();
    return orders;
  }

  async round(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      for (let i = 0; i < BURST; i++) this.#publish();
      await this.#publisher.flush();
      this.#check();
      await sleep(this.#place.pause);
    }
    await waitFor("all orders", () => this.#fault !== undefined || this.#arrived === this.#sent, {
      explain: () => `${this.#arrived} of ${this.#sent} have arrived`,
    });
    this.#check();
  }

  async again(): Promise<void> {
    await Promise.all([this.#publisher, this.#auditor].map(backAgain));
  }

  #publish(): void {
    const { account } = this.#place;
    const region = `orders.r${this.#random.below(REGIONS)}`;
    if (this.#random.isOneIn(WITHHELD)) {
      this.#publisher.publish(`${region}.secret`, "withheld");
      account.add(ORDERS_API, "PUB", "secrets");
      account.add(AUDITOR, "MSG", "secrets", "refused");
      return;
    }
    const number = `${this.#sent++}`.padStart(NUMBER, "0");
    const payload = number.padEnd(this.#random.pick(SIZES), ".");
    if (this.#random.isOneIn(WITH_HEADER)) {
      const headers = makeHeaders();
      headers.set("Number", number);
      this.#publisher.publish(`${region}.created`, payload, { headers });
      account.add(ORDERS_API, "HPUB", "orders");
      account.add(AUDITOR, "HMSG", "orders");
    } else {
      this.#publisher.publish(`${region}.created`, payload);
      account.add(ORDERS_API, "PUB", "orders");
      account.add(AUDITOR, "MSG", "orders");
    }
  }

  #take(message: Msg): void {
    const text = message.string();
    const number = text.slice(0, NUMBER);
    const isNext = Number(number) === this.#arrived && message.subject.endsWith(".created");
    const isWhole = SIZES.includes(text.length) && /^\.*$/.test(text.slice(NUMBER));
    const header = message.headers?.get("Number") ?? number;
    if (!isNext || !isWhole || header !== number) {
      this.#fault ??= `order ${this.#arrived} arrived as ${text.length} bytes on ${message.subject}: ${text.slice(0, 40)}`;
    }
    this.#arrived += 1;
  }

  #check(): void {
    if (this.#fault !== undefined) throw new Error(this.#fault);
  }
}
