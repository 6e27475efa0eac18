import { PolicyReading } from "../policy/config";
import { RuleSets } from "../policy/rule-set";
import { nowNanoseconds } from "../proxy/clock";
import { LoadedPolicy, makeRoomForText } from "./loaded-policy";
import { Slices } from "./slices";

/** Bytes that are read between two looks at the clock: some 0.5 ms, or one rule that is longer. */
const PIECE_BYTES: i32 = 16 << 10;

/** All policies of this VM that are being read and that somebody waits for. */
const loadings: PolicyLoading[] = [];

/**
 * A policy that is being read in slices, so that no worker stalls for it, once for all root contexts of this VM that wait for it
 * (docs/adr/0016).
 */
@final
export class PolicyLoading {
  private users: i32 = 0;
  private readonly reading: PolicyReading;
  /** What was read, once all is. */
  private policy: LoadedPolicy | null = null;
  private readonly slices: Slices = new Slices();

  /** `text` belongs to this object from now on. */
  constructor(
    readonly fingerprint: u64,
    private readonly text: usize,
    length: i32,
  ) {
    this.reading = new PolicyReading(text, length);
    loadings.push(this);
  }

  /** Somebody waits for it. It is read on until `release` has been called as often. */
  hold(): void {
    this.users++;
  }

  /** Undoes one `hold`. The last one gives back all memory. */
  release(): void {
    if (--this.users > 0) return;
    loadings.splice(loadings.indexOf(this), 1);
    this.reading.destroy();
    heap.free(this.text);
    const policy = this.policy;
    if (policy != null && policy.document.faults.isEmpty) policy.release();
  }

  /**
   * Reads a slice, unless one has just been read. Answers the policy as soon as all is read, with its faults if it has any;
   * null before.
   */
  readOn(): LoadedPolicy | null {
    const now = nowNanoseconds();
    if (this.policy == null && !this.slices.rests(now)) this.readSlice(now);
    return this.policy;
  }

  /** Reads all that is left, however long that takes. */
  readAll(): LoadedPolicy {
    this.reading.readOn(i32.MAX_VALUE);
    return this.finished();
  }

  /** Reads at least one piece, however seldom the thread has the processor. `now` is the time in nanoseconds. */
  private readSlice(now: u64): void {
    this.slices.goOn(now);
    do {
      if (this.reading.readOn(PIECE_BYTES)) {
        this.finished();
        return;
      }
    } while (!this.slices.note(nowNanoseconds()));
  }

  /** The policy of which all has been read. */
  private finished(): LoadedPolicy {
    let policy = this.policy;
    if (policy == null) {
      this.policy = policy = new LoadedPolicy(this.fingerprint, new RuleSets(this.reading.document));
      // Held here too: the first root context that takes it may let go of it before the last one has taken it.
      if (policy.document.faults.isEmpty) policy.hold();
    }
    return policy;
  }
}

/** What reads the text of this fingerprint for somebody already, or null. */
export function findLoading(fingerprint: u64): PolicyLoading | null {
  for (let i = 0; i < loadings.length; i++) {
    if (loadings[i].fingerprint == fingerprint) return loadings[i];
  }
  return null;
}

/** Begins to read a copy of the `length` bytes at `text`, which have this fingerprint. */
export function beginLoading(text: usize, length: i32, fingerprint: u64): PolicyLoading {
  makeRoomForText(length);
  const copy = heap.alloc(<usize>length);
  memory.copy(copy, text, <usize>length);
  return new PolicyLoading(fingerprint, copy, length);
}
