import { isOfJetStream } from "../nats/jetstream-subjects";
import { entryBehind, entrySubject, entrySubjectLength, extendList, writtenEntry, writtenLength } from "./entry-list";

/** `$JS.API.`, the second part of `$JS.*.`, `$KV.`, `$OBJ` and the two parts of `$JS.*.API.` with the first byte lowest. */
const JETSTREAM_API: u64 = 0x2e4950412e534a24;
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
 * Adds to the list in making (`beginList`), which is of what may not be published, what names it with a domain of JetStream.
 * nats-server takes that out before it asks its permissions (jetstream_api.go `generateJSMappingTable`): `$JS.hub.API.STREAM.PURGE.S`
 * is `$JS.API.STREAM.PURGE.S` to it, and `$JS.hub.API.$KV.b.k` is `$KV.b.k`. In `$JS.*.STREAM.PURGE.S` the wildcard stands for `API`.
 */
export function addDomains(): void {
  const end = writtenLength();
  let at = 0;
  while (at < end) {
    const entry = writtenEntry(at);
    const length = entrySubjectLength(entry);
    const next = at + <i32>(entryBehind(entry) - entry);
    const added = growth(entrySubject(entry), length);
    if (added > 0) {
      // From here on the entry may lie elsewhere.
      const withDomain = extendList(added + length);
      // `$JS.API.` and `$JS.*.` are part of the subject already, and what is copied of them is overwritten.
      memory.copy(withDomain + <usize>added, entrySubject(writtenEntry(at)), <usize>length);
      store<u64>(withDomain, ANY_DOMAIN);
      store<u16>(withDomain, ITS_API, 8);
    }
    at = next;
  }
}

/** By how many bytes a subject becomes longer that is named with a domain; 0 where it cannot be. */
function growth(subject: usize, length: i32): i32 {
  if (length > 8 && load<u64>(subject) == JETSTREAM_API) return DOMAIN_GROWTH;
  if (length > 6 && isOfJetStream(subject, length) && load<u16>(subject, 4) == ANY_TOKEN) return API_GROWTH;
  if (length > 4 && (load<u32>(subject) == KEY_VALUE || load<u32>(subject) == OBJECT)) return DOMAIN_LENGTH;
  return 0;
}
