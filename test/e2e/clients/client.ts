import type { Identity } from "../../stand/certificates.ts";

/** Where and as whom a client connects. */
export interface Address {
  url: string;
  /** NATS credentials, for a nats-server that judges by user; a client in the mesh has none. */
  user?: string;
  /** Speaks TLS from the first byte with this certificate; plain bytes unless said. */
  tls?: Identity;
}

/** A message as a client's library handed it over. */
export interface Message {
  subject: string;
  data: string;
  headers: Record<string, string[]>;
}

export interface PublishOptions {
  reply?: string;
  headers?: Record<string, string>;
}

export interface SubscribeOptions {
  queue?: string;
  /** Answers each message that has a reply subject, with each of these in turn. */
  answers?: string[];
}

/** What a subscription has received waits here until it is asked for. */
export interface Subscription {
  /** Waits for `count` messages and takes them. */
  take(count: number): Promise<Message[]>;
  /** Takes what has come so far, without waiting. */
  takeAll(): Promise<Message[]>;
  unsubscribe(): Promise<void>;
}

export interface StreamMessages {
  messages: Message[];
  /** How many of them the consumer still holds as unacknowledged, by nats-server's own account. */
  unacknowledged: number;
}

/** A change of a key. */
export interface KeyChange {
  key: string;
  value: string;
  operation: "PUT" | "DEL" | "PURGE";
}

export interface KeyWatch {
  /** Waits for `count` changes and takes them. */
  take(count: number): Promise<KeyChange[]>;
}

/**
 * One connection of a real client library, in the words that the scenarios use. Each method is the library's own; what it
 * throws or rejects with is the library's own text.
 */
export interface Connection {
  publish(subject: string, data: string, options?: PublishOptions): Promise<void>;
  subscribe(subject: string, options?: SubscribeOptions): Promise<Subscription>;
  request(subject: string, data: string, options?: PublishOptions): Promise<Message>;
  /** Returns when nats-server has answered a PING, and the library's callbacks for what came before have run. */
  flush(): Promise<void>;
  /** Takes the texts that the library has told its error callback. */
  errors(): Promise<string[]>;
  /** How often the library has connected again. */
  reconnects(): Promise<number>;
  /** Drains every subscription, then closes. */
  drain(): Promise<void>;
  close(): Promise<void>;

  createStream(name: string, subjects: string[]): Promise<void>;
  /** Publishes into a stream and returns the sequence in its acknowledgement. */
  publishToStream(subject: string, data: string): Promise<number>;
  /** Fetches `count` messages by a durable pull consumer and acknowledges each, waiting for the acknowledgement's answer. */
  pull(stream: string, count: number): Promise<StreamMessages>;
  /** The same by a durable push consumer that delivers to `deliver`. */
  push(stream: string, deliver: string, count: number): Promise<StreamMessages>;

  createBucket(name: string): Promise<void>;
  putKey(bucket: string, key: string, value: string): Promise<number>;
  /** The value of a key; null where there is none. */
  getKey(bucket: string, key: string): Promise<string | null>;
  deleteKey(bucket: string, key: string): Promise<void>;
  watchKeys(bucket: string): Promise<KeyWatch>;
}

/** A real client library. */
export interface Client {
  /** Connects, or rejects with the library's own error. */
  connect(address: Address): Promise<Connection>;
  /** Ends the program that runs the library, where it is another than this one. */
  stop(): Promise<void>;
}

/** How long any single thing may take, in milliseconds: a hung client fails its test by name. */
export const CALL_TIMEOUT = 15_000;

/** How long a library waits before it connects again, in milliseconds. */
export const RECONNECT_WAIT = 100;
