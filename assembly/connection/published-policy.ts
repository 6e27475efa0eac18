import { utf8 } from "../bytes/text";
import { Envelope, readEnvelope, writeHead } from "../policy/envelope";
import { ABSENT, ANY, readShared, releaseShared, sharedPointer, sharedSize, writeShared } from "../proxy/shared-data";
import { VERSION } from "../telemetry/version";

/** Tries to publish. Of several VMs that publish at once each loses at most once to every other. */
const MAX_TRIES: i32 = 64;

/** Where a fingerprint lies while the host takes it. */
const acceptedArea: usize = memory.data(8);

/**
 * The policy in force for all VMs of this proxy that have a plugin of this name (docs/adr/0008). It lies under one key,
 * so that head and text always belong together; a second key of a few bytes is written after every publication, so that
 * a tick that finds no change copies no policy.
 */
@final
export class PublishedPolicy {
  private readonly key: StaticArray<u8>;
  private readonly changeKey: StaticArray<u8>;
  private readonly acceptedKey: StaticArray<u8>;
  /** The problem of what is published, once that has been logged; "" since something readable was. */
  warnedOf: string = "";
  /** Of what is published, as this VM has read it last; 0 where it could not be read. */
  sequence: u64 = 0;
  fingerprint: u64 = 0;
  /** The number of the last write of the second key before that was read. */
  private knownSince: u32 = ABSENT;

  constructor(plugin: string) {
    this.key = utf8("istio-nats/policy/" + plugin);
    this.changeKey = utf8("istio-nats/change/" + plugin);
    this.acceptedKey = utf8(`istio-nats/accepted/${VERSION}/${plugin}`);
  }

  /** A number that is another one as soon as anything has been published. It costs one host call. */
  lastChange(): u32 {
    const write = readShared(this.changeKey);
    releaseShared();
    return write;
  }

  /**
   * Has this VM read what is published since `lastChange` answered this? Then no other root context need copy a policy to hear of
   * the same: 60 of them took a worker 84 ms for one of 1.1 MiB (Node host).
   */
  isKnownSince(change: u32): bool {
    return change == this.knownSince;
  }

  /**
   * What is published; of sequence 0 where nothing is that can be read. `lastChange` has answered `change` before. Call `release`
   * when the text is not needed any more.
   */
  read(change: u32): Envelope {
    const isThere = readShared(this.key) != ABSENT;
    const newest = isThere ? readEnvelope(sharedPointer, sharedSize) : new Envelope();
    this.sequence = newest.sequence;
    this.fingerprint = newest.fingerprint;
    this.knownSince = isThere ? change : ABSENT;
    return newest;
  }

  /** Frees what `read` has answered. */
  release(): void {
    releaseShared();
  }

  /**
   * Is the text of this fingerprint the last one in which a VM with this version of the module has found no fault? Then no
   * other VM need read it before it answers the host.
   */
  hasAccepted(fingerprint: u64): bool {
    readShared(this.acceptedKey);
    const accepted = sharedSize == 8 && load<u64>(sharedPointer) == fingerprint;
    releaseShared();
    return accepted;
  }

  /** Tells the other VMs that all of the text has been read, and has no fault. */
  accept(fingerprint: u64): void {
    store<u64>(acceptedArea, fingerprint);
    writeShared(this.acceptedKey, acceptedArea, 8, ANY);
  }

  /**
   * Publishes the text, before which MAX_HEAD_BYTES must be free, if what is published now is still of `sequence` (0: nothing
   * readable). `now` is in milliseconds. Answers the new sequence, or 0 when another VM was faster.
   */
  publish(fingerprint: u64, text: usize, length: i32, sequence: u64, now: i64): u64 {
    let published: u64 = 0;
    for (let tries = 0; tries < MAX_TRIES && published == 0; tries++) {
      const write = readShared(this.key);
      const former = write == ABSENT ? new Envelope() : readEnvelope(sharedPointer, sharedSize);
      releaseShared();
      if (former.sequence != sequence) break;
      const head = writeHead(former, fingerprint, text, length, now);
      if (!writeShared(this.key, head, <i32>(text - head) + length, write)) continue;
      published = sequence + 1;
      writeShared(this.changeKey, head, 8, ANY);
    }
    return published;
  }
}
