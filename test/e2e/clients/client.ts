import type { Identity } from "../../stand/certificates.ts";

/** Where and as whom a client connects. */
export interface Address {
  url: string;
  /** NATS credentials, for a nats-server that authorizes by user. A client in the mesh has none. */
  user?: string;
  /** Speak TLS from the first byte with this certificate. Plain bytes by default. */
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
  /** Answers each message that has a reply subject with all of these, in order. */
  answers?: string[];
}

/** What a subscription has received. Messages wait here until they are taken. */
export interface Subscription {
  /** Waits for `count` messages and takes them. */
  take(count: number): Promise<Message[]>;
  /** Takes what has arrived so far, without waiting. */
  takeAll(): Promise<Message[]>;
  unsubscribe(): Promise<void>;
}

export interface StreamMessages {
  messages: Message[];
  /** How many of them the consumer still holds as unacknowledged, according to nats-server. */
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
 * One connection of a real client library, in the terms that the scenarios use. Each method calls the library's own, and what it
 * throws or rejects with is the library's own text.
 */
export interface Connection {
  publish(subject: string, data: string, options?: PublishOptions): Promise<void>;
  subscribe(subject: string, options?: SubscribeOptions): Promise<Subscription>;
  request(subject: string, data: string, options?: PublishOptions): Promise<Message>;
  /** Resolves when nats-server has answered a PING, and the library's callbacks for everything before it have run. */
  flush(): Promise<void>;
  /** Takes the texts that the library has passed to its error callback. */
  errors(): Promise<string[]>;
  /** How often the library has reconnected. */
  reconnects(): Promise<number>;
  /** Drains every subscription, then closes. */
  drain(): Promise<void>;
  close(): Promise<void>;

  createStream(name: string, subjects: string[]): Promise<void>;
  /** Publishes into a stream and returns the sequence in its acknowledgement. */
  publishToStream(subject: string, data: string): Promise<number>;
  /** Fetches `count` messages with a durable pull consumer and acknowledges each, waiting for the answer to the acknowledgement. */
  pull(stream: string, count: number): Promise<StreamMessages>;
  /** The same with a durable push consumer that delivers to `deliver`. */
  push(stream: string, deliver: string, count: number): Promise<StreamMessages>;

  createBucket(name: string): Promise<void>;
  putKey(bucket: string, key: string, value: string): Promise<number>;
  /** The value of a key, or null if there is none. */
  getKey(bucket: string, key: string): Promise<string | null>;
  deleteKey(bucket: string, key: string): Promise<void>;
  watchKeys(bucket: string): Promise<KeyWatch>;
}

/** A real client library. */
export interface Client {
  /** Connects, or rejects with the library's own error. */
  connect(address: Address): Promise<Connection>;
  /** Ends the program that runs the library, if that is a separate one. */
  stop(): Promise<void>;
}

/** How long any single call may take, in milliseconds, so that a hung client fails its test by name. */
export const CALL_TIMEOUT = 30_000;

/** How long a library waits before it reconnects, in milliseconds. */
export const RECONNECT_WAIT = 100;
