import { Words } from "../bytes/words";
import { Tokens } from "../nats/subject";
import {
  endOf,
  entryBehind,
  EntryList,
  entryQueue,
  entryQueueLength,
  entrySubject,
  entrySubjectLength,
  firstEntry,
} from "./entry-list";
import { EntryFlag } from "./matcher-entries";
import { MatcherInMaking } from "./matcher-in-making";
import { NONE } from "./none";
import { ResponseLimit } from "./response-limit";
import { Rule } from "./rules";

const tokens: Tokens = new Tokens();

/** Rules from which `Permissions` are made. Nothing can be asked of it. */
@unmanaged
@final
export class PermissionsInMaking {
  readonly publishAllow: MatcherInMaking = new MatcherInMaking();
  readonly publishDeny: MatcherInMaking = new MatcherInMaking();
  readonly subscribeAllow: MatcherInMaking = new MatcherInMaking();
  readonly subscribeDeny: MatcherInMaking = new MatcherInMaking();
  /** The fields of `Permissions` of these names. */
  readonly responses: Words = new Words();
  responseCount: i32 = 0;
  publishAllBy: i32 = NONE;
  publishAllFlags: i32 = EntryFlag.NONE;
  subscribeAllBy: i32 = NONE;

  /** Adds a rule, without what it allows if not `withAllow`. */
  add(rule: Rule, withAllow: bool = true): void {
    if (withAllow) this.addAllow(rule);
    addEntries(this.publishDeny, rule.publish.deny, rule.index, EntryFlag.NONE);
    addEntries(this.subscribeDeny, rule.subscribe.deny, rule.index, EntryFlag.NONE);
    const responses = rule.responses;
    // Rules with the same limits grant the same: one record for each reply subject suffices.
    if (responses == null || this.hasResponse(responses.max, responses.expiresMs, rule.repliesAny)) return;
    const limit = new ResponseLimit(rule.index, responses.max, responses.expiresMs, rule.repliesAny);
    this.responses.reserve(this.responseCount + 1);
    this.responses.set(this.responseCount, <i32>changetype<usize>(limit));
    this.responseCount++;
  }

  /** Is there one with these limits already? */
  private hasResponse(most: i32, expires: i64, repliesAny: bool): bool {
    for (let i = 0; i < this.responseCount; i++) {
      if (changetype<ResponseLimit>(<usize>this.responses.get(i)).is(most, expires, repliesAny)) return true;
    }
    return false;
  }

  private addAllow(rule: Rule): void {
    let flags: i32 = EntryFlag.NONE;
    if (rule.repliesAny) flags |= EntryFlag.REPLIES_ANY;
    if (rule.rollupAll) flags |= EntryFlag.ROLLUP_ALL;
    if (rule.publish.allowAll) {
      if (this.publishAllBy == NONE) this.publishAllBy = rule.index;
      this.publishAllFlags |= flags;
    }
    if (rule.subscribe.allowAll && this.subscribeAllBy == NONE) this.subscribeAllBy = rule.index;
    addEntries(this.publishAllow, rule.publish.allow, rule.index, flags);
    addEntries(this.subscribeAllow, rule.subscribe.allow, rule.index, EntryFlag.NONE);
  }
}

function addEntries(to: MatcherInMaking, entries: EntryList, rule: i32, flags: i32): void {
  const end = endOf(entries);
  for (let entry = firstEntry(entries); entry < end; entry = entryBehind(entry)) {
    // The configuration's reader has refused empty tokens and too many of them (rules-entry.ts).
    if (!tokens.split(entrySubject(entry), entrySubjectLength(entry))) continue;
    to.add(tokens, rule, flags, entryQueue(entry), entryQueueLength(entry));
  }
}
