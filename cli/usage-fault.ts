/** The command cannot begin: a wrong argument, a missing file. Only its message is printed, and the exit status is 2. */
export class UsageFault extends Error {
  override name = "UsageFault";
}
