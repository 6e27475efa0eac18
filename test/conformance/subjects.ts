/**
 * nats-server's subject functions in the plainest form: the tests' own reading of them, independent of the filter's. Subjects are
 * texts, and a token is what lies between dots.
 */

function isWildcard(token: string): boolean {
  return token === "*" || token === ">";
}

export function hasWildcard(subject: string): boolean {
  return subject.split(".").some(isWildcard);
}

/** Whether a subscription may have this subject: no empty token, and `>` only last (sublist.go `Insert`). */
export function isInsertable(subject: string): boolean {
  const tokens = subject.split(".");
  return tokens.every((token, index) => token !== "" && (token !== ">" || index === tokens.length - 1));
}

/** Whether the subject has no empty and no wildcard token, as pedantic mode requires (sublist.go `IsValidLiteralSubject`). */
export function isLiteral(subject: string): boolean {
  return subject.split(".").every((token) => token !== "" && !isWildcard(token));
}

/** Whether the stored pattern matches `subject`, whose own wildcards are ordinary tokens (sublist.go `Match`). */
export function matches(pattern: string, subject: string): boolean {
  const given = subject.split(".");
  if (given.includes("")) return false;
  const wanted = pattern.split(".");
  for (const [index, token] of wanted.entries()) {
    if (index >= given.length) return false;
    if (token === ">") return true;
    if (token !== "*" && token !== given[index]) return false;
  }
  return wanted.length === given.length;
}

/** Whether every literal subject that `pattern` matches also matches `entry`. Call it only if `matches(entry, pattern)`. */
export function contains(entry: string, pattern: string): boolean {
  const given = pattern.split(".");
  for (const [index, token] of entry.split(".").entries()) {
    if (token === ">") return true;
    if (given[index] === ">") return false;
  }
  return true;
}

/** Whether one literal subject may match both patterns. A false answer is always right (sublist.go `SubjectsCollide`). */
export function collide(first: string, second: string): boolean {
  if (first === second) return true;
  if (!hasWildcard(first)) return hasWildcard(second) && isSubset(first, second);
  if (!hasWildcard(second)) return isSubset(second, first);
  const [a, b] = [first.split("."), second.split(".")];
  const [shorter, longer] = a.length < b.length ? [a, b] : [b, a];
  const open = (tokens: string[]): boolean => tokens.includes(">");
  if (shorter.length !== longer.length && !open(shorter)) return false;
  return shorter.every((token, index) => {
    const other = longer[index] ?? "";
    if (token === "" || other === "") return false;
    return /^[*>]/.test(token) || /^[*>]/.test(other) || token === other;
  });
}

/** Whether `subject` is within `pattern`, token by token (sublist.go `isSubsetMatchTokenized`). There, `*q` accepts any token. */
function isSubset(subject: string, pattern: string): boolean {
  const given = subject.split(".");
  const wanted = pattern.split(".");
  for (const [index, token] of wanted.entries()) {
    if (index >= given.length || token === "") return false;
    if (token === ">") return true;
    const other = given[index] ?? "";
    if (other === "" || other === ">") return false;
    if (other === "*") {
      if (token !== "*") return false;
    } else if (!token.startsWith("*") && token !== other) return false;
  }
  return given.length === wanted.length;
}

/** Whether the queue of an entry matches this queue (client.go `queueMatches`). */
export function queueMatches(entryQueue: string, queue: string): boolean {
  return entryQueue === queue || (hasWildcard(entryQueue) && isSubset(queue, entryQueue));
}
