/** The command cannot begin: a wrong argument, a file that is not there. Its message is all that is printed; exit status 2. */
export class UsageFault extends Error {
  override name = "UsageFault";
}
