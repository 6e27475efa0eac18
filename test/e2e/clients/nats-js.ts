import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { Kvm, type KvWatchEntry } from "@nats-io/kv";
import {
  connect,
  headers as makeHeaders,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type TlsOptions,
} from "@nats-io/transport-node";
import { setImmediate } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import type { Identity } from "../../stand/certificates.ts";
import { SERVER_NAME } from "../../stand/mesh.ts";
import {
  CALL_TIMEOUT,
  RECONNECT_WAIT,
  type Address,
  type Client,
  type Connection,
  type KeyChange,
  type KeyWatch,
  type Message,
  type PublishOptions,
  type StreamMessages,
  type SubscribeOptions,
  type Subscription,
} from "./client.ts";
import { Mailbox } from "./mailbox.ts";

/** For every call that waits for JetStream, instead of nats.js's five seconds. */
const PATIENT = { timeout: CALL_TIMEOUT };

function headersOf(headers: Record<string, string> | undefined): MsgHdrs | undefined {
  if (!headers) return undefined;
  const made = makeHeaders();
  for (const [name, value] of Object.entries(headers)) made.append(name, value);
  return made;
}

function messageOf(message: Pick<Msg, "subject" | "headers" | "string">): Message {
  const { subject, headers } = message;
  const names = headers?.keys() ?? [];
  return {
    subject,
    data: message.string(),
    headers: Object.fromEntries(names.map((name) => [name, headers?.values(name) ?? []])),
  };
}

/** Acknowledges, and waits for the answer to the acknowledgement. */
async function fromStream(message: JsMsg): Promise<Message> {
  await message.ackAck(PATIENT);
  return messageOf(message);
}

async function takeFrom(messages: AsyncIterable<JsMsg>, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  for await (const message of messages) {
    taken.push(await fromStream(message));
    if (taken.length === count) break;
  }
  return taken;
}

class NatsJsConnection implements Connection {
  readonly #connection: NatsConnection;
  readonly #jetStream: JetStreamClient;
  #errors: string[] = [];
  #reconnects = 0;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    this.#jetStream = jetstream(connection, PATIENT);
    void this.#listen();
  }

  #manager(): Promise<JetStreamManager> {
    return jetstreamManager(this.#connection, PATIENT);
  }

  publish(subject: string, data: string, { reply, headers }: PublishOptions = {}): Promise<void> {
    this.#connection.publish(subject, data, { reply, headers: headersOf(headers) });
    return Promise.resolve();
  }

  subscribe(subject: string, { queue, answers = [] }: SubscribeOptions = {}): Promise<Subscription> {
    const mailbox = new Mailbox<Message>(subject);
    const subscription = this.#connection.subscribe(subject, {
      queue,
      // A refusal also ends up here; `errors` has its text.
      callback: (error, message) => {
        if (error) return;
        mailbox.put(messageOf(message));
        for (const answer of answers) message.respond(answer, { headers: message.headers });
      },
    });
    return Promise.resolve({
      take: (count) => mailbox.take(count),
      takeAll: () => Promise.resolve(mailbox.takeAll()),
      unsubscribe: () => {
        subscription.unsubscribe();
        return Promise.resolve();
      },
    });
  }

  async request(subject: string, data: string, { headers }: PublishOptions = {}): Promise<Message> {
    const options = { timeout: CALL_TIMEOUT, headers: headersOf(headers) };
    return messageOf(await this.#connection.request(subject, data, options));
  }

  async flush(): Promise<void> {
    await this.#connection.flush();
    // nats.js passes an error to its listeners in a later microtask.
    await setImmediate();
  }

  errors(): Promise<string[]> {
    const errors = this.#errors;
    this.#errors = [];
    return Promise.resolve(errors);
  }

  reconnects(): Promise<number> {
    return Promise.resolve(this.#reconnects);
  }

  drain(): Promise<void> {
    return this.#connection.drain();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async createStream(name: string, subjects: string[]): Promise<void> {
    const manager = await this.#manager();
    await manager.streams.add({ name, subjects });
  }

  async publishToStream(subject: string, data: string): Promise<number> {
    const { seq } = await this.#jetStream.publish(subject, data);
    return seq;
  }

  async pull(stream: string, count: number): Promise<StreamMessages> {
    const manager = await this.#manager();
    const config = { durable_name: "pull", ack_policy: AckPolicy.Explicit };
    await manager.consumers.add(stream, config);
    const consumer = await this.#jetStream.consumers.get(stream, "pull");
    const messages = await consumer.fetch({ max_messages: count, expires: CALL_TIMEOUT });
    const taken = await takeFrom(messages, count);
    return { messages: taken, unacknowledged: (await consumer.info()).num_ack_pending };
  }

  async push(stream: string, deliver: string, count: number): Promise<StreamMessages> {
    const manager = await this.#manager();
    const config = { durable_name: "push", ack_policy: AckPolicy.Explicit, deliver_subject: deliver };
    await manager.consumers.add(stream, config);
    const consumer = await this.#jetStream.consumers.getPushConsumer(stream, "push");
    const messages = await consumer.consume();
    const taken = await takeFrom(messages, count);
    return { messages: taken, unacknowledged: (await consumer.info()).num_ack_pending };
  }

  async createBucket(name: string): Promise<void> {
    await new Kvm(this.#jetStream).create(name);
  }

  async putKey(bucket: string, key: string, value: string): Promise<number> {
    return (await new Kvm(this.#jetStream).open(bucket)).put(key, value);
  }

  async getKey(bucket: string, key: string): Promise<string | null> {
    const entry = await (await new Kvm(this.#jetStream).open(bucket)).get(key);
    return entry?.operation === "PUT" ? entry.string() : null;
  }

  async deleteKey(bucket: string, key: string): Promise<void> {
    await (await new Kvm(this.#jetStream).open(bucket)).delete(key);
  }

  async watchKeys(bucket: string): Promise<KeyWatch> {
    const mailbox = new Mailbox<KeyChange>(`keys of ${bucket}`);
    const changes = await (await new Kvm(this.#jetStream).open(bucket)).watch();
    void this.#collect(changes, mailbox);
    return { take: (count) => mailbox.take(count) };
  }

  async #collect(changes: AsyncIterable<KvWatchEntry>, mailbox: Mailbox<KeyChange>): Promise<void> {
    for await (const change of changes) {
      mailbox.put({ key: change.key, value: change.string(), operation: change.operation });
    }
  }

  async #listen(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "error") this.#errors.push(status.error.message);
      if (status.type === "reconnect") this.#reconnects += 1;
    }
  }
}

/** TLS options of nats.js, which passes them on to Node. */
type NodeTlsOptions = TlsOptions & Pick<ConnectionOptions, "servername" | "checkServerIdentity">;

function tlsFirst({ certificateFile, keyFile, authorityFile }: Identity): NodeTlsOptions {
  return {
    handshakeFirst: true,
    certFile: certificateFile,
    keyFile,
    caFile: authorityFile,
    servername: SERVER_NAME,
    // Istio's certificates have no host name. The authority is still verified.
    checkServerIdentity: () => undefined,
  };
}

/** nats.js, in this process. */
export class NatsJs implements Client {
  async connect({ url, user, tls }: Address): Promise<Connection> {
    const connection = await connect({
      servers: url,
      reconnectTimeWait: RECONNECT_WAIT,
      reconnectJitter: 0,
      // It may take a busy machine seconds to start nats-server again.
      maxReconnectAttempts: -1,
      ...(user === undefined ? {} : { user, pass: user }),
      ...(tls ? { tls: tlsFirst(tls) } : {}),
    });
    return new NatsJsConnection(connection);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
