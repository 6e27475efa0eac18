import { waitFor } from "../../stand/wait.ts";
import { CALL_TIMEOUT, type Address, type Client, type Connection } from "../clients/client.ts";
import { NatsJs } from "../clients/nats-js.ts";
import type { World } from "../worlds.ts";

/** What a scenario plays on: one world, seen through one client library. */
export class Stage {
  readonly #client: Client;
  readonly #world: World;
  readonly #connections: Connection[] = [];
  /** The scenario's own token in subjects, and its name for streams and buckets. */
  readonly id: string;

  constructor(client: Client, world: World, id: string) {
    this.#client = client;
    this.#world = world;
    this.id = id;
  }

  /** `shop.<id>.<tail>`. */
  subject(tail: string): string {
    return `shop.${this.id}.${tail}`;
  }

  /** A connection of the application. */
  ordersApi(): Promise<Connection> {
    return this.#connect(this.#client, this.#world.ordersApi);
  }

  /** A connection of the services. */
  workers(): Promise<Connection> {
    return this.#connect(this.#client, this.#world.workers);
  }

  /** A connection that is not restricted at all; always nats.js. */
  operator(): Promise<Connection> {
    return this.#connect(new NatsJs(), this.#world.operator);
  }

  /** Ends nats-server as a crash does, and starts it again. */
  restartServer(): Promise<void> {
    return this.#world.restartServer();
  }

  /** Closes whatever the scenario opened. */
  async end(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  async #connect(client: Client, address: Address): Promise<Connection> {
    const connection = await client.connect(address);
    this.#connections.push(connection);
    return connection;
  }
}

/** A scenario's account of what it saw. It must be JSON, and the stage's id in it is read as `it`. */
export interface Scenario {
  /** Completes the sentence "<client> …". */
  name: string;
  play: (stage: Stage) => Promise<unknown>;
  expected: unknown;
}

/** nats-server's text within what a library makes of it. */
const SERVER_TEXT = /permissions violation for .*"/;

export interface Refusals {
  /** The texts as the library reported them. */
  errors: string[];
  /** nats-server's words in them, in lower case. */
  texts: string[];
}

/** Waits for `count` errors of the client's own error callback. */
export async function refusalsOf(connection: Connection, count: number): Promise<Refusals> {
  const errors: string[] = [];
  const probe = async (): Promise<boolean> => {
    errors.push(...(await connection.errors()));
    return errors.length >= count;
  };
  await waitFor(`${count} errors of the client's own callback`, probe, {
    timeout: CALL_TIMEOUT,
    explain: () => `there are: ${JSON.stringify(errors)}`,
  });
  return { errors, texts: errors.map((error) => SERVER_TEXT.exec(error.toLowerCase())?.[0] ?? error) };
}

/** The client's own text of a failure, or undefined if there is none. */
export async function failureOf(attempt: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function textsOf(messages: readonly { data: string }[]): string[] {
  return messages.map(({ data }) => data);
}
