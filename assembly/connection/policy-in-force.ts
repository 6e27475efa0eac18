import { decimal } from "../bytes/digits";
import { Faults } from "../policy/faults";
import { LogLevel, logText } from "../proxy/log";
import { findLoaded, LoadedPolicy, loadPolicy, noPolicy } from "./loaded-policy";
import { OwnConfiguration } from "./own-configuration";
import { Plugin } from "./plugin";
import { beginLoading, findLoading, PolicyLoading } from "./policy-loading";
import { RootTelemetry } from "./root-telemetry";

/**
 * A policy of at most so many bytes is read at once, which takes some 2 ms. A longer one is read in slices, during which the former
 * one stays in force.
 */
const AT_ONCE_BYTES: i32 = 64 << 10;

/** Is a policy of `length` bytes read in slices? */
export function isReadInSlices(length: i32): bool {
  return length > AT_ONCE_BYTES;
}

/** Has any root context of this VM the policy of this fingerprint in force, or is one reading it? Then nobody needs its text. */
export function isAtHand(fingerprint: u64): bool {
  return findLoaded(fingerprint) != null || findLoading(fingerprint) != null;
}

/** The policy that one root context judges by, and what is being read to take its place (docs/adr/0016). */
@final
export class PolicyInForce {
  policy: LoadedPolicy = noPolicy();
  /** What takes the place of `policy` as soon as it has been read. */
  private loading: PolicyLoading | null = null;

  constructor(
    private readonly plugin: Plugin,
    private readonly own: OwnConfiguration,
    private readonly telemetry: RootTelemetry,
  ) {
    this.policy.hold();
  }

  /** Is a policy being read in slices that is to take the place of the one in force? */
  get isLoading(): bool {
    return this.loading != null;
  }

  /** Is there none yet? */
  get isNone(): bool {
    return this.policy.fingerprint == 0;
  }

  /** Is it known of the text of this fingerprint that it is in force, or that this module cannot read it? */
  isSettled(fingerprint: u64): bool {
    return fingerprint == this.policy.fingerprint || fingerprint == this.plugin.unreadable;
  }

  /**
   * Puts the policy of the `length` bytes at `text` in force, or begins to read it, for which they are copied. Answers whether
   * another one is in force now.
   */
  seek(text: usize, length: i32, fingerprint: u64): bool {
    if (isAtHand(fingerprint)) return this.seekAtHand(fingerprint);
    if (!isReadInSlices(length)) return this.enforce(loadPolicy(text, length, fingerprint));
    this.waitFor(beginLoading(text, length, fingerprint));
    return false;
  }

  /** The same of a policy that is at hand (`isAtHand`), for which no text is needed. */
  seekAtHand(fingerprint: u64): bool {
    const found = findLoaded(fingerprint);
    if (found != null) return this.enforce(found);
    const loading = findLoading(fingerprint);
    if (loading != null) this.waitFor(loading);
    return false;
  }

  private waitFor(loading: PolicyLoading): void {
    loading.hold();
    this.stopLoading();
    this.loading = loading;
  }

  /** The same of this root's own configuration. */
  seekOwn(): bool {
    return this.seek(this.own.text, this.own.length, this.own.fingerprint);
  }

  /** Reads a slice of what is being read. Answers whether it is in force now. */
  readOn(): bool {
    const loading = this.loading;
    if (loading == null) return false;
    const policy = loading.readOn();
    return policy != null && this.enforce(policy);
  }

  /**
   * Reads what is being read to its end, however long that takes, and after one that this module cannot read, its own. Answers
   * whether it is in force now.
   */
  readAll(): bool {
    let loading = this.loading;
    while (loading != null && !this.enforce(loading.readAll())) loading = this.loading;
    return loading != null;
  }

  /** What is being read is not wanted any more. */
  stopLoading(): void {
    const loading = this.loading;
    if (loading != null) loading.release();
    this.loading = null;
  }

  /** Puts a policy without faults in force. */
  take(policy: LoadedPolicy): void {
    policy.hold();
    this.policy.release();
    this.policy = policy;
    this.stopLoading();
    const fingerprint = policy.fingerprint;
    this.telemetry.adopt(policy.document, fingerprint);
    const plugin = this.plugin;
    if (plugin.inForce != 0 && plugin.inForce != fingerprint) this.telemetry.stats.policyChanged();
    plugin.inForce = fingerprint;
  }

  /** Nobody is judged by it any more. */
  end(): void {
    this.stopLoading();
    this.policy.release();
  }

  /**
   * Puts a policy in force that has been read. Answers false, and tells, when it has faults. Where nothing is in force yet, the
   * text of this root's own configuration, which the host has been told to be accepted, is read in its place.
   */
  private enforce(policy: LoadedPolicy): bool {
    const faults = policy.document.faults;
    if (faults.isEmpty) {
      this.take(policy);
      return true;
    }
    this.stopLoading();
    this.refuse(policy.fingerprint, faults);
    return this.isNone && policy.fingerprint != this.own.fingerprint && this.seekOwn();
  }

  /** This module cannot read what was to come into force: tells it, once for all root contexts that wait for it. */
  private refuse(fingerprint: u64, faults: Faults): void {
    if (this.plugin.unreadable == fingerprint) return;
    this.plugin.unreadable = fingerprint;
    this.telemetry.stats.policyRejected();
    logText(
      LogLevel.CRITICAL,
      "istio-nats: a newer policy is in force in this proxy that this version of the module cannot read; connections " +
        `that it still serves stay under the former one until they reconnect, ${decimal(faults.count)} fault(s):\n` +
        faults.toString(),
    );
  }
}
