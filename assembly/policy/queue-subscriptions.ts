import { Tokens } from "../nats/subject";
import { SubjectMatcher } from "./matcher";
import { NONE } from "./none";
import { spendSteps } from "./search-steps";

/** What the entries of an allow list say about a queue subscription (nats-server client.go `canSubscribe`). */

/** One byte (`Seen`) for each rule of the largest configuration so far. All are 0 between two questions. */
let seen: usize = 0;
let seenCount: i32 = 0;

/** Makes room for the rules of a configuration that is about to be asked. */
export function roomForRules(ruleCount: i32): void {
  if (ruleCount <= seenCount) return;
  if (seen != 0) heap.free(seen);
  seen = heap.alloc(<usize>ruleCount);
  memory.fill(seen, 0, <usize>ruleCount);
  seenCount = ruleCount;
}

/** Bits of what one rule says about one queue subscription. */
const enum Seen {
  QUEUED = 1,
  QUEUE_FITS = 2,
  PLAIN = 4,
}

/**
 * The rule that allows the queue subscription, or NONE. It is asked within each rule: where matching entries name queues, the
 * queue must fit one of these, and plain entries do not help; else a plain entry suffices. Whether an entry matches is
 * nats-server's question, whether it contains the whole subject is ours; both must say yes. Each entry that matches is a step of the
 * chunk (search-steps.ts).
 */
export function queueAllowedBy(allow: SubjectMatcher, tokens: Tokens, queue: usize, queueLength: i32): i32 {
  if (!allow.hasQueues) return allow.findCovering(tokens);
  allow.collect(tokens);
  const count = allow.foundCount;
  spendSteps(count, 0);
  for (let i = 0; i < count; i++) {
    const entry = allow.foundEntry(i);
    const rule = allow.rule(entry);
    let bits: u8 = load<u8>(seen + <usize>rule);
    if (!allow.hasQueue(entry)) {
      if (allow.foundCovers(i)) bits |= <u8>Seen.PLAIN;
    } else {
      bits |= <u8>Seen.QUEUED;
      if (allow.foundCovers(i) && allow.queueFits(entry, queue, queueLength)) {
        bits |= <u8>Seen.QUEUE_FITS;
      }
    }
    store<u8>(seen + <usize>rule, bits);
  }
  let by = NONE;
  for (let i = 0; i < count; i++) {
    const rule = allow.rule(allow.foundEntry(i));
    const bits = load<u8>(seen + <usize>rule);
    const wanted = (bits & (<u8>Seen.QUEUED)) != 0 ? <u8>Seen.QUEUE_FITS : <u8>Seen.PLAIN;
    if (by == NONE && (bits & wanted) != 0) by = rule;
  }
  for (let i = 0; i < count; i++) store<u8>(seen + <usize>allow.rule(allow.foundEntry(i)), 0);
  return by;
}
