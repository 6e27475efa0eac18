import { spawn, type ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { buildGo } from "../tools/go.ts";

/** Where and as whom the load generator connects (Target in load/target.go). */
export interface Target {
  address: string;
  tls?: { certificateFile: string; keyFile: string; authorityFile: string; serverName: string; alpn: string[] };
  user?: string;
  password?: string;
}

/** One piece of work (Command in load/main.go). */
export interface Command {
  work: string;
  target: Target;
  origin?: Target;
  subjects: readonly string[];
  atRandom?: boolean;
  size: number;
  leastSize?: number;
  messages: number;
  subscribers?: number;
  subscribe?: string;
  queue?: string;
  expect: number;
  refused: number;
  /** Seconds after which a part of the work counts as hung. */
  patience: number;
  /** Processes whose CPU time is to be measured. */
  watch: readonly number[];
}

/** What a piece of work took, in nanoseconds. */
export interface Taken {
  elapsed: number;
  /** By process, in the order of `watch`. */
  cpu: number[];
  /** The load generator's own. */
  own: number;
  /** Latencies of requests, sorted. */
  latencies?: number[];
  error?: string;
}

/** The load generator: one process for the whole run, one piece of work at a time. */
export class Load {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines;
    this.#answers = lines[Symbol.asyncIterator]();
  }

  static async start(): Promise<Load> {
    const child = spawn(await buildGo("bench/load"), { stdio: ["pipe", "pipe", "inherit"] });
    // Whoever writes to one that has ended hears of it by the end of its answers.
    child.stdin.on("error", () => undefined);
    return new Load(child, createInterface({ input: child.stdout }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Does a piece of work. Rejects if a message arrived that must not, or one did not that must. */
  async run(command: Command): Promise<Taken> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error("The load generator has ended.");
    const taken = JSON.parse(answer.value) as Taken;
    if (taken.error) throw new Error(taken.error);
    return taken;
  }

  /** Its process ends when its input ends, or at once where it is held up. */
  stop(): void {
    this.#child.stdin?.end();
    this.#child.kill();
    this.#lines.close();
  }
}
