import { PolicyReading } from "../policy/config";
import { RuleSets } from "../policy/rule-set";
import { nowNanoseconds } from "../proxy/clock";
import { SLICE_NANOSECONDS } from "./callback-time";
import { LoadedPolicy, makeRoom } from "./loaded-policy";

/** Several plugins that wait for one policy have ticks of their own, which may come one behind the other. */
const REST_NANOSECONDS: u64 = 5_000_000;
/** Between two looks at the clock: some 0.5 ms, or one rule that is longer. */
const PIECE_BYTES: i32 = 16 << 10;

/** All of this VM that somebody waits for. */
const loadings: PolicyLoading[] = [];

/**
 * A policy that is being read in slices, so that no worker stalls for it, for all plugins of this VM that wait for it
 * (docs/adr/0016).
 */
@final
export class PolicyLoading {
  private users: i32 = 0;
  private readonly reading: PolicyReading;
  private policy: LoadedPolicy | null = null;
  private restsUntil: u64 = 0;

  /** `text` belongs to this object from now on. */
  constructor(
    readonly fingerprint: u64,
    private readonly text: usize,
    length: i32,
  ) {
    this.reading = new PolicyReading(text, length);
    loadings.push(this);
  }

  /** It stays until `release` is called as often. */
  hold(): void {
    this.users++;
  }

  release(): void {
    if (--this.users > 0) return;
    loadings.splice(loadings.indexOf(this), 1);
    this.reading.destroy();
    heap.free(this.text);
    const policy = this.policy;
    if (policy != null && policy.document.faults.isEmpty) policy.release();
  }

  /** Reads on for a slice, unless one has just been read. Answers the policy as soon as all is read, faults and all. */
  readOn(): LoadedPolicy | null {
    const now = nowNanoseconds();
    // The clock may have been put back meanwhile.
    const rests = now < this.restsUntil && this.restsUntil - now <= REST_NANOSECONDS;
    if (this.policy == null && !rests) this.readUntil(now + SLICE_NANOSECONDS);
    return this.policy;
  }

  /** Reads all that is left. */
  readAll(): LoadedPolicy {
    this.reading.readOn(i32.MAX_VALUE);
    return this.finished();
  }

  /** At least a piece, however seldom the thread has the processor. */
  private readUntil(end: u64): void {
    let now: u64;
    do {
      if (this.reading.readOn(PIECE_BYTES)) {
        this.finished();
        return;
      }
      now = nowNanoseconds();
    } while (now < end);
    this.restsUntil = now + REST_NANOSECONDS;
  }

  private finished(): LoadedPolicy {
    let policy = this.policy;
    if (policy == null) {
      this.policy = policy = new LoadedPolicy(this.fingerprint, new RuleSets(this.reading.document));
      // Who takes it first may let go of it before the last one has taken it.
      if (policy.document.faults.isEmpty) policy.hold();
    }
    return policy;
  }
}

/** What reads the `length` bytes at `text`, of which it makes a copy, unless it is there already. */
export function loadingOf(text: usize, length: i32, fingerprint: u64): PolicyLoading {
  for (let i = 0; i < loadings.length; i++) {
    if (loadings[i].fingerprint == fingerprint) return loadings[i];
  }
  makeRoom(length);
  const copy = heap.alloc(<usize>length);
  memory.copy(copy, text, <usize>length);
  return new PolicyLoading(fingerprint, copy, length);
}
