import { fingerprintOf } from "../policy/fingerprint";
import { Faults } from "../policy/faults";
import { Envelope } from "../policy/envelope";
import { freeConfiguration } from "../proxy/configuration";
import { LogLevel, logText } from "../proxy/log";
import { propertyPath, textProperty } from "../proxy/properties";
import { LoadedPolicy, loadPolicy, noPolicy } from "./loaded-policy";
import { PluginTelemetry } from "./plugin-telemetry";
import { PublishedPolicy } from "./published-policy";

const PLUGIN_NAME: StaticArray<u8> = propertyPath(["plugin_name"]);
const ROOT_ID: StaticArray<u8> = propertyPath(["plugin_root_id"]);

/** Ticks in a row after which a root that the host keeps for no connection is believed to be the current one. */
const KEPT_TICKS: i32 = 2;
/** Configurations of this VM that the host has dropped, and that are remembered. */
const MAX_DROPPED: i32 = 16;
/** A plugin's first one counts as no change. */
const NO_SEQUENCE: u64 = u64.MAX_VALUE;

const roots: PluginPolicy[] = [];
const dropped: string[] = [];
const inForceByName: Map<string, u64> = new Map();
/** The newest publication with whose text the host has configured this VM. */
const reachedByName: Map<string, u64> = new Map();

/**
 * Which policy one plugin configuration (a root context) follows: the newest that any VM of the proxy has published
 * under the plugin's name, which need not be its own (docs/adr/0008).
 */
@final
export class PluginPolicy {
  inForce: LoadedPolicy = noPolicy();
  /** Open connections of this root in this worker. */
  connections: i32 = 0;

  private name: string = "";
  private published: PublishedPolicy | null = null;
  /** The configuration's text, to be published again. */
  private text: usize = 0;
  private textLength: i32 = 0;
  private fingerprint: u64 = 0;
  private newestFingerprint: u64 = 0;
  private newestSequence: u64 = 0;
  /** What was the newest when the host configured this root, if this root then left it in force. */
  private leftInForce: u64 = NO_SEQUENCE;
  private keptTicks: i32 = 0;
  private refusedFingerprint: u64 = 0;
  private warnedOf: string = "";

  constructor(private readonly telemetry: PluginTelemetry) {
    this.inForce.hold();
  }

  /**
   * The host configures this root with the text, which belongs to this object afterwards. Answers the faults for which
   * it is refused whole; then nothing is published, and nothing changes.
   */
  configure(text: usize, length: i32, now: i64): Faults {
    const fingerprint = fingerprintOf(text, length);
    const policy = loadPolicy(text, length, fingerprint);
    const faults = policy.document.faults;
    if (!faults.isEmpty) {
      freeConfiguration(text);
      this.telemetry.reject(policy.document);
      return faults;
    }
    freeConfiguration(this.text);
    this.text = text;
    this.textLength = length;
    this.fingerprint = fingerprint;
    this.enter();
    this.take(policy);
    this.offer(now);
    return faults;
  }

  /** Takes what is newly published. Answers whether another policy is in force now. */
  hear(): bool {
    const published = this.published;
    return published != null && published.hasChanged() && this.adopt(published);
  }

  /**
   * The same, told by a root of this VM that has just found out. Of the same plugin it need not fetch what is published, while
   * there is memory to be found for two policies; what the other one has published itself it fetches at its next tick.
   */
  hearFrom(other: PluginPolicy): bool {
    const published = this.published;
    const othersPublished = other.published;
    if (published == null || othersPublished == null) return false;
    if (other.name != this.name || other.inForce.fingerprint != other.newestFingerprint) return this.hear();
    published.hasSeenWhat(othersPublished);
    this.newestSequence = other.newestSequence;
    this.newestFingerprint = other.newestFingerprint;
    if (this.inForce.fingerprint == this.newestFingerprint) return false;
    this.take(other.inForce);
    return true;
  }

  /** A tick: the same as `hear`, and publishes its own policy where that is the host's. */
  follow(now: i64): bool {
    const published = this.published;
    if (published == null) return false;
    const changed = this.hear();
    if (!this.isKeptThoughReplaced()) {
      this.keptTicks = 0;
      return changed;
    }
    if (++this.keptTicks < KEPT_TICKS) return changed;
    this.keptTicks = 0;
    if (!this.publish(published, this.newestSequence, now)) return changed;
    this.take(loadPolicy(this.text, this.textLength, this.fingerprint));
    return true;
  }

  /** The host has dropped this root. */
  destroy(): void {
    const place = roots.indexOf(this);
    if (place >= 0) {
      roots.splice(place, 1);
      dropped.push(this.mark(this.fingerprint));
      if (dropped.length > MAX_DROPPED) dropped.shift();
    }
    this.inForce.release();
    freeConfiguration(this.text);
    this.text = 0;
  }

  private enter(): void {
    if (this.published == null) {
      this.name = textProperty(PLUGIN_NAME) + "/" + textProperty(ROOT_ID);
      this.published = new PublishedPolicy(this.name);
      roots.push(this);
    }
    const place = dropped.indexOf(this.mark(this.fingerprint));
    if (place >= 0) dropped.splice(place, 1);
  }

  private mark(fingerprint: u64): string {
    return this.name + " " + fingerprint.toString();
  }

  /** Publishes this root's own policy, unless it is only late with one that has been replaced. */
  private offer(now: i64): void {
    const published = this.published;
    if (published == null) return;
    // Asked first: what is published from here on shows as a change at the next tick.
    published.hasChanged();
    const newest = published.read();
    let sequence: u64 = 0;
    let late = false;
    if (newest != null && this.isReadable(newest)) {
      sequence = newest.sequence;
      this.newestSequence = sequence;
      this.newestFingerprint = newest.fingerprint;
      late = newest.hasJustEnded(this.fingerprint, now);
    }
    published.release();
    if (sequence != 0 && this.newestFingerprint == this.fingerprint) {
      reachedByName.set(this.name, sequence);
      return;
    }
    // Configurations reach each VM in one order: whoever was configured with the newest already is not late.
    if (reachedByName.has(this.name) && reachedByName.get(this.name) == sequence) late = false;
    if (!late && this.publish(published, sequence, now)) {
      reachedByName.set(this.name, this.newestSequence);
      return;
    }
    this.adopt(published);
    this.leftInForce = this.newestSequence;
  }

  private publish(published: PublishedPolicy, sequence: u64, now: i64): bool {
    const answer = published.publish(this.fingerprint, this.text, this.textLength, sequence, now);
    if (answer == 0) return false;
    this.newestSequence = answer;
    this.newestFingerprint = this.fingerprint;
    return true;
  }

  /** Puts the published policy in force. Answers false when it is already, or when this module cannot read it. */
  private adopt(published: PublishedPolicy): bool {
    const newest = published.read();
    if (newest == null || !this.isReadable(newest)) {
      published.release();
      return false;
    }
    const fingerprint = newest.fingerprint;
    this.newestSequence = newest.sequence;
    this.newestFingerprint = fingerprint;
    const known = fingerprint == this.inForce.fingerprint || fingerprint == this.refusedFingerprint;
    const policy = known ? this.inForce : loadPolicy(newest.text, newest.textLength, fingerprint);
    published.release();
    if (known) return false;
    const faults = policy.document.faults;
    if (faults.isEmpty) {
      this.take(policy);
      return true;
    }
    this.refusedFingerprint = fingerprint;
    this.telemetry.stats.policyRejected();
    logText(
      LogLevel.CRITICAL,
      "istio-nats: a newer policy is in force in this proxy that this version of the module cannot read; connections " +
        `that it still serves stay under the former one until they reconnect, ${faults.count} fault(s):\n` +
        faults.toString(),
    );
    return false;
  }

  private isReadable(newest: Envelope): bool {
    if (newest.problem == "") return true;
    if (this.warnedOf != newest.problem) {
      this.warnedOf = newest.problem;
      this.telemetry.stats.policyRejected();
      logText(
        LogLevel.CRITICAL,
        `istio-nats: the policy published in this proxy is ignored, ${newest.problem}: does another Wasm plugin write ` +
          "into shared data under this one's name, or another version of this module? Change the policy to publish it again",
      );
    }
    return false;
  }

  private take(policy: LoadedPolicy): void {
    policy.hold();
    this.inForce.release();
    this.inForce = policy;
    const fingerprint = policy.fingerprint;
    this.telemetry.adopt(policy.document, fingerprint);
    if (inForceByName.has(this.name) && inForceByName.get(this.name) != fingerprint) {
      this.telemetry.stats.policyChanged();
    }
    inForceByName.set(this.name, fingerprint);
  }

  /**
   * Does the host keep this root although another policy is the newest, and not for connections that are still open? Then
   * it is the configuration that the host uses. It has not told, or it told when this root could not be told from a late
   * one. The main thread's VM has no connections, so there it is always seen.
   */
  private isKeptThoughReplaced(): bool {
    if (this.connections > 0 || this.fingerprint == this.newestFingerprint || this.newestSequence == 0) return false;
    for (let i = 0; i < roots.length; i++) {
      const other = roots[i];
      if (other !== this && other.connections == 0 && other.name == this.name) return false;
    }
    // A root of an older VM may be kept by a listener that drains: only what this VM has seen go was replaced by this one.
    return this.leftInForce == this.newestSequence || dropped.includes(this.mark(this.newestFingerprint));
  }
}
