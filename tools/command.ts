import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { ENDING_SIGNALS, exitStatusOf } from "./exit-status.mjs";
import { Fault } from "./fault.ts";

export interface Outcome {
  /** Exit status, or 1 if the command was ended by a signal or could not start. */
  status: number;
  /** stdout and stderr in the order in which they came. Empty if they were inherited. */
  output: string;
  /** stdout only. */
  stdout: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Variables that are added to this process's environment. */
  env?: Record<string, string>;
  /** Gets each chunk of output as it comes. Without it the output is only collected. */
  onOutput?: (chunk: Buffer) => void;
  /** Gives the command this process's terminal. Its output is then not collected. */
  inherit?: boolean;
}

const running = new Set<ChildProcess>();

/** Ends every command that still runs. Its `run` answers then. */
export function endCommands(signal: NodeJS.Signals = "SIGTERM"): void {
  for (const child of running) child.kill(signal);
}

/** A signal that ends this process may have reached none of its children. */
function endBy(signal: NodeJS.Signals): void {
  endCommands(signal);
  process.exit(exitStatusOf(signal));
}

/** Before all other listeners, which may exit at once. */
function listen(): void {
  for (const signal of ENDING_SIGNALS) process.prependListener(signal, endBy);
}

function ignore(): void {
  for (const signal of ENDING_SIGNALS) process.off(signal, endBy);
}

function begin(start: () => ChildProcess): ChildProcess {
  // First of all: a signal that comes when the child is there and nobody listens yet ends this process alone.
  if (running.size === 0) listen();
  try {
    const child = start();
    running.add(child);
    return child;
  } finally {
    if (running.size === 0) ignore();
  }
}

function end(child: ChildProcess): void {
  if (running.delete(child) && running.size === 0) ignore();
}

/** Runs a command to its end. Never rejects: if a command cannot start, the status is 1 and the output says why. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const spawning: SpawnOptions = {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: options.inherit ? "inherit" : ["ignore", "pipe", "pipe"],
  };
  return new Promise((resolve) => {
    const child = begin(() => spawn(command, args, spawning));
    const all: Buffer[] = [];
    const answers: Buffer[] = [];
    const collect = (chunk: Buffer): void => {
      all.push(chunk);
      options.onOutput?.(chunk);
    };
    child.stdout?.on("data", (chunk: Buffer) => {
      answers.push(chunk);
      collect(chunk);
    });
    child.stderr?.on("data", collect);
    child.on("error", (error) => {
      end(child);
      resolve({ status: 1, output: `${command} could not start: ${error.message}`, stdout: "" });
    });
    child.on("close", (code) => {
      end(child);
      resolve({ status: code ?? 1, output: Buffer.concat(all).toString(), stdout: Buffer.concat(answers).toString() });
    });
  });
}

/**
 * Runs a command that must succeed, and returns its stdout. If it fails, throws a fault that says what to do, followed by the
 * command's whole output. stderr is not part of the result, because `go` reports its downloads there.
 */
export async function must(
  remedy: string,
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { status, output, stdout } = await run(command, args, options);
  if (status !== 0) throw new Fault(`${remedy}\n\n$ ${command} ${args.join(" ")}\n${output}`);
  return stdout;
}
