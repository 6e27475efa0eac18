import { ByteRun } from "../bytes/byte-run";

/**
 * The entries of an allow or deny list in one block: for each the length of its subject and that of its queue, two bytes
 * each, then both texts. An object for each entry and for each text took a third of a large policy's memory.
 */
export type EntryList = StaticArray<u8>;

const AT_QUEUE_LENGTH: usize = 2;
const AT_SUBJECT: usize = 4;

/** Absent lists share this one, which nobody changes. */
export const NO_ENTRIES: EntryList = [];

/** Where the first entry lies; there is none if that is `endOf(list)`. */
export function firstEntry(list: EntryList): usize {
  return changetype<usize>(list);
}

/** Behind the last entry, where none lies. */
export function endOf(list: EntryList): usize {
  return changetype<usize>(list) + <usize>list.length;
}

/** The entry behind this one, or the end. */
export function entryBehind(entry: usize): usize {
  return entryQueue(entry) + <usize>entryQueueLength(entry);
}

/** Where an entry's subject lies. Its tokens are never empty, and `>` is the last one if any. */
export function entrySubject(entry: usize): usize {
  return entry + AT_SUBJECT;
}

/** Bytes of it, never 0. */
export function entrySubjectLength(entry: usize): i32 {
  return load<u16>(entry);
}

/** Where an entry's queue lies, for which the same holds. */
export function entryQueue(entry: usize): usize {
  return entry + AT_SUBJECT + <usize>entrySubjectLength(entry);
}

/** Bytes of it; 0 for an entry without a queue, as all of publish are. */
export function entryQueueLength(entry: usize): i32 {
  return load<u16>(entry, AT_QUEUE_LENGTH);
}

const written: ByteRun = new ByteRun();
/** Bytes: of a longer list the room in which it was written is given back. */
const MAX_KEPT: i32 = 64 * 1024;
const lengths: usize = memory.data(<i32>AT_SUBJECT);

/** Begins a list. What was written of another one and not fetched is forgotten. */
export function beginList(): void {
  written.length = 0;
}

/** Adds an entry. Neither text has more than u16.MAX_VALUE bytes; a queue of length 0 is none. */
export function writeEntry(subject: usize, subjectLength: i32, queue: usize, queueLength: i32): void {
  store<u16>(lengths, <u16>subjectLength);
  store<u16>(lengths, <u16>queueLength, AT_QUEUE_LENGTH);
  written.append(lengths, <i32>AT_SUBJECT);
  written.append(subject, subjectLength);
  written.append(queue, queueLength);
}

/** Adds an entry without a queue whose subject of so many bytes is still to be written. Answers where that goes. Others may move. */
export function extendList(subjectLength: i32): usize {
  const entry = written.extend(<i32>AT_SUBJECT + subjectLength);
  store<u32>(entry, subjectLength);
  return entrySubject(entry);
}

/** Bytes of the entries written since `beginList`. */
export function writtenLength(): i32 {
  return written.length;
}

/** The entry that begins so many bytes behind the first one written. It moves when another one is added. */
export function writtenEntry(offset: i32): usize {
  return written.pointer + <usize>offset;
}

/** The entries written since `beginList`, which comes first for the next list. */
export function writtenList(): EntryList {
  if (written.length == 0) return NO_ENTRIES;
  const list = written.copied();
  written.length = 0;
  if (list.length > MAX_KEPT) written.trim();
  return list;
}
