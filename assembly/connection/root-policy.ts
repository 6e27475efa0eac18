import { decimal } from "../bytes/digits";
import { Envelope } from "../policy/envelope";
import { Faults } from "../policy/faults";
import { fingerprintOf } from "../policy/fingerprint";
import { freeConfiguration } from "../proxy/configuration";
import { LogLevel, logText } from "../proxy/log";
import { ABSENT } from "../proxy/shared-data";
import { findLoaded, LoadedPolicy, loadPolicy } from "./loaded-policy";
import { OwnConfiguration } from "./own-configuration";
import { Plugin } from "./plugin";
import { isAtHand, isReadInSlices, PolicyInForce } from "./policy-in-force";
import { RootTelemetry } from "./root-telemetry";

/**
 * For how long ticks must see that the host keeps a root though it has no connection, until the root is believed to be the
 * current one. That is by the second tick, unless ticks are hurried, as while a policy is being read.
 */
const KEPT_MILLISECONDS: i64 = 400;
/** Configurations that the host has dropped of this VM and that are remembered. */
const MAX_DROPPED: i32 = 16;
/** In place of the sequence of a publication: none. */
const NO_SEQUENCE: u64 = u64.MAX_VALUE;

/** All roots of this VM that have a configuration. */
const roots: RootPolicy[] = [];
/** Roots that the host has dropped, by name and fingerprint (`mark`), the newest last. */
const dropped: string[] = [];

/**
 * Which policy one root context follows: the newest that any VM of the proxy has published under the plugin's name, which need not
 * be its own (docs/adr/0008).
 */
@final
export class RootPolicy {
  /** Open connections of this root in this worker. */
  connections: i32 = 0;

  /** Its text is kept to be published again, until `letGoOfText`. */
  private readonly own: OwnConfiguration;
  private readonly current: PolicyInForce;
  /** The last change of what is published that this root has heard of (`PublishedPolicy.lastChange`). */
  private heard: u32 = ABSENT;
  /** What is published under the plugin's name, as far as this root has heard. */
  private newestFingerprint: u64 = 0;
  private newestSequence: u64 = 0;
  /**
   * The sequence of what was the newest when the host configured this root, if this root left it in force; else NO_SEQUENCE.
   */
  private leftInForce: u64 = NO_SEQUENCE;
  /** Since when (milliseconds) each tick has seen that the host keeps this root; 0: the last tick has not. */
  private keptSince: i64 = 0;

  constructor(
    private readonly plugin: Plugin,
    private readonly telemetry: RootTelemetry,
  ) {
    const own = new OwnConfiguration();
    this.own = own;
    this.current = new PolicyInForce(plugin, own, telemetry);
  }

  /** The policy by which this root's connections are judged. */
  get inForce(): LoadedPolicy {
    return this.current.policy;
  }

  /**
   * The host configures this root with the text, which belongs to this object afterwards, at `now` in milliseconds. Answers
   * the faults for which it is refused whole; then nothing is published, and nothing changes.
   */
  configure(text: usize, length: i32, now: i64): Faults {
    const fingerprint = fingerprintOf(text, length);
    const published = this.plugin.published;
    const isLong = isReadInSlices(length);
    const isAccepted = isLong && published.hasAccepted(fingerprint);
    const policy = isAccepted ? findLoaded(fingerprint) : loadPolicy(text, length, fingerprint);
    if (policy != null && !policy.document.faults.isEmpty) {
      freeConfiguration(text);
      this.telemetry.reject(policy.document);
      return policy.document.faults;
    }
    if (isLong && !isAccepted) published.accept(fingerprint);
    this.own.take(text, length, fingerprint);
    this.enter();
    if (policy != null) this.current.take(policy);
    else {
      this.takeFormer();
      this.current.seekOwn();
    }
    this.offer(now);
    return new Faults();
  }

  /** Is a policy being read in slices that is to take the place of the one in force? */
  get isLoading(): bool {
    return this.current.isLoading;
  }

  /**
   * A client connects. Where nothing is in force yet, what is being read is read to its end now, however long that takes, since
   * a client cannot be kept waiting (docs/adr/0016). Answers whether another policy is in force.
   */
  beReady(): bool {
    if (!this.current.isLoading || !this.current.isNone) return false;
    // Heard first: other roots will be told of what comes into force here, and may have heard of a newer policy already.
    return this.hear() || this.current.readAll();
  }

  /** Looks for what is newly published. Answers whether another policy is in force now. */
  hear(): bool {
    if (!this.hasChanged()) return false;
    const published = this.plugin.published;
    if (!published.isKnownSince(this.heard)) return this.adopt();
    if (published.sequence == 0) return false;
    this.newestSequence = published.sequence;
    this.newestFingerprint = published.fingerprint;
    if (this.settles()) return false;
    return isAtHand(this.newestFingerprint) ? this.current.seekAtHand(this.newestFingerprint) : this.adopt();
  }

  /**
   * The same, called by another root of this VM that has just put a policy in force. If both are of one plugin, what is
   * published need not be fetched: there is memory for two policies, not for a copy more. What `other` has published itself,
   * this root hears of at its next tick.
   */
  hearFrom(other: RootPolicy): bool {
    if (other.plugin !== this.plugin || other.inForce.fingerprint != other.newestFingerprint) return this.hear();
    this.heard = other.heard;
    this.newestSequence = other.newestSequence;
    this.newestFingerprint = other.newestFingerprint;
    if (this.inForce.fingerprint == this.newestFingerprint) {
      this.current.stopLoading();
      return false;
    }
    this.current.take(other.inForce);
    this.letGoOfText();
    return true;
  }

  /**
   * To be called by each tick, with the time in milliseconds: hears, reads on, and publishes its own policy where that is the
   * one that the host uses. Answers whether another policy is in force now.
   */
  follow(now: i64): bool {
    const heard = this.hear();
    const changed = this.current.readOn() || heard;
    this.letGoOfText();
    if (!this.isKeptThoughReplaced()) {
      this.keptSince = 0;
      return changed;
    }
    if (this.keptSince == 0 || now < this.keptSince) this.keptSince = now;
    if (now - this.keptSince < KEPT_MILLISECONDS) return changed;
    this.keptSince = 0;
    if (!this.publish(this.newestSequence, now)) return changed;
    return this.current.seekOwn() || changed;
  }

  /** The host has dropped this root. */
  destroy(): void {
    const place = roots.indexOf(this);
    if (place >= 0) {
      roots.splice(place, 1);
      dropped.push(this.mark(this.own.fingerprint));
      if (dropped.length > MAX_DROPPED) dropped.shift();
    }
    this.current.end();
    this.own.letGo();
  }

  /** Has anything been published since this root asked last? */
  private hasChanged(): bool {
    const change = this.plugin.published.lastChange();
    if (change == this.heard) return false;
    this.heard = change;
    return true;
  }

  /** This root is one of those that the host has configured. */
  private enter(): void {
    if (!roots.includes(this)) roots.push(this);
    const place = dropped.indexOf(this.mark(this.own.fingerprint));
    if (place >= 0) dropped.splice(place, 1);
  }

  private mark(fingerprint: u64): string {
    return this.plugin.name + " " + decimal(fingerprint);
  }

  /**
   * Publishes this root's own policy, unless the host configures it late with one that has been replaced; then the newest one
   * stays in force.
   */
  private offer(now: i64): void {
    const plugin = this.plugin;
    const published = plugin.published;
    // Asked before anything is read, so that what others publish from here on shows as a change at the next tick.
    this.hasChanged();
    const newest = published.read(this.heard);
    let sequence: u64 = 0;
    let late = false;
    if (this.isReadable(newest)) {
      sequence = newest.sequence;
      this.newestSequence = sequence;
      this.newestFingerprint = newest.fingerprint;
      late = newest.hasJustEnded(this.own.fingerprint, now);
    }
    published.release();
    if (sequence != 0 && this.newestFingerprint == this.own.fingerprint) {
      plugin.reached = sequence;
      return;
    }
    // Configurations reach a VM in the order in which the host was given them: a VM that was given the newest before is not late.
    if (plugin.reached == sequence) late = false;
    if (!late && this.publish(sequence, now)) {
      plugin.reached = this.newestSequence;
      return;
    }
    this.adopt();
    this.leftInForce = this.newestSequence;
  }

  /** Publishes this root's own policy in place of the publication `sequence`. Answers false when another VM was faster. */
  private publish(sequence: u64, now: i64): bool {
    const answer = this.plugin.published.publish(this.own.fingerprint, this.own.text, this.own.length, sequence, now);
    if (answer == 0) return false;
    this.newestSequence = answer;
    this.newestFingerprint = this.own.fingerprint;
    return true;
  }

  /**
   * Puts the published policy in force, or begins to read it. Answers whether another one is in force now, which it is not when
   * this module cannot read it.
   */
  private adopt(): bool {
    const published = this.plugin.published;
    const newest = published.read(this.heard);
    let changed = false;
    if (this.isReadable(newest)) {
      const fingerprint = newest.fingerprint;
      this.newestSequence = newest.sequence;
      this.newestFingerprint = fingerprint;
      // Should it come again, that is told again.
      if (fingerprint != this.plugin.unreadable) this.plugin.unreadable = 0;
      changed = !this.settles() && this.current.seek(newest.text, newest.textLength, fingerprint);
    }
    published.release();
    return changed;
  }

  /** Answers whether nothing need be read to follow what is published, and then stops what is being read. */
  private settles(): bool {
    if (!this.current.isSettled(this.newestFingerprint)) return false;
    // Where nothing is in force, what is being read is this root's own policy, beside a newer one that nobody here can read.
    if (!this.current.isNone) this.current.stopLoading();
    return true;
  }

  private isReadable(newest: Envelope): bool {
    const published = this.plugin.published;
    if (newest.sequence != 0) {
      published.warnedOf = "";
      return true;
    }
    if (newest.problem != "" && published.warnedOf != newest.problem) {
      published.warnedOf = newest.problem;
      this.telemetry.stats.policyRejected();
      logText(
        LogLevel.CRITICAL,
        `istio-nats: the policy published in this proxy is ignored, ${newest.problem}: does another Wasm plugin write ` +
          "into shared data under this one's name, or another version of this module? Change the policy to publish it again",
      );
    }
    return false;
  }

  /** While the first policy of this root is being read, it uses that of another root of its plugin. */
  private takeFormer(): void {
    if (!this.current.isNone) return;
    for (let i = 0; i < roots.length; i++) {
      if (roots[i].plugin !== this.plugin || roots[i].current.isNone) continue;
      this.current.take(roots[i].inForce);
      return;
    }
  }

  /**
   * Lets go of the text where another policy is in force and connections are left, for which the host may keep this root for days,
   * and one more for each change of the policy. Should the host come back to this policy without configuring a worker, the main
   * thread's VM publishes it, whose roots have no connections.
   */
  private letGoOfText(): void {
    const newest = this.newestFingerprint;
    const isReplaced = this.newestSequence != 0 && newest != this.own.fingerprint && this.inForce.fingerprint == newest;
    if (isReplaced && this.connections > 0) this.own.letGo();
  }

  /**
   * Does the host keep this root although another policy is the newest, and not for connections that are still open? Then
   * it is the configuration that the host uses. It has not told, or it told when this root could not be told from a late
   * one. The main thread's VM has no connections, so there it is always seen.
   */
  private isKeptThoughReplaced(): bool {
    const own = this.own;
    // A root whose configuration was refused has no text, and cannot be the one that the host uses. Nor has it after `letGoOfText`.
    if (own.text == 0) return false;
    if (this.connections > 0 || own.fingerprint == this.newestFingerprint || this.newestSequence == 0) return false;
    for (let i = 0; i < roots.length; i++) {
      const other = roots[i];
      if (other !== this && other.connections == 0 && other.plugin === this.plugin) return false;
    }
    // A listener that drains may keep a root of an older VM. Only what this VM has seen go was replaced by this root.
    return this.leftInForce == this.newestSequence || dropped.includes(this.mark(this.newestFingerprint));
  }
}
