import { AckPolicy, jetstream, jetstreamManager, type Consumer, type JetStreamClient } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE } from "../../test/stand/wait.ts";
import { LEDGER } from "./cast.ts";
import { backAgain, member, type Place, type Work } from "./work.ts";

const STREAM = "EVENTS";
const CONSUMER = "ledger";
const BATCH = 20;
/** What the stream keeps, so that its file does not grow. */
const KEPT = 10_000;

/** Publishes to a stream, which are acknowledged, pulled in their order and acknowledged again, each once. */
export class Events implements Work {
  readonly #place: Place;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #consumer: Consumer;
  #published = 0;
  #pulled = 0;

  private constructor(place: Place, connection: NatsConnection, client: JetStreamClient, consumer: Consumer) {
    this.#place = place;
    this.#connection = connection;
    this.#client = client;
    this.#consumer = consumer;
  }

  static async start(place: Place): Promise<Events> {
    const connection = await member(place, LEDGER);
    const manager = await jetstreamManager(connection, { timeout: PATIENCE });
    await manager.streams.add({ name: STREAM, subjects: ["events.>"], max_msgs: KEPT });
    await manager.consumers.add(STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit });
    const client = jetstream(connection, { timeout: PATIENCE });
    return new Events(place, connection, client, await client.consumers.get(STREAM, CONSUMER));
  }

  async round(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await Promise.all(Array.from({ length: BATCH }, () => this.#publish()));
      for (let left = BATCH; left > 0;) left -= await this.#pull(left);
      await sleep(this.#place.pause);
    }
    const { num_pending: pending, num_ack_pending: unacknowledged } = await this.#consumer.info();
    if (pending + unacknowledged > 0)
      throw new Error(`${pending} events are left, and ${unacknowledged} to acknowledge`);
  }

  async again(): Promise<void> {
    await backAgain(this.#connection);
    // The stream is there a moment later.
    await this.#consumer.info();
  }

  async #publish(): Promise<void> {
    const number = this.#published++;
    const { duplicate } = await this.#client.publish(`events.e${number % 100}`, `${number}`);
    if (duplicate) throw new Error(`event ${number} is a duplicate`);
    // nats.js sends a header block without headers, which nats-server leaves out of what it delivers.
    this.#place.account.add(LEDGER, "HPUB", "events");
  }

  async #pull(most: number): Promise<number> {
    const messages = await this.#consumer.fetch({ max_messages: most, expires: PATIENCE });
    let count = 0;
    for await (const message of messages) {
      this.#place.account.add(LEDGER, "MSG", "events");
      // Publishes of one batch arrive in their order, since they share a connection. What was lost is delivered once more.
      if (message.string() !== `${this.#pulled}` || message.redelivered) {
        throw new Error(
          `event ${this.#pulled} arrived as "${message.string()}" (delivery ${message.info.deliveryCount})`,
        );
      }
      this.#pulled += 1;
      count += 1;
      if (!(await message.ackAck({ timeout: PATIENCE })))
        throw new Error(`event ${this.#pulled - 1} stays unacknowledged`);
    }
    if (count === 0) throw new Error(`event ${this.#pulled} has not arrived within ${PATIENCE} ms`);
    return count;
  }
}
