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

/** `$JS.API.`, the two parts of `$JS.*.`, `$KV.`, `$OBJ` and the two parts of `$JS.*.API.` with the first byte lowest. */
const JETSTREAM_API: u64 = 0x2e4950412e534a24;
const JETSTREAM: u32 = 0x2e534a24;
const ANY_TOKEN: u16 = 0x2e2a;
const KEY_VALUE: u32 = 0x2e564b24;
const OBJECT: u32 = 0x4a424f24;
const ANY_DOMAIN: u64 = 0x50412e2a2e534a24;
const ITS_API: u16 = 0x2e49;
/** Bytes of `$JS.*.API.`, and by how many that is longer than `$JS.API.` and than `$JS.*.`. */
const DOMAIN_LENGTH: i32 = 10;
const DOMAIN_GROWTH: i32 = 2;
const API_GROWTH: i32 = 4;
/** Tokens of it, by which `addDomains` makes an entry longer at most. */
export const DOMAIN_TOKENS: i32 = 3;

/**
 * Adds to a list of what may not be published what names it with a domain of JetStream, which nats-server takes out before it asks
 * its permissions (jetstream_api.go `generateJSMappingTable`): `$JS.hub.API.STREAM.PURGE.S` is `$JS.API.STREAM.PURGE.S` to it, and
 * `$JS.hub.API.$KV.b.k` is `$KV.b.k`. In `$JS.*.STREAM.PURGE.S` the wildcard stands for `API`.
 */
export function addDomains(): void {
  const end = <usize>written.length;
  let at: usize = 0;
  while (at < end) {
    const subject = at + AT_SUBJECT;
    const length = entrySubjectLength(written.pointer + at);
    at = subject + <usize>length;
    const begin = written.pointer + subject;
    // `$JS.API.` and `$JS.*.` are part of the subject already, and what is copied of them is overwritten.
    let added = DOMAIN_LENGTH;
    if (length > 8 && load<u64>(begin) == JETSTREAM_API) added = DOMAIN_GROWTH;
    else if (length > 6 && load<u32>(begin) == JETSTREAM && load<u16>(begin, 4) == ANY_TOKEN) added = API_GROWTH;
    else if (length < 5 || (load<u32>(begin) != KEY_VALUE && load<u32>(begin) != OBJECT)) continue;
    // What was written moves when it is extended.
    const entry = written.extend(<i32>AT_SUBJECT + added + length);
    store<u32>(entry, added + length);
    const domains = entrySubject(entry);
    memory.copy(domains + <usize>added, written.pointer + subject, <usize>length);
    store<u64>(domains, ANY_DOMAIN);
    store<u16>(domains, ITS_API, 8);
  }
}

/** The entries written since `beginList`, which comes first for the next list. */
export function writtenList(): EntryList {
  if (written.length == 0) return NO_ENTRIES;
  const list = written.copied();
  written.length = 0;
  if (list.length > MAX_KEPT) written.trim();
  return list;
}
