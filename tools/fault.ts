/** A fault whose message is all that somebody needs: what is wrong, and what to do. It is printed without a stack. */
export class Fault extends Error {
  override name = "Fault";
}
