import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
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

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

type Arguments = Record<string, unknown>;

/**
 * A program in another language that runs a client library and takes calls, with one JSON object per line in each direction:
 * `{"id": 1, "call": "publish", …}`, and `{"id": 1, "result": …}` or `{"id": 1, "error": "the library's own text"}`. Calls may
 * overlap. The program ends when its stdin ends.
 */
class Program {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #errors = "";

  constructor(command: string, args: readonly string[], env: Record<string, string>) {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#answer(JSON.parse(line) as Answer));
    child.once("error", (error) => this.#fail(error.message));
    child.once("close", () => this.#fail("the program has ended"));
  }

  async call<T>(call: string, args: Arguments): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#child.stdin?.write(`${JSON.stringify({ id, call, ...args })}\n`);
    return (await answer) as T;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "close");
    this.#child.stdin?.end();
    await ended;
  }

  #answer({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(error));
  }

  #fail(why: string): void {
    for (const { reject } of this.#pending.values()) reject(new Error(`${why}\n${this.#errors}`));
    this.#pending.clear();
  }
}

class RemoteConnection implements Connection {
  readonly #program: Program;
  readonly #id: number;

  constructor(program: Program, id: number) {
    this.#program = program;
    this.#id = id;
  }

  publish(subject: string, data: string, options: PublishOptions = {}): Promise<void> {
    return this.#call("publish", { subject, data, ...options });
  }

  async subscribe(subject: string, options: SubscribeOptions = {}): Promise<Subscription> {
    const subscription = await this.#call<number>("subscribe", { subject, ...options });
    return {
      take: (count) => this.#call("take", { subscription, count }),
      takeAll: () => this.#call("take_all", { subscription }),
      unsubscribe: () => this.#call("unsubscribe", { subscription }),
    };
  }

  request(subject: string, data: string, options: PublishOptions = {}): Promise<Message> {
    return this.#call("request", { subject, data, ...options });
  }

  flush(): Promise<void> {
    return this.#call("flush");
  }

  errors(): Promise<string[]> {
    return this.#call("errors");
  }

  reconnects(): Promise<number> {
    return this.#call("reconnects");
  }

  drain(): Promise<void> {
    return this.#call("drain");
  }

  close(): Promise<void> {
    return this.#call("close");
  }

  createStream(name: string, subjects: string[]): Promise<void> {
    return this.#call("create_stream", { stream: name, subjects });
  }

  publishToStream(subject: string, data: string): Promise<number> {
    return this.#call("publish_to_stream", { subject, data });
  }

  pull(stream: string, count: number): Promise<StreamMessages> {
    return this.#call("pull", { stream, count });
  }

  push(stream: string, deliver: string, count: number): Promise<StreamMessages> {
    return this.#call("push", { stream, deliver, count });
  }

  createBucket(name: string): Promise<void> {
    return this.#call("create_bucket", { bucket: name });
  }

  putKey(bucket: string, key: string, value: string): Promise<number> {
    return this.#call("put_key", { bucket, key, value });
  }

  getKey(bucket: string, key: string): Promise<string | null> {
    return this.#call("get_key", { bucket, key });
  }

  deleteKey(bucket: string, key: string): Promise<void> {
    return this.#call("delete_key", { bucket, key });
  }

  async watchKeys(bucket: string): Promise<KeyWatch> {
    const watch = await this.#call<number>("watch_keys", { bucket });
    return { take: (count): Promise<KeyChange[]> => this.#call("take_changes", { watch, count }) };
  }

  #call<T>(call: string, args: Arguments = {}): Promise<T> {
    return this.#program.call<T>(call, { connection: this.#id, ...args });
  }
}

/** A client library of another language. */
export class RemoteClient implements Client {
  readonly #program: Program;

  constructor(command: string, args: readonly string[] = [], env: Record<string, string> = {}) {
    this.#program = new Program(command, args, env);
  }

  async connect({ url, user = "", tls }: Address): Promise<Connection> {
    const id = await this.#program.call<number>("connect", {
      url,
      user,
      timeout: CALL_TIMEOUT,
      reconnect_wait: RECONNECT_WAIT,
      ...(tls ? { tls: { certificate: tls.certificateFile, key: tls.keyFile, authority: tls.authorityFile } } : {}),
    });
    return new RemoteConnection(this.#program, id);
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
