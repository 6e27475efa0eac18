/** An error whose message is all that a user needs: what is wrong, and what to do. It is printed without a stack trace. */
export class Fault extends Error {
  override name = "Fault";
}
