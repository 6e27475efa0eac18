import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ENDING_SIGNALS, exitStatusOf } from "../../tools/exit-status.mjs";
import { onPath } from "../../tools/search-path.ts";

const LOG_TAIL = 4_000;
const STOP_PATIENCE = 3_000;

const running = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

// Ends this process as the signal would have, but through its `exit` handlers, which stop everything that still runs.
for (const signal of ENDING_SIGNALS) {
  process.on(signal, () => {
    // Another handler may want to close things first and exit then.
    if (process.listenerCount(signal) === 1) process.exit(exitStatusOf(signal));
  });
}

/**
 * util-linux's setpriv lets the kernel end a child whose parent was killed. Without it, only a SIGKILL of this process leaves
 * children.
 */
const setpriv = process.platform === "linux" ? onPath("setpriv") : undefined;

/** The bytes of a file from there on, or so many at its end where `from` is negative. */
export function bytesFrom(file: string, from: number): Buffer {
  const opened = openSync(file, "r");
  try {
    const { size } = fstatSync(opened);
    const begin = from < 0 ? Math.max(0, size + from) : Math.min(from, size);
    const bytes = Buffer.alloc(size - begin);
    return bytes.subarray(0, readSync(opened, bytes, 0, bytes.length, begin));
  } finally {
    closeSync(opened);
  }
}

/** A program that a stand runs. Its output goes to a log file. */
export class Child {
  readonly #name: string;
  /** The file to which its output goes. */
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  /** Starts `command`. stdout and stderr are appended to the file `log`. */
  constructor(name: string, log: string, command: string, args: readonly string[]) {
    this.#name = name;
    this.logFile = log;
    const [program, programArgs] = setpriv
      ? [setpriv, ["--pdeathsig", "TERM", command, ...args]]
      : [command, [...args]];
    const output = openSync(log, "a");
    this.#child = spawn(program, programArgs, { stdio: ["ignore", output, output] });
    closeSync(output);
    running.add(this.#child);
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        running.delete(this.#child);
        resolve();
      };
      this.#child.once("exit", end);
      this.#child.once("error", end);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return running.has(this.#child);
  }

  /** Everything that the program has written. */
  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** Why it is not running, and the end of its log, for whoever sees a start fail. */
  explain(): string {
    const { exitCode, signalCode } = this.#child;
    const state = this.isRunning ? "is running" : `ended (${signalCode ?? exitCode ?? "could not start"})`;
    return `${this.#name} ${state}; the end of its log:\n${bytesFrom(this.logFile, -LOG_TAIL).toString()}`;
  }

  /** Throws if the program has ended. */
  assertRunning(): void {
    if (!this.isRunning) throw new Error(this.explain());
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the program, by force if it does not comply. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    const impatience = new AbortController();
    await Promise.race([this.#ended, sleep(STOP_PATIENCE, undefined, { signal: impatience.signal, ref: false })]);
    impatience.abort();
    if (this.isRunning) this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
