import { GREATER, Tokens } from "../nats/subject";
import { answerOf } from "./answer";
import { SubjectMatcher, TOO_MANY_STEPS } from "./matcher";
import { NONE } from "./none";
import { Reason } from "./reason";

/** What a policy says of a subject that stands for others, all of which the peer must be allowed. */

/**
 * May a peer use the pattern that is split in `tokens`? It must lie inside an entry of `allow`, unless the rule `allowedBy` allows all,
 * and overlap none of `deny`. Answers as answer.ts packs it.
 */
export function answerToPattern(
  tokens: Tokens,
  allow: SubjectMatcher,
  deny: SubjectMatcher,
  allowedBy: i32,
  subjectClass: i32,
): u64 {
  const denied = deny.findOverlap(tokens, false, 0, 0);
  if (denied != NONE) {
    return answerOf(Reason.DENIED, denied == TOO_MANY_STEPS ? NONE : deny.rule(denied), subjectClass);
  }
  let rule = allow.findCovering(tokens);
  if (rule == NONE) rule = allowedBy;
  return answerOf(rule == NONE ? Reason.NOT_ALLOWED : Reason.ALLOWED, rule, subjectClass);
}

/**
 * The same of all subjects that begin like the one in `tokens`, of which a token begins at `beyond`, up to there. Leaves that
 * beginning, with `>` behind it, split in `tokens`.
 */
export function answerToAllFrom(
  tokens: Tokens,
  beyond: usize,
  allow: SubjectMatcher,
  deny: SubjectMatcher,
  allowedBy: i32,
  subjectClass: i32,
): u64 {
  const pointer = tokens.subject;
  const byte = load<u8>(beyond);
  store<u8>(beyond, GREATER);
  tokens.split(pointer, <i32>(beyond - pointer) + 1);
  const answer = answerToPattern(tokens, allow, deny, allowedBy, subjectClass);
  store<u8>(beyond, byte);
  return answer;
}
