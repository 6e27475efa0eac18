import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaries } from "../../tools/binaries.ts";
import { ask } from "./ask.ts";
import { Child } from "./child.ts";
import { readyOrStopped } from "./started.ts";
import { waitFor } from "./wait.ts";

export interface NatsServerOptions {
  /** More of nats-server's own configuration. Its settings override the stand's. */
  config?: string;
  /** JetStream with a store of its own; true by default. */
  jetStream?: boolean;
  /** The domain of JetStream; none by default. */
  domain?: string;
  /** nats-server's debug and protocol trace in its log; false by default. */
  trace?: boolean;
}

/** nats-server's ports file. */
interface Ports {
  nats: string[];
  monitoring: string[];
}

function portOf(urls: readonly string[]): number {
  return Number(new URL(urls[0] ?? "").port);
}

/** A real nats-server on a port that the kernel chose. */
export class NatsServer {
  readonly #folder: string;
  readonly #command: string;
  readonly #config: string;
  readonly #options: NatsServerOptions;
  readonly #flags: string[];
  #child: Child;
  #ports: { client: number; monitoring: number } = { client: 0, monitoring: 0 };

  private constructor(folder: string, command: string, options: NatsServerOptions) {
    this.#folder = folder;
    this.#command = command;
    this.#config = join(folder, "nats-server.conf");
    this.#flags = options.trace ? ["-DV"] : [];
    this.#options = options;
    this.#writeConfig(options.config ?? "");
    this.#child = this.#spawn();
  }

  /** Starts a nats-server whose files go into `folder`, and waits until it accepts clients. */
  static async start(folder: string, options: NatsServerOptions = {}): Promise<NatsServer> {
    const { natsServer } = await binaries();
    const server = new NatsServer(folder, natsServer, options);
    return readyOrStopped(server, server.#ready());
  }

  /** The client port on 127.0.0.1, the same after a restart. */
  get port(): number {
    return this.#ports.client;
  }

  /** The monitoring port (`/varz`, `/connz`) on 127.0.0.1. */
  get monitoringPort(): number {
    return this.#ports.monitoring;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  /** Everything that it has logged. */
  log(): string {
    return this.#child.log();
  }

  /** The end of the log, for error messages. */
  explain(): string {
    return this.#child.explain();
  }

  /** The answer of a monitoring endpoint, for example `monitor("/connz?subs=1")`. */
  async monitor<T = unknown>(path: string): Promise<T> {
    const response = await ask("nats-server", `http://127.0.0.1:${this.monitoringPort}${path}`);
    return (await response.json()) as T;
  }

  /** Replaces the configuration that the caller gave at the start by `config`, and waits until it is in force. */
  async reload(config: string): Promise<void> {
    const reloads = (): number => this.log().split("Reloaded server configuration").length;
    const before = reloads();
    this.#writeConfig(config);
    this.#child.signal("SIGHUP");
    await waitFor("nats-server reloads", () => reloads() > before, { explain: () => this.explain() });
  }

  /** Enters lame duck mode, in which it asks clients to go and, after a grace period of 30 s, closes them. */
  lameDuck(): void {
    this.#child.signal("SIGUSR2");
  }

  /** Ends it as a crash or an orderly stop does, and starts it again on the same ports and with the same JetStream store. */
  async restart(signal: "SIGKILL" | "SIGTERM" = "SIGTERM"): Promise<void> {
    await this.stop(signal);
    this.#child = this.#spawn();
    await this.#ready();
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.#child.stop(signal);
    rmSync(this.#portsFile(), { force: true });
  }

  #writeConfig(config: string): void {
    const domain = this.#options.domain === undefined ? "" : `domain: ${this.#options.domain}, `;
    const jetStream = `jetstream { ${domain}store_dir: ${JSON.stringify(join(this.#folder, "jetstream"))}, max_mem: 64MB, max_file: 1GB }`;
    const lines = [
      'host: "127.0.0.1"',
      'server_name: "stand"',
      `ports_file_dir: ${JSON.stringify(this.#folder)}`,
      // A client that is alone is closed at the end of the grace period. What a test does before that must fit into it.
      "lame_duck_duration: 60s",
      "lame_duck_grace_period: 30s",
      // A client need not hurry with its CONNECT, on a machine that is busy.
      "authorization { timeout: 30 }",
      ...(this.#options.jetStream === false ? [] : [jetStream]),
      config,
    ];
    writeFileSync(this.#config, `${lines.join("\n")}\n`);
  }

  #spawn(): Child {
    const { client, monitoring } = this.#ports;
    const ports = ["--port", String(client || -1), "--http_port", String(monitoring || -1)];
    const args = ["--config", this.#config, ...ports, ...this.#flags];
    return new Child("nats-server", join(this.#folder, "nats-server.log"), this.#command, args);
  }

  /** nats-server names the file after its own command and process. */
  #portsFile(): string {
    return join(this.#folder, `${this.#command.split("/").at(-1) ?? ""}_${this.#child.pid}.ports`);
  }

  async #ready(): Promise<void> {
    const ports = await waitFor("nats-server listens", () => this.#readPorts(), {
      explain: () => this.explain(),
    });
    this.#ports = { client: portOf(ports.nats), monitoring: portOf(ports.monitoring) };
  }

  #readPorts(): Ports | undefined {
    this.#child.assertRunning();
    const file = this.#portsFile();
    if (!existsSync(file)) return undefined;
    const text = readFileSync(file, "utf8");
    // The file is not written atomically.
    return text.endsWith("}") ? (JSON.parse(text) as Ports) : undefined;
  }
}
