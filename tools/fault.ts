/** An error whose message is all that a user needs: what is wrong, and what to do. It is printed without a stack trace. */
export class Fault extends Error {
  override name = "Fault";
}

/** Why the system lets nothing be written. */
const UNWRITABLE = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM"]);

/** What to print of an error: of a fault, and of what cannot be written, only the message; of a bug of ours the stack trace too. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Fault) return error.message;
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  // Node says ENOENT of a folder that it cannot make in one that cannot be written.
  if (UNWRITABLE.has(code) || syscall === "mkdir")
    return `${error.message}. Is the disk full, or may this folder not be written?`;
  // nats.js empties that of a request whose connection has ended.
  const { stack = "" } = error;
  return stack === "" ? error.message : stack;
}
