import { Buffer } from "../bytes/buffer";
import { ConnectOptions } from "../nats/connect";
import { PolicyDocument } from "../policy/document";
import { Mode } from "../policy/rules";
import { OTHER_CLASS } from "../policy/subject-classes";
import { Totals } from "../telemetry/audit";
import { Meter } from "../telemetry/meter";
import { RateLimit } from "../telemetry/rate-limit";
import { Sampler } from "../telemetry/sampler";
import { Access } from "./access";
import { ExpectedPongs } from "./expected-pongs";
import { OpenRequests, RequestTable } from "./open-requests";
import { policyEpoch } from "./policy-epoch";
import { Subscriptions } from "./subscriptions";

/** Beside the length of a sid in `Connection.unsubscribe`: its UNSUB has the maximum of its subscription. */
export const WITH_MAXIMUM: i32 = 1 << 30;

/** How far a connection has come. */
export const enum Phase {
  /** The client has sent nothing yet, so nothing is known of it. */
  NEW = 0,
  /** Its operations are judged. */
  OPEN = 1,
  /** Nothing of the client's is forwarded any more; what the server still says reaches the client. */
  ENDING = 2,
  /** Nothing passes in either direction. */
  ENDED = 3,
  /** In DRY_RUN, a stream that cannot be read: it passes unread. */
  UNREAD = 4,
}

/** What the first PING after CONNECT was, which makes nats-server send a second INFO. */
export const enum FirstPing {
  NONE = 0,
  CLIENT = 1,
  OURS = 2,
}

/**
 * All that is kept of one connection and that its bytes need; the two pipelines are in to-server.ts and to-client.ts.
 * It lies outside the collector's heap, since the compiler keeps a shadow stack for every function that touches managed
 * objects, which cost half of a message's time (docs/adr/0007). What is only needed now and then is in `Client`.
 */
@unmanaged
@final
export class Connection {
  phase: Phase = Phase.NEW;
  /** Since when (milliseconds) the connection is ENDING or ENDED; 0 before. */
  endingSince: i64 = 0;
  /** Nothing is edited or closed: the configuration is in DRY_RUN. */
  observing: bool;
  /** The same is to be so, as soon as nothing is withheld any more (live-policy.ts). */
  willObserve: bool = false;
  /** Of the policy that it is under (policy-epoch.ts). */
  policyEpoch: u32 = policyEpoch;
  /** Of an unfinished line in that direction the beginning has passed already, in DRY_RUN: its rest must pass too. */
  toServerPassed: bool = false;
  toClientPassed: bool = false;

  access: Access | null = null;
  /** What dry-run rules would have decided. */
  shadow: Access | null = null;

  /** Who counts for the peer; null until it is known. */
  meter: Meter | null = null;
  readonly totals: Totals = new Totals();
  /** The plugin's (plugin-telemetry.ts). */
  sampler: Sampler | null = null;
  /** How many refusals its plugin's audit records; there as long as that plugin has a connection. */
  refusalRate: RateLimit | null = null;
  requests: RequestTable | null = null;
  services: RequestTable | null = null;
  /** Requests of the client that wait for their answer, and deliveries that wait for its reply; null before the first. */
  awaited: OpenRequests | null = null;
  served: OpenRequests | null = null;
  /** When the peer became known, in milliseconds. */
  openedAt: i64 = 0;
  /** Subscriptions that the gauge knows of. */
  reportedSubscriptions: i32 = 0;
  /** When a PING of the client was sent that is being timed, in nanoseconds; 0: none is. */
  pingSince: i64 = 0;

  /** Client to server: an unfinished line, and what is left of a payload with its CR LF. */
  readonly toServerTail: Buffer = new Buffer();
  toServerPayload: i32 = 0;
  /** The lines read last announced a payload larger than FAR (proxy/chunk.ts). */
  toServerLarge: bool = false;
  /** The payload belongs to a refused publish. */
  dropsPayload: bool = false;
  /** The client waits under StopIteration until `pongs` has drained; this many bytes are held. */
  held: i32 = 0;
  readonly options: ConnectOptions = new ConnectOptions();
  readonly subscriptions: Subscriptions = new Subscriptions();
  /** In DRY_RUN it has more subscriptions than `limits.subscriptions`, and so some that nothing is known of. */
  hasUnrecorded: bool = false;
  /** Some subscriptions wait to be judged by a newer policy (revocations.ts). */
  hasUnjudged: bool = false;
  /** Sids, each with its length before it (and WITH_MAXIMUM), whose UNSUB goes to the server with the next bytes. */
  readonly unsubscribe: Buffer = new Buffer();
  /** Since when (milliseconds) a member of a queue group in `unsubscribe` swallows messages of the group; 0: none. */
  queueLostSince: i64 = 0;

  /** Server to client. */
  readonly toClientTail: Buffer = new Buffer();
  toClientPayload: i32 = 0;
  toClientLarge: bool = false;
  dropsDelivery: bool = false;
  readonly pongs: ExpectedPongs = new ExpectedPongs();
  /** The next +OK answers an UNSUB of ours. */
  swallowsOk: bool = false;
  firstPing: FirstPing = FirstPing.NONE;
  /** The INFO that our PING called forth before the client's own. */
  readonly heldInfo: Buffer = new Buffer();
  /** Lines of our own that go to the client with the next bytes. */
  readonly notices: Buffer = new Buffer();

  /** From INFO. Until the first one nats-server's default holds. */
  maxPayload: i32 = 1_048_576;
  serverHeaders: bool = true;
  authRequired: bool = false;
  clientId: u64 = 0;
  untestedServer: bool = false;
  /** The server wants TLS inside the stream, where no client behind this filter can have it. */
  serverRequiresTls: bool = false;
  /** The proxy speaks TLS with nats-server for the client. */
  originatesTls: bool = false;
  /** The minor version of nats-server 2, 0 when unknown. */
  serverMinor: i32 = 0;

  /** Addresses of other servers are left out of INFO. */
  removesUrls: bool = false;
  /** The configuration's limits (policy/config-limits.ts). */
  controlLineLimit: i32 = 0;
  payloadLimit: i32 = 0;
  headersLimit: i32 = 0;
  subscriptionsLimit: i32 = 0;
  outstandingRepliesLimit: i32 = 0;

  constructor(
    /** The host's number of the connection. */
    readonly id: u32,
    document: PolicyDocument,
  ) {
    this.observing = document.mode == Mode.DRY_RUN;
    this.useSettings(document);
  }

  /** All that the configuration says beside rules and mode. */
  useSettings(document: PolicyDocument): void {
    const limits = document.limits;
    this.removesUrls = document.removesUrls;
    this.controlLineLimit = limits.controlLine;
    this.payloadLimit = limits.payload;
    this.headersLimit = limits.headers;
    this.subscriptionsLimit = limits.subscriptions;
    this.outstandingRepliesLimit = limits.outstandingReplies;
  }

  /**
   * `UNSUB sid` goes to the server with the next bytes. Answers false when the budget has no room, and then nothing has
   * changed.
   */
  sendLater(sid: usize, length: i32): bool {
    return this.remember(sid, length, 0);
  }

  /** The same with the maximum that the subscription has then. */
  tellLater(sid: usize, length: i32): bool {
    return this.remember(sid, length, WITH_MAXIMUM);
  }

  private remember(sid: usize, length: i32, flag: i32): bool {
    const due = this.unsubscribe;
    if (!due.reserve(4 + length)) return false;
    store<i32>(due.pointer + <usize>due.length, length | flag);
    due.length += 4;
    due.append(sid, length);
    return true;
  }

  /**
   * Are deliveries filtered by their own subjects? Also where subscriptions wait to be judged, any of which may make it so: then what a
   * newer policy denies does not pass meanwhile.
   */
  // @ts-ignore: decorator
  @inline
  get isFiltered(): bool {
    const access = this.access;
    return access != null && (access.filtering || (this.hasUnjudged && access.permissions.hasSubscribeDeny));
  }

  /** nats-server takes nothing but CONNECT yet. */
  get awaitsAuthentication(): bool {
    return this.authRequired && !this.options.received;
  }

  /**
   * Bytes of refusals and maxima that wait for their PONG. A refusal whose payload is still coming does not count, since
   * its PING is sent behind the payload: waiting for it would be waiting for ourselves.
   */
  get awaitedBytes(): i32 {
    return this.pongs.size - (this.dropsPayload ? this.pongs.lastSize : 0);
  }

  /** Bytes that a payload may have: nats-server's `max_payload`, and the configuration's limit if it is lower. */
  get largestPayload(): i32 {
    return this.payloadLimit > 0 ? min(this.payloadLimit, this.maxPayload) : this.maxPayload;
  }

  /** Bytes of the VM's budget that this connection holds. */
  get budgetedBytes(): i64 {
    return this.ownBytes + this.grantedBytes;
  }

  /** Of these what the client has made it hold. */
  get ownBytes(): i64 {
    return (
      <i64>this.toServerTail.capacity +
      <i64>this.toClientTail.capacity +
      <i64>this.heldInfo.capacity +
      <i64>this.unsubscribe.capacity +
      <i64>this.notices.capacity +
      this.pongs.heldBytes +
      this.subscriptions.heldBytes
    );
  }

  /** Of these what others have, whose requests this client may answer. */
  get grantedBytes(): i64 {
    const access = this.access;
    const shadow = this.shadow;
    return (access == null ? 0 : access.heldBytes) + (shadow == null ? 0 : shadow.heldBytes);
  }

  /** What a further CONNECT does at the server: subscriptions, grants and filters begin anew (client.go processConnect). */
  beginAnew(): void {
    this.subscriptions.beginAnew();
    this.hasUnrecorded = false;
    this.unsubscribe.release();
    this.queueLostSince = 0;
    const access = this.access;
    if (access != null) access.beginReset();
    const shadow = this.shadow;
    if (shadow != null) shadow.beginReset();
  }

  /** Before a server that keeps subscriptions: only what was granted is granted no more. */
  forgetGrants(): void {
    const access = this.access;
    if (access != null) access.forgetGrants();
    const shadow = this.shadow;
    if (shadow != null) shadow.forgetGrants();
  }

  /** What is enforced, or in DRY_RUN what would be; null where neither is known yet. */
  // @ts-ignore: decorator
  @inline
  private get judging(): Access | null {
    const access = this.access;
    return access != null ? access : this.shadow;
  }

  /** Is a PONG to show when the server has taken a further CONNECT? One that was enforced, though DRY_RUN may have come since. */
  get awaitsConnect(): bool {
    const judging = this.judging;
    return judging != null && judging.isResetting;
  }

  /** The server has taken that CONNECT. */
  hasBegunAnew(): void {
    const access = this.access;
    if (access != null) access.finishReset();
    const shadow = this.shadow;
    if (shadow != null) shadow.finishReset();
    if (!this.observing && !this.awaitsConnect) this.subscriptions.settle();
  }

  /** The class of a subject, by the configuration's list. */
  classOf(subject: usize, length: i32): i32 {
    const judging = this.judging;
    return judging == null ? OTHER_CLASS : judging.permissions.classOf(subject, length);
  }

  /** Some of its allowed operations are audited. */
  get samples(): bool {
    const sampler = this.sampler;
    return sampler != null && sampler.isOn;
  }

  /** The peer is known, and counted by this meter. */
  countBy(meter: Meter): void {
    this.meter = meter;
    const awaited = this.awaited;
    if (awaited != null) awaited.meter = meter;
    const served = this.served;
    if (served != null) served.meter = meter;
  }

  /** Nothing that waits will be answered any more. */
  endExchanges(): void {
    const requests = this.requests;
    const awaited = this.awaited;
    if (requests != null && awaited != null) requests.closeAll(awaited);
    const services = this.services;
    const served = this.served;
    if (services != null && served != null) services.closeAll(served);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.endExchanges();
    const awaited = this.awaited;
    if (awaited != null) awaited.destroy();
    const served = this.served;
    if (served != null) served.destroy();
    this.totals.destroy();
    this.toServerTail.destroy();
    this.toClientTail.destroy();
    this.unsubscribe.destroy();
    this.notices.destroy();
    this.heldInfo.destroy();
    this.pongs.destroy();
    this.subscriptions.destroy();
    heap.free(changetype<usize>(this.options));
    const access = this.access;
    if (access != null) access.destroy();
    const shadow = this.shadow;
    if (shadow != null) shadow.destroy();
    heap.free(changetype<usize>(this));
  }
}
