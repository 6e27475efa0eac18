import { sameBytes } from "../bytes/compare";
import { isSubsetMatch } from "../nats/overlap";

/**
 * Does a queue name match the queue of an entry (nats-server client.go `queueMatches`)? Equal bytes always do. Else
 * the entry's queue must have a wildcard token (`isPattern`, nats/overlap.ts `hasWildcardToken`) and contain the name.
 */
// @ts-ignore: decorator
@inline
export function queueMatches(name: usize, nameLength: i32, entry: usize, entryLength: i32, isPattern: bool): bool {
  if (nameLength == entryLength && sameBytes(name, entry, nameLength)) return true;
  return isPattern && isSubsetMatch(name, nameLength, entry, entryLength);
}
