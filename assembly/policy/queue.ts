import { equalBytes } from "../bytes/compare";
import { DOT, GREATER, STAR } from "../nats/subject";

/**
 * Does a queue name match the queue of an entry (nats-server client.go `queueMatches`)? Equal bytes always do. Else
 * the entry's queue must have a wildcard token and contain the name token by token (sublist.go
 * `isSubsetMatchTokenized`), where a token of the entry that merely begins with '*' takes any token, and '>' takes
 * whatever follows, empty tokens too.
 */
export function queueMatches(name: usize, nameLength: i32, entry: usize, entryLength: i32): bool {
  if (nameLength == entryLength && equalBytes(name, entry, nameLength)) return true;
  if (!hasWildcardToken(entry, entryLength)) return false;
  const nameEnd = name + <usize>nameLength;
  const entryEnd = entry + <usize>entryLength;
  while (true) {
    const entryStop = endOfToken(entry, entryEnd);
    const wanted = <i32>(entryStop - entry);
    if (wanted == 1 && load<u8>(entry) == GREATER) return true;
    const nameStop = endOfToken(name, nameEnd);
    const given = <i32>(nameStop - name);
    if (given == 0 || (given == 1 && load<u8>(name) == GREATER)) return false;
    if (given == 1 && load<u8>(name) == STAR) {
      if (wanted != 1 || load<u8>(entry) != STAR) return false;
    } else if (load<u8>(entry) != STAR && (given != wanted || !equalBytes(name, entry, given))) return false;
    const entryDone = entryStop == entryEnd;
    const nameDone = nameStop == nameEnd;
    if (entryDone || nameDone) return entryDone && nameDone;
    entry = entryStop + 1;
    name = nameStop + 1;
  }
}

/** The configuration's reader lets no empty token into an entry. */
function hasWildcardToken(pointer: usize, length: i32): bool {
  const end = pointer + <usize>length;
  while (pointer < end) {
    const stop = endOfToken(pointer, end);
    const first = load<u8>(pointer);
    if (stop - pointer == 1 && (first == STAR || first == GREATER)) return true;
    pointer = stop + 1;
  }
  return false;
}

function endOfToken(pointer: usize, end: usize): usize {
  while (pointer < end && load<u8>(pointer) != DOT) pointer++;
  return pointer;
}
