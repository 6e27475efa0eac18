import { run } from "./command.ts";
import { Fault } from "./fault.ts";

/** The command that `$variable` names, or undefined if it is not set. Throws if that does not run: `command` is what it should be. */
export async function namedCommand(variable: string, command: string): Promise<string | undefined> {
  const named = process.env[variable];
  if (!named) return undefined;
  const { status } = await run(named, ["--version"]);
  if (status !== 0)
    throw new Fault(`$${variable} is ${named}, which does not run. Unset it, or let it name ${command}.`);
  return named;
}
