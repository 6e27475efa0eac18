import { spawn, type SpawnOptions } from "node:child_process";
import { Fault } from "./fault.ts";

export interface Outcome {
  /** Exit status; 1 where a signal ended it or it could not start. */
  status: number;
  /** stdout and stderr as they came; empty where they were inherited. */
  output: string;
  /** stdout alone. */
  stdout: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Laid over this process's environment. */
  env?: Record<string, string>;
  /** Hands each chunk on as it comes; without it the output is only collected. */
  onOutput?: (chunk: Buffer) => void;
  /** Gives the command this process's terminal; its output is then not collected. */
  inherit?: boolean;
}

/** Runs a command to its end. Never rejects: a command that cannot start answers status 1 and says why. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const spawning: SpawnOptions = {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: options.inherit ? "inherit" : ["ignore", "pipe", "pipe"],
  };
  return new Promise((resolve) => {
    const child = spawn(command, args, spawning);
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
      resolve({ status: 1, output: `${command} could not start: ${error.message}`, stdout: "" });
    });
    child.on("close", (code) => {
      resolve({ status: code ?? 1, output: Buffer.concat(all).toString(), stdout: Buffer.concat(answers).toString() });
    });
  });
}

/**
 * Runs a command that must succeed, and returns its stdout; otherwise a fault that says what to do, then all that it said. stderr is
 * no answer: there `go` tells what it downloads.
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
