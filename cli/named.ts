/** How many of what is listed a message names. */
const NAMED = 3;

/** `a, b, c and 2 more`. */
export function named(all: readonly string[]): string {
  const more = all.length - NAMED;
  return all.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
