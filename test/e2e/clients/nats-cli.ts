import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { binaries } from "../../../tools/binaries.ts";
import { makeScratch, removeScratch } from "../../stand/scratch.ts";
import { CALL_TIMEOUT, type Address } from "./client.ts";

/** The result of a command, without what differs from run to run. */
export interface Ended {
  status: number | null;
  /** stdout, unchanged. */
  stdout: string;
  /** stderr, unchanged. nats prints its side remarks there. */
  stderr: string;
  /** The last line of stderr, where nats says why it failed. "" if it did not fail. */
  failure: string;
}

/** A `nats` command that is running. */
export interface Running {
  /** Waits until it ends. */
  ended(): Promise<Ended>;
  /** Ends it, and returns its output so far. */
  stop(): Promise<Ended>;
}

/** The `nats` command, with a configuration folder of its own and no context. */
export class NatsCli {
  readonly #command: string;
  readonly #folder: string;
  readonly #running = new Map<ChildProcess, Promise<unknown>>();

  private constructor(command: string, folder: string) {
    this.#command = command;
    this.#folder = folder;
  }

  static async find(): Promise<NatsCli> {
    return new NatsCli((await binaries()).nats, makeScratch());
  }

  /** Starts `nats args…` for a client at `address`. */
  start({ url, user }: Address, ...args: string[]): Running {
    const credentials = user === undefined ? [] : ["--user", user, "--password", user];
    const flags = ["--no-context", "--server", url, "--timeout", `${CALL_TIMEOUT}ms`, ...credentials];
    const child = spawn(this.#command, [...flags, ...args], {
      env: { ...process.env, XDG_CONFIG_HOME: this.#folder, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(child, "close", { signal: AbortSignal.timeout(2 * CALL_TIMEOUT) })
      .finally(() => {
        child.kill("SIGKILL");
        this.#running.delete(child);
      })
      .then(() => ({ status: child.exitCode, stdout, stderr, failure: failureIn(stderr) }));
    // Whoever waits for the end gets the error. A command that nobody waits for is ended by `stop`.
    this.#running.set(
      child,
      ended.catch(() => undefined),
    );
    return {
      ended: () => ended,
      stop: () => {
        child.kill("SIGKILL");
        return ended;
      },
    };
  }

  run(address: Address, ...args: string[]): Promise<Ended> {
    return this.start(address, ...args).ended();
  }

  /** Ends every command that still runs, and those that are started because one has ended. */
  async endAll(): Promise<void> {
    while (this.#running.size > 0) {
      for (const child of this.#running.keys()) child.kill("SIGKILL");
      await Promise.all(this.#running.values());
      await setImmediate();
    }
  }

  async stop(): Promise<void> {
    await this.endAll();
    removeScratch(this.#folder);
  }
}

function failureIn(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.startsWith("nats: error: "));
  return lines.at(-1) ?? "";
}
