import { connect, type NatsConnection } from "@nats-io/transport-node";
import { setImmediate } from "node:timers/promises";
import { PATIENCE, waitFor } from "../stand/wait.ts";

/** One message that a workload received. */
export interface Received {
  subject: string;
  text: string;
}

/** An unmodified nats.js client. It reports only what its own callbacks reported. */
export class Workload {
  readonly #connection: NatsConnection;
  readonly #errors: string[] = [];
  readonly #received: Received[] = [];

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#listen();
  }

  /** Connects once, without retrying. Rejects with the client's own error. */
  static async connect(url: string, name: string): Promise<Workload> {
    return new Workload(await connect({ servers: url, name, reconnect: false }));
  }

  /** nats-server's number for this connection, from its INFO. */
  get clientId(): number | undefined {
    return this.#connection.info?.client_id;
  }

  /** Whether the connection that was opened is still open. */
  get isIntact(): boolean {
    // It never reconnects.
    return !this.#connection.isClosed();
  }

  /** Publishes, and returns the error that the client got before the PONG of its own PING, or undefined. */
  async publish(subject: string, text: string, reply?: string): Promise<string | undefined> {
    this.#connection.publish(subject, text, reply === undefined ? {} : { reply });
    return this.#answer();
  }

  /** Subscribes, and returns the error like `publish`. Messages go to `received`; `answer` replies to requests. */
  async subscribe(subject: string, queue?: string, answer?: (text: string) => string): Promise<string | undefined> {
    this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error) return;
        const text = message.string();
        this.#received.push({ subject: message.subject, text });
        if (answer && message.reply) message.respond(answer(text));
      },
    });
    return this.#answer();
  }

  /** The reply's text. */
  async request(subject: string, text: string): Promise<string> {
    return (await this.#connection.request(subject, text, { timeout: PATIENCE })).string();
  }

  /** Waits for a message with that text. */
  receives(text: string): Promise<Received> {
    return waitFor(`a message "${text}"`, () => this.#received.find((message) => message.text === text));
  }

  /** Whether a message with that text has arrived so far. */
  hasReceived(text: string): boolean {
    return this.#received.some((message) => message.text === text);
  }

  /** Resolves when everything that nats-server sent before has been read. */
  async flush(): Promise<void> {
    await this.#connection.flush();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #answer(): Promise<string | undefined> {
    await this.#connection.flush();
    // nats.js passes an error to its listeners in a later microtask.
    await setImmediate();
    return this.#errors.shift();
  }

  async #listen(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "error") this.#errors.push(status.error.message);
    }
  }
}
