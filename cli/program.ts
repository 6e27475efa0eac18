import { Command, CommanderError } from "commander";
import { addCheck } from "./commands/check.ts";
import type { AddCommand, Context } from "./commands/command.ts";
import { addDoctor } from "./commands/doctor.ts";
import { ExitStatus } from "./exit-status.ts";
import { printable } from "./output/text.ts";
import { UsageFault } from "./usage-fault.ts";

/** Every subcommand, in the order of the help. */
const COMMANDS: readonly AddCommand[] = [addDoctor, addCheck];

const EXIT_STATUSES = `
Exit status:
  0  nothing of severity error was found (with --strict: no warning either)
  1  something was found
  2  wrong usage, a file that cannot be read, or files with nothing to judge`;

export interface Terminal extends Omit<Context, "end"> {
  writeError(text: string): void;
  version: string;
}

/** Makes the command with all its subcommands; `end` is told the exit status of the one that runs. */
export function makeProgram(terminal: Terminal, end: Context["end"]): Command {
  const program = new Command("istio-nats")
    .description(
      "Checks manifests and policies before they are applied: who may use which NATS subject, by mesh identity.",
    )
    .version(terminal.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      // These lines quote arguments, which may be file names that somebody else chose.
      writeErr: (text) => terminal.writeError(text.split("\n").map(printable).join("\n")),
    });
  for (const add of COMMANDS) add(program, { ...terminal, end });
  for (const command of program.commands) command.copyInheritedSettings(program).addHelpText("after", EXIT_STATUSES);
  return program;
}

/** Runs the command with its arguments and returns the exit status. Throws only what is a bug of ours. */
export function run(argv: readonly string[], terminal: Terminal): ExitStatus {
  let status: ExitStatus = ExitStatus.FINE;
  const program = makeProgram(terminal, (ended) => (status = ended));
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.FINE : ExitStatus.USAGE;
    if (!(error instanceof UsageFault)) throw error;
    terminal.writeError(`istio-nats: ${printable(error.message)}\n`);
    return ExitStatus.USAGE;
  }
  return status;
}
