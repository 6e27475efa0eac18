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

/** Makes the command with all its subcommands; `end` hears the exit status of the one that runs. */
export function makeProgram(terminal: Terminal, end: Context["end"]): Command {
  const program = new Command("istio-nats")
    .description(
      "Who may use which NATS subject, by mesh identity: manifests and policies judged before they are applied.",
    )
    .version(terminal.version)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      // Its lines quote arguments, which may be names that others gave to files.
      writeErr: (text) => terminal.writeError(text.split("\n").map(printable).join("\n")),
    });
  for (const add of COMMANDS) add(program, { ...terminal, end });
  for (const command of program.commands) command.copyInheritedSettings(program).addHelpText("after", EXIT_STATUSES);
  return program;
}

/** Runs the command with its arguments; answers the exit status. What is a fault of ours alone is thrown. */
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
