import { utf8 } from "../../assembly/bytes/text";
import { Tokens } from "../../assembly/nats/subject";
import { SubjectMatcher } from "../../assembly/policy/matcher";
import { EntryFlag } from "../../assembly/policy/matcher-entries";
import { MatcherInMaking } from "../../assembly/policy/matcher-in-making";
import { lengthOf, pointerTo } from "./bytes-support";

const entryTokens: Tokens = new Tokens();
const askedTokens: Tokens = new Tokens();

/** Adds `subject` or `subject queue` for this rule. */
export function addEntry(matcher: MatcherInMaking, entry: string, rule: i32, flags: i32 = EntryFlag.NONE): void {
  const parts = entry.split(" ");
  assert(entryTokens.split(pointerTo(parts[0]), lengthOf(parts[0])), entry);
  const queue = utf8(parts.length > 1 ? parts[1] : "");
  matcher.add(entryTokens, rule, flags, changetype<usize>(queue), queue.length);
}

/** A matcher of these entries. Their rules are numbered in their order. */
export function matcherOf(entries: string[]): SubjectMatcher {
  const matcher = new MatcherInMaking();
  for (let i = 0; i < entries.length; i++) addEntry(matcher, entries[i], i);
  return matcher.seal();
}

/** The subject, split. The next call overwrites it. Its tokens may not be empty. */
export function tokensOf(subject: string): Tokens {
  assert(askedTokens.split(pointerTo(subject), lengthOf(subject)), subject);
  return askedTokens;
}
