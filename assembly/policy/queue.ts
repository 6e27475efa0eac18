import { isWithin } from "../nats/overlap";

/**
 * Does a queue name match the queue of an entry (nats-server client.go `queueMatches`)? Equal bytes always do. Else
 * the entry's queue must have a wildcard token and contain the name.
 */
// @ts-ignore: decorator
@inline
export function queueMatches(name: usize, nameLength: i32, entry: usize, entryLength: i32): bool {
  return isWithin(name, nameLength, entry, entryLength);
}
