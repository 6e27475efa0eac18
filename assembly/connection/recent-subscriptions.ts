import { GOLDEN_64 } from "../bytes/golden-ratio";
import { hasSid, LONGEST_WORD, sidLengthOf, sidOf, sidWord } from "./subscription";

/**
 * The subscriptions that messages were for lately, of all connections of the VM. A table of subscriptions is asked with a hash that
 * clients cannot foresee, and its search has a length that no processor can: among ten subscriptions in random order both took half
 * of a message's time. Here a slot is looked at, and nothing is searched. Clients can choose sids that fall into one slot, or take
 * the slots of others by many sids; the messages then take a tenth more than without it.
 */

const SLOT_BITS: i32 = 10;
/** A slot is the owner's and the subscription's address, u32 each. The owner of a free slot is 0. */
const SLOT_SHIFT: usize = 3;
const SUBSCRIPTION: usize = 4;
const BYTES: i32 = (1 << SLOT_BITS) << (<i32>SLOT_SHIFT);
const slots: usize = memory.data(BYTES, 64);

/** The subscription of this sid that `owner`, the address of its table, has entered lately, or 0. */
export function recentSubscription(owner: usize, sid: usize, length: i32): usize {
  if (length > LONGEST_WORD) return 0;
  const slot = slotOf(owner, sid, length);
  if (load<usize>(slot) != owner) return 0;
  const sub = load<usize>(slot, SUBSCRIPTION);
  return hasSid(sub, sid, length) ? sub : 0;
}

/** Enters a subscription of `owner`, in place of what is in its slot. */
export function enterRecent(owner: usize, sub: usize): void {
  const length = sidLengthOf(sub);
  if (length > LONGEST_WORD) return;
  const slot = slotOf(owner, sidOf(sub), length);
  store<usize>(slot, owner);
  store<usize>(slot, sub, SUBSCRIPTION);
}

/** To be called before the block of a subscription is given back. */
export function forgetRecent(owner: usize, sub: usize): void {
  const length = sidLengthOf(sub);
  if (length > LONGEST_WORD) return;
  const slot = slotOf(owner, sidOf(sub), length);
  if (load<usize>(slot, SUBSCRIPTION) == sub) store<u64>(slot, 0);
}

/** Is this subscription in a slot, whoever owns it? For specs. */
export function isRecent(sub: usize): bool {
  for (let slot: usize = 0; slot < <usize>BYTES; slot += 1 << SLOT_SHIFT) {
    if (load<usize>(slots + slot, SUBSCRIPTION) == sub) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline
function slotOf(owner: usize, sid: usize, length: i32): usize {
  const place = ((sidWord(sid, length) + <u64>owner) * GOLDEN_64) >> (<u64>(64 - SLOT_BITS));
  return slots + ((<usize>place) << SLOT_SHIFT);
}
