import { GOLDEN_64 } from "../bytes/golden-ratio";
import { NO_METRIC } from "../proxy/metrics";

/** Bytes of a slot: its key u64 (0: free), what the host has not been told of u64, the host's number of the series u32. */
const STRIDE: usize = 24;
const PENDING: usize = 8;
const METRIC: usize = 16;

const FIRST_CAPACITY: i32 = 8;

/** Fields of a key. Bit 63 is always set, so that no key is 0. */
const CLASS_SHIFT: u64 = 16;
const RULE_SHIFT: u64 = 24;
const USED: u64 = 1 << 63;

/**
 * The key of a series of refusals. The operation is below 128, reason and class are below 256, and the number of the rule's
 * name is below 65,536 (`Names` bounds it).
 */
export function refusalKey(dryRun: bool, operation: i32, reason: i32, subjectClass: i32, rule: i32): u64 {
  return (
    USED |
    (<u64>(dryRun ? 1 : 0)) |
    ((<u64>operation) << 1) |
    ((<u64>reason) << 8) |
    ((<u64>subjectClass) << CLASS_SHIFT) |
    ((<u64>rule) << RULE_SHIFT)
  );
}

/** Did what the key is of pass, in DRY_RUN? */
export function keyIsDryRun(key: u64): bool {
  return (key & 1) != 0;
}

/** An `Operation`. */
export function keyOperation(key: u64): i32 {
  return <i32>((key >> 1) & 0x7f);
}

/** A `Reason`. */
export function keyReason(key: u64): i32 {
  return <i32>((key >> 8) & 0xff);
}

/** The number of the class of its subject. */
export function keyClass(key: u64): i32 {
  return <i32>((key >> CLASS_SHIFT) & 0xff);
}

/** The number of the name of the rule that decided. */
export function keyRule(key: u64): i32 {
  return <i32>((key >> RULE_SHIFT) & 0xffff);
}

/**
 * Refusals of one principal by what was refused and why. An array over all classes and rules would be mostly empty and
 * huge, so only what occurs has a slot: open addressing, never more than three quarters full.
 */
@unmanaged
@final
export class RefusalCounts {
  private slots: usize = 0;
  private capacity: i32 = 0;
  count: i32 = 0;

  /** Adds `by` to the series of a key and answers true; false when the key has no series yet (`add`). */
  increase(key: u64, by: u64): bool {
    if (this.capacity == 0) return false;
    const slot = this.find(key);
    if (load<u64>(slot) == 0) return false;
    store<u64>(slot, load<u64>(slot, PENDING) + by, PENDING);
    return true;
  }

  /** Makes the series of a key that has none, with `count` in it. */
  add(key: u64, count: u64): void {
    if ((this.count + 1) * 4 > this.capacity * 3) this.grow();
    const slot = this.find(key);
    store<u64>(slot, key);
    store<u64>(slot, count, PENDING);
    store<u32>(slot, NO_METRIC, METRIC);
    this.count++;
  }

  /**
   * A walk over all slots with something that the host is to be told of: answers the one behind `slot`, the first for 0, and 0
   * at the end. Nothing may be added on the way.
   */
  nextPending(slot: usize): usize {
    const end = this.slots + <usize>this.capacity * STRIDE;
    let at = slot == 0 ? this.slots : slot + STRIDE;
    while (at < end) {
      if (load<u64>(at) != 0 && load<u64>(at, PENDING) != 0) return at;
      at += STRIDE;
    }
    return 0;
  }

  /** Gives up all series. */
  clear(): void {
    if (this.slots != 0) heap.free(this.slots);
    this.slots = 0;
    this.capacity = 0;
    this.count = 0;
  }

  /** Gives back the object itself too. */
  destroy(): void {
    this.clear();
    heap.free(changetype<usize>(this));
  }

  /** The slot that has the key, or the free one where it belongs. */
  private find(key: u64): usize {
    const mask = this.capacity - 1;
    let place = (<i32>((key * GOLDEN_64) >> 40)) & mask;
    let slot = this.slots + <usize>place * STRIDE;
    while (load<u64>(slot) != 0 && load<u64>(slot) != key) {
      place = (place + 1) & mask;
      slot = this.slots + <usize>place * STRIDE;
    }
    return slot;
  }

  private grow(): void {
    const old = this.slots;
    const oldEnd = old + <usize>this.capacity * STRIDE;
    this.capacity = max(this.capacity * 2, FIRST_CAPACITY);
    this.slots = heap.alloc(<usize>this.capacity * STRIDE);
    memory.fill(this.slots, 0, <usize>this.capacity * STRIDE);
    for (let at = old; at < oldEnd; at += STRIDE) {
      const key = load<u64>(at);
      if (key != 0) memory.copy(this.find(key), at, STRIDE);
    }
    if (old != 0) heap.free(old);
  }
}

/** The key of a slot; 0 where it is free. */
export function slotKey(slot: usize): u64 {
  return load<u64>(slot);
}

/** What the host has not been told of. It counts as told now. */
export function takePending(slot: usize): u64 {
  const pending = load<u64>(slot, PENDING);
  store<u64>(slot, 0, PENDING);
  return pending;
}

/** The host's number of the series, or NO_METRIC. */
export function slotMetric(slot: usize): u32 {
  return load<u32>(slot, METRIC);
}

/** The host has given the series this number. */
export function setSlotMetric(slot: usize, metric: u32): void {
  store<u32>(slot, metric, METRIC);
}
