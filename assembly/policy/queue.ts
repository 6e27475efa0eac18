import { equalBytes } from "../bytes/compare";
import { hasWildcardToken, isSubsetMatch } from "../nats/overlap";

/**
 * Does a queue name match the queue of an entry (nats-server client.go `queueMatches`)? Equal bytes always do. Else
 * the entry's queue must have a wildcard token and contain the name.
 */
export function queueMatches(name: usize, nameLength: i32, entry: usize, entryLength: i32): bool {
  if (nameLength == entryLength && equalBytes(name, entry, nameLength)) return true;
  return hasWildcardToken(entry, entryLength) && isSubsetMatch(name, nameLength, entry, entryLength);
}
