/**
 * What nats-server's subject functions answer, in the plainest words: the tests' own reading of them, independent of
 * the filter's. Subjects are texts; a token is what stands between dots.
 */

function isWildcard(token: string): boolean {
  return token === "*" || token === ">";
}

export function hasWildcard(subject: string): boolean {
  return subject.split(".").some(isWildcard);
}

/** A subject that a subscription may have: no empty token, `>` only last (sublist.go `Insert`). */
export function isInsertable(subject: string): boolean {
  const tokens = subject.split(".");
  return tokens.every((token, index) => token !== "" && (token !== ">" || index === tokens.length - 1));
}

/** A subject without empty or wildcard tokens, which is all that pedantic mode takes (sublist.go `IsValidLiteralSubject`). */
export function isLiteral(subject: string): boolean {
  return subject.split(".").every((token) => token !== "" && !isWildcard(token));
}

/** Does the stored pattern match `subject`, whose own wildcards are tokens like any other (sublist.go `Match`)? */
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

/** Does every literal subject that `pattern` matches also match `entry`? Asked only where `matches(entry, pattern)`. */
export function contains(entry: string, pattern: string): boolean {
  const given = pattern.split(".");
  for (const [index, token] of entry.split(".").entries()) {
    if (token === ">") return true;
    if (given[index] === ">") return false;
  }
  return true;
}

/** May one literal subject match both patterns? Never wrongly no (sublist.go `SubjectsCollide`). */
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

/** Is `subject` within `pattern`, token by token (sublist.go `isSubsetMatchTokenized`)? `*q` takes any token there. */
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

/** Does the queue of an entry match this queue (client.go `queueMatches`)? */
export function queueMatches(entryQueue: string, queue: string): boolean {
  return entryQueue === queue || (hasWildcard(entryQueue) && isSubset(queue, entryQueue));
}
