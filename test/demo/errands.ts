import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Sidecar } from "../stand/sidecar.ts";
import { PATIENCE } from "../stand/wait.ts";
import { auditor, ordersApi, stranger, workers, type Member } from "./cast.ts";

const PAUSE = 50;
/** One in this many rounds tries what the policy refuses. */
const SELDOM = 10;

/** What the cast does all day, for somebody who watches: orders, quotes, and now and then something that the policy refuses. */
export class Errands {
  readonly #sidecars: ReadonlyMap<Member, Sidecar>;
  readonly #connections: NatsConnection[] = [];
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(sidecars: ReadonlyMap<Member, Sidecar>) {
    this.#sidecars = sidecars;
  }

  /** Connects orders-api, the workers and the auditor, and lets them work until `stop`. */
  static async start(sidecars: ReadonlyMap<Member, Sidecar>): Promise<Errands> {
    const errands = new Errands(sidecars);
    const worker = await errands.#enter(workers);
    worker.subscribe("orders.>", {
      queue: "workers",
      callback: (error, message) => {
        if (!error) message.respond("4.20 EUR");
      },
    });
    const watcher = await errands.#enter(auditor);
    watcher.subscribe("orders.>", { callback: () => undefined });
    const client = await errands.#enter(ordersApi);
    // Ctrl-C in a terminal also reaches the Envoys, and their end is no error of the errands.
    errands.#running = errands.#run(client, worker).catch(() => undefined);
    return errands;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  async #connect(member: Member): Promise<NatsConnection> {
    return connect({ servers: this.#sidecars.get(member)?.url ?? "", name: member.name, reconnect: false });
  }

  async #enter(member: Member): Promise<NatsConnection> {
    const connection = await this.#connect(member);
    this.#connections.push(connection);
    return connection;
  }

  async #run(client: NatsConnection, worker: NatsConnection): Promise<void> {
    for (let round = 0; !this.#stopping; round++) {
      client.publish("orders.eu.created", "3 lemons");
      await client.request("orders.eu.quote", "3 lemons, please", { timeout: PATIENCE });
      if (round % SELDOM === 0) {
        client.publish("orders.admin.purge", "all of them");
        worker.publish("orders.eu.created", "a false order");
        // A client that no rule names, which is refused.
        await this.#connect(stranger).catch(() => undefined);
      }
      await sleep(PAUSE);
    }
  }
}
