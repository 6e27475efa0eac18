import { raiseLimit } from "../bytes/budget";
import { decimal } from "../bytes/digits";
import { Reason } from "../policy/reason";
import { hasPassed, nowNanoseconds } from "../proxy/clock";
import { receiveConfiguration, takeConfiguration } from "../proxy/configuration";
import { LogLevel, logText } from "../proxy/log";
import { actOn, closeDownstream } from "../proxy/stream";
import { callbackTime } from "./callback-time";
import { Client, forgetClient, rememberClient } from "./client";
import { Connection, Phase } from "./connection";
import { endRevoked } from "./endings";
import { catchUpAt } from "./live-policy";
import { collectReleased } from "./loaded-policy";
import { Plugin, pluginAtHand } from "./plugin";
import { beginPolicyEpoch, policyEpoch } from "./policy-epoch";
import { reportConnectionClosed } from "./report";
import { judgeOn } from "./revocations";
import { RootPolicy } from "./root-policy";
import { RootTelemetry } from "./root-telemetry";
import { isRoomNeeded, lookAgain, makeRoom } from "./shedding";
import { catchingUp } from "./slices";

/** A connection that is to end is closed from the tick after this long, if nats-server has not done so. */
const ENDING_MILLISECONDS: i64 = 2000;
/**
 * Connections closed in one tick at most. Envoy runs each closing inside the one before (proxy-wasm-cpp-host
 * `doAfterVmCallActions`), each with the module's callbacks, on one stack of 8 MiB: 745 in one tick were fine, 4,000 ended the
 * whole process (Envoy 1.40).
 */
const MAX_CLOSINGS: i32 = 64;
/**
 * A member of a queue group that has lost its right, and is silent so that no UNSUB can go, swallows messages of the group. It
 * is closed after so long.
 */
const QUEUE_MILLISECONDS: i64 = 400;

/** All of this VM that the host has. */
const roots: RootContext[] = [];
/** Those that the host has dropped while they had open connections. */
const dropped: RootContext[] = [];

/** The host has created the root context `id`, which is the one at hand. */
export function createRoot(id: u32): void {
  if (rootOf(id) == null) roots.push(new RootContext(id, pluginAtHand()));
}

/** The root context `id`; null for one that the host has not created, or has dropped. */
export function rootOf(id: u32): RootContext | null {
  for (let i = 0; i < roots.length; i++) {
    if (roots[i].id == id) return roots[i];
  }
  return null;
}

/** The connection is gone, whichever root context had it: nothing of it stays. */
export function closeConnection(connection: Connection): void {
  const root = holderIn(roots, connection.id) || holderIn(dropped, connection.id);
  if (root != null) root.close(connection);
}

function holderIn(all: RootContext[], id: u32): RootContext | null {
  for (let i = 0; i < all.length; i++) {
    if (all[i].holds(id)) return all[i];
  }
  return null;
}

/** One configuration of the filter (a root context of the host), with the connections that it serves in this worker. */
@final
export class RootContext {
  readonly telemetry: RootTelemetry;
  readonly policy: RootPolicy;
  /** The host lets it tick more often than usual at present. */
  isHurried: bool = false;
  private readonly connections: Map<u32, Connection> = new Map();
  /** Ids of connections that may be under an older policy than the present one. */
  private behind: u32[] = [];

  constructor(
    /** The host's number of the root context. */
    readonly id: u32,
    plugin: Plugin,
  ) {
    const telemetry = new RootTelemetry(plugin);
    this.telemetry = telemetry;
    this.policy = new RootPolicy(plugin, telemetry);
  }

  /**
   * Takes a configuration of `size` bytes, or refuses it whole and says why. After a refusal Envoy keeps the old one,
   * or closes every connection if there is none.
   */
  configure(size: i32): bool {
    const length = receiveConfiguration(size);
    const faults = this.policy.configure(takeConfiguration(), length, callbackTime());
    if (!faults.isEmpty) {
      logText(
        LogLevel.CRITICAL,
        `istio-nats: this configuration is refused whole, ${decimal(faults.count)} fault(s):\n${faults.toString()}`,
      );
      return false;
    }
    this.telemetry.accept();
    this.enforce();
    // Now, before the rules of the new policy are compiled for a first connection beside those of the old one.
    collectReleased();
    return true;
  }

  /**
   * A policy has come into force here. Roots of the same plugin serve connections of its former configurations, and need not
   * wait for their own ticks to hear of it. One whose configuration was refused serves nobody.
   */
  private enforce(): void {
    this.apply();
    for (let i = 0; i < roots.length; i++) {
      const other = roots[i];
      if (other === this || !other.telemetry.isAccepted) continue;
      if (other.policy.hearFrom(this.policy)) other.apply();
    }
  }

  /**
   * Another policy is in force. Its settings count at once, its rules for each connection once it catches up. Where the
   * policy is the empty one before any, the budget stays as it is: it never shrinks, and the first policy may want a small one.
   */
  private apply(): void {
    const policy = this.policy.inForce;
    if (policy.fingerprint != 0) raiseLimit(<usize>policy.document.limits.memory);
    beginPolicyEpoch(isNobodyBehind());
    this.behind = this.connections.keys();
  }

  /** Is a newer policy being read in slices, so that the next tick should come soon? */
  get isLoading(): bool {
    return this.policy.isLoading;
  }

  /** May connections be left that are under an older policy? */
  get isBehind(): bool {
    return this.behind.length > 0;
  }

  /** The host has opened a connection, of which nothing is known yet. */
  open(id: u32): Connection {
    if (this.policy.beReady()) this.enforce();
    const rules = this.policy.inForce.rules;
    const connection = new Connection(id, rules.document);
    this.telemetry.equip(connection);
    this.connections.set(id, connection);
    rememberClient(id, new Client(this.policy, this.telemetry, rules));
    this.policy.connections++;
    return connection;
  }

  /** Is this one of its open connections? */
  holds(id: u32): bool {
    return this.connections.has(id);
  }

  /** The connection is gone: its last counts go to the host, and nothing of it stays. */
  close(connection: Connection): void {
    reportConnectionClosed(connection);
    this.telemetry.close(connection);
    this.policy.connections--;
    this.connections.delete(connection.id);
    forgetClient(connection.id);
    connection.destroy();
    const at = dropped.indexOf(this);
    if (at < 0 || this.connections.size > 0) return;
    dropped.splice(at, 1);
    this.endTelemetry();
  }

  /**
   * The host has dropped this configuration. Envoy does so when the last of its connections is gone. Should one be open all the
   * same, it holds addresses of counters: these are kept as long as there is one.
   */
  destroy(): void {
    this.policy.destroy();
    roots.splice(roots.indexOf(this), 1);
    if (this.connections.size > 0) dropped.push(this);
    else this.endTelemetry();
  }

  private endTelemetry(): void {
    this.telemetry.destroy(isAnyTicking());
  }

  /**
   * Brings silent connections under the present policy for a slice; the rules for the last one may have to be compiled on top
   * of that. Answers whether some are left.
   */
  private catchUpSilent(): bool {
    if (!this.isBehind) return false;
    let now = nowNanoseconds();
    while (this.behind.length > 0 && !catchingUp.rests(now)) {
      // Each may ask for as much as it holds, for the UNSUBs of all its subscriptions.
      ensureRoom(this.id);
      const id = this.behind.pop();
      if (!this.connections.has(id)) continue;
      const connection = this.connections.get(id);
      if (connection.policyEpoch != policyEpoch) now = catchUpAt(connection, now);
    }
    return this.isBehind;
  }

  /**
   * Hears of a newer policy or reads on in one, makes room when memory runs out, brings connections under that policy, gives the
   * host what was counted, and closes what is to end. Answers whether more may be due at once, so that the next tick should come
   * sooner.
   */
  tick(): bool {
    const now = callbackTime();
    if (this.policy.follow(now)) {
      this.enforce();
      collectReleased();
    }
    lookAgain();
    ensureRoom(this.id);
    const behind = this.catchUpSilent();
    if (isNobodyBehind()) collectReleased();
    const all = this.connections.values();
    const judging = judgeSome(all, this.id);
    let due = 0;
    for (let i = 0; i < all.length; i++) {
      const connection = all[i];
      connection.subscriptions.tick(now, connection.awaitsConnect);
      this.telemetry.observe(connection);
      if (connection.queueLostSince != 0 && !connection.observing && !connection.willObserve) {
        endLostMember(connection, now);
      }
      if (isDue(connection, now)) due++;
    }
    const defining = this.telemetry.tick(now);
    let left = MAX_CLOSINGS;
    for (let i = 0; i < all.length && left > 0 && due > 0; i++) {
      if (!isDue(all[i], now)) continue;
      if (actOn(all[i].id)) closeDownstream();
      all[i].close();
      left--;
    }
    return behind || judging || defining || this.isLoading || due > MAX_CLOSINGS;
  }
}

/**
 * To be called before anything that may ask for memory: makes room for it if that is needed (shedding.ts), and turns the host to
 * `context` then, which is the callback's.
 */
// @ts-ignore: decorator
@inline
export function ensureRoom(context: u32): void {
  if (isRoomNeeded()) makeRoomAmongAll(context);
}

function makeRoomAmongAll(context: u32): void {
  let count = 0;
  for (let i = 0; i < roots.length; i++) count += roots[i].connections.size;
  const all = new Array<Connection>(count);
  let next = 0;
  for (let i = 0; i < roots.length; i++) {
    const some = roots[i].connections.values();
    for (let j = 0; j < some.length; j++) all[next++] = some[j];
  }
  makeRoom(all);
  actOn(context);
}

/** Has this VM a root context that ticks? */
function isAnyTicking(): bool {
  for (let i = 0; i < roots.length; i++) {
    if (roots[i].telemetry.isAccepted) return true;
  }
  return false;
}

/** Is every connection of the roots that the host has judged by a policy that is in force? */
function isNobodyBehind(): bool {
  for (let i = 0; i < roots.length; i++) {
    if (roots[i].isBehind) return false;
  }
  return true;
}

/**
 * Judges subscriptions that wait for it, whichever connections have them, in the callback of `context`: for one slice together with
 * what comes under a policy in other ticks of this turn, since each root context has a tick. Answers whether some may be left.
 */
function judgeSome(all: Connection[], context: u32): bool {
  for (let i = 0; i < all.length; i++) {
    if (!all[i].hasUnjudged) continue;
    // As in `catchUpSilent`.
    ensureRoom(context);
    const now = nowNanoseconds();
    if (catchingUp.rests(now)) return true;
    catchingUp.goOn(now);
    const isSomeLeft = judgeOn(all[i]);
    catchingUp.note(nowNanoseconds());
    if (isSomeLeft) return true;
  }
  return false;
}

/** Ends a member of a queue group that has lost its right and has said nothing since, with which its UNSUB could have gone. */
function endLostMember(connection: Connection, now: i64): void {
  if (connection.phase != Phase.OPEN) connection.queueLostSince = 0;
  else if (hasPassed(now, connection.queueLostSince, QUEUE_MILLISECONDS)) {
    connection.queueLostSince = 0;
    endRevoked(connection, Reason.NOT_ALLOWED);
  }
}

/** Is it time to close a connection that is ending? nats-server has had its time to close it. In DRY_RUN none is closed. */
function isDue(connection: Connection, now: i64): bool {
  const since = connection.endingSince;
  return since > 0 && !connection.observing && hasPassed(now, since, ENDING_MILLISECONDS);
}
