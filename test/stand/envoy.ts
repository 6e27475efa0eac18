import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaries } from "../../tools/binaries.ts";
import { ask } from "./ask.ts";
import { Child } from "./child.ts";
import { parseSamples, sum, type Sample } from "./prometheus.ts";
import { readyOrStopped } from "./started.ts";
import { waitFor, type WaitOptions } from "./wait.ts";

export interface EnvoyOptions {
  /** Worker threads; 1 by default. */
  concurrency?: number;
  /** Envoy's log level; `info` by default. */
  logLevel?: "trace" | "debug" | "info" | "warning" | "error";
}

interface ListenerStatuses {
  listener_statuses?: { name: string; local_address: { socket_address: { port_value: number } } }[];
}

interface RawStats {
  stats: { name?: string; value?: number }[];
}

/** A real Envoy. Its listeners bind port 0, and `port` returns the actual ports. */
export class Envoy {
  readonly #name: string;
  readonly #folder: string;
  readonly #child: Child;
  #admin = "";
  #ports = new Map<string, number>();

  private constructor(folder: string, name: string, child: Child) {
    this.#folder = folder;
    this.#name = name;
    this.#child = child;
  }

  /**
   * Starts an Envoy with that bootstrap, whose files go into `folder` under `name`, and waits until all its listeners accept
   * connections. If it fails, it rejects with the end of Envoy's log.
   */
  static async start(folder: string, name: string, bootstrap: object, options: EnvoyOptions = {}): Promise<Envoy> {
    const { envoy } = await binaries();
    const config = join(folder, `${name}.json`);
    writeFileSync(
      config,
      JSON.stringify({ admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } }, ...bootstrap }),
    );
    const args = [
      ["--config-path", config],
      ["--concurrency", String(options.concurrency ?? 1)],
      ["--admin-address-path", join(folder, `${name}.admin`)],
      ["--log-level", options.logLevel ?? "info"],
      // Several stands run at the same time, so there must be no shared memory and no base id to collide on.
      ["--disable-hot-restart"],
      // Flush access logs at once. Otherwise Envoy would hold back the last ten seconds.
      ["--file-flush-interval-msec", "100"],
      // A stop must not wait for connections.
      ["--drain-time-s", "1"],
    ].flat();
    const instance = new Envoy(folder, name, new Child(name, join(folder, `${name}.log`), envoy, args));
    return readyOrStopped(instance, instance.#ready());
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  /** The admin interface's `127.0.0.1:port`. */
  get adminAddress(): string {
    return this.#admin;
  }

  /** The port of the listener of that name, on 127.0.0.1. */
  port(listener: string): number {
    const port = this.#ports.get(listener);
    if (port === undefined) {
      throw new Error(`${this.#name} has no listener ${listener}; it has ${[...this.#ports.keys()].join(", ")}`);
    }
    return port;
  }

  /** The file that it logs to. */
  get logFile(): string {
    return this.#child.logFile;
  }

  /** Everything that Envoy has logged. */
  log(): string {
    return this.#child.log();
  }

  /** The end of the log, for error messages. */
  explain(): string {
    return this.#child.explain();
  }

  /** The answer of an admin endpoint, for example `admin("/config_dump")`. */
  async admin(path: string, method: "GET" | "POST" = "GET"): Promise<string> {
    const response = await ask(this.#name, `http://${this.#admin}${path}`, { method });
    if (!response.ok) throw new Error(`${this.#name} answers ${response.status} to ${path}: ${await response.text()}`);
    return response.text();
  }

  /** Its version: `1.40.0`. */
  async version(): Promise<string> {
    const { version } = JSON.parse(await this.admin("/server_info")) as { version: string };
    return version.split("/")[1] ?? version;
  }

  /** Every sample of `/stats/prometheus`. */
  async samples(): Promise<Sample[]> {
    return parseSamples(await this.admin("/stats/prometheus"));
  }

  /** The sum of a stat over the samples that have at least these labels, or 0 if there are none. */
  async stat(name: string, labels: Record<string, string> = {}): Promise<number> {
    return sum(await this.samples(), name, labels);
  }

  /**
   * A counter or gauge by exactly the name that Envoy keeps it under, which Prometheus' form does not always show. 0 if there is
   * none.
   */
  async rawStat(name: string): Promise<number> {
    const pattern = encodeURIComponent(`^${name.replace(/[^\w]/g, "\\$&")}$`);
    const { stats } = JSON.parse(await this.admin(`/stats?format=json&filter=${pattern}`)) as RawStats;
    return stats.find((stat) => stat.name === name)?.value ?? 0;
  }

  /**
   * The bytes that its own allocator has given out, which are without the memories of Wasm and V8's heap, and those that it keeps in
   * caches and as free pages.
   */
  async heap(): Promise<{ allocated: number; spare: number }> {
    // Not the stats of these names, which Envoy updates only every five seconds.
    const memory = JSON.parse(await this.admin("/memory")) as Record<string, string>;
    const bytes = (name: string): number => Number(memory[name]);
    return { allocated: bytes("allocated"), spare: bytes("pageheap_free") + bytes("total_thread_cache") };
  }

  /** The bytes that its own allocator has given out. */
  async allocated(): Promise<number> {
    return (await this.heap()).allocated;
  }

  /** How many files it has open, sockets among them (Linux). */
  files(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Waits until a stat, summed as `stat` does, satisfies `predicate`. Returns its value. */
  waitForStat(
    name: string,
    labels: Record<string, string>,
    predicate: (value: number) => boolean,
    options: WaitOptions = {},
  ): Promise<number> {
    let last = 0;
    const probe = async (): Promise<number | undefined> => {
      last = await this.stat(name, labels);
      return predicate(last) ? last : undefined;
    };
    const explain = (): string => `${name}${JSON.stringify(labels)} is ${last}\n${this.explain()}`;
    return waitFor(`${name} of ${this.#name}`, probe, { explain, ...options });
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #ready(): Promise<void> {
    const explain = (): string => this.explain();
    const addressFile = join(this.#folder, `${this.#name}.admin`);
    this.#admin = await waitFor(
      `the admin interface of ${this.#name}`,
      () => {
        this.#child.assertRunning();
        // Envoy creates the file before it writes into it.
        return existsSync(addressFile) && (readFileSync(addressFile, "utf8").trim() || undefined);
      },
      { explain },
    );
    await waitFor(
      `${this.#name} is live`,
      async () => {
        this.#child.assertRunning();
        return (await ask(this.#name, `http://${this.#admin}/ready`)).ok;
      },
      { explain },
    );
    const listeners = JSON.parse(await this.admin("/listeners?format=json")) as ListenerStatuses;
    for (const { name, local_address } of listeners.listener_statuses ?? []) {
      this.#ports.set(name, local_address.socket_address.port_value);
    }
  }
}
