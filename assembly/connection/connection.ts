import { Buffer } from "../bytes/buffer";
import { Embedded, embeddedIn } from "../bytes/embedded";
import { ConnectOptions } from "../nats/connect";
import { PolicyDocument } from "../policy/document";
import { Mode } from "../policy/rules";
import { OTHER_CLASS } from "../policy/subject-classes";
import { Meter } from "../telemetry/meter";
import { RateLimit } from "../telemetry/rate-limit";
import { Sampler } from "../telemetry/sampler";
import { Unanswered } from "../telemetry/series";
import { Totals } from "../telemetry/totals";
import { Access } from "./access";
import { ExpectedPongs } from "./expected-pongs";
import { OpenRequests, RequestTable } from "./open-requests";
import { policyEpoch } from "./policy-epoch";
import { Subscriptions } from "./subscriptions";

/** In `Connection.endingSince`. */
const CLOSED: i64 = -1;

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
 * All that is kept of one connection and that its bytes need; the two pipelines are in to-server.ts and to-client.ts. It lies
 * outside the collector's heap, since the compiler keeps a shadow stack for every function that touches managed objects, which
 * cost half of a message's time (docs/adr/0007). What is not needed for each byte is in `Client`.
 */
@unmanaged
@final
export class Connection extends Totals {
  // What lies in the connection itself. It is aligned to 16 bytes, and all else is in an order that leaves few gaps: with 4 bytes
  // more the allocator takes 16 for each connection, and 10,000 of as many principals no longer fit 200 pages (test/host/scale.test.ts).
  private readonly awaitedEmbedded: Embedded;
  private readonly servedEmbedded: Embedded;
  private readonly toServerTailEmbedded: Embedded;
  private readonly dueUnsubscribesEmbedded: Embedded;
  private readonly toClientTailEmbedded: Embedded;
  private readonly heldInfoEmbedded: Embedded;
  private readonly noticesEmbedded: Embedded;

  phase: Phase = Phase.NEW;
  /** The epoch of the policy that it is under (policy-epoch.ts). */
  policyEpoch: u32 = policyEpoch;
  /** Since when (milliseconds) the connection is ENDING or ENDED; 0 before, CLOSED once the host has been told to close it. */
  endingSince: i64 = 0;
  /** Nothing is edited or closed: the configuration is in DRY_RUN. */
  observing: bool;
  /** `observing` is to be true as soon as nothing that was edited or withheld is under way any more (live-policy.ts). */
  willObserve: bool = false;
  /** The beginning of an unfinished line in that direction has passed in DRY_RUN already, so that its rest must pass too. */
  toServerPassed: bool = false;
  toClientPassed: bool = false;

  /** What is enforced; null before the first bytes, and in DRY_RUN. */
  access: Access | null = null;
  /** What rules in DRY_RUN would decide as well, or in DRY_RUN all rules; null where there are none. */
  shadow: Access | null = null;

  /** Who counts for the peer; null until it is known. */
  meter: Meter | null = null;
  /** The plugin's (plugin.ts). */
  sampler: Sampler | null = null;
  /** How many refusals its plugin's audit records; there as long as the VM lives. */
  refusalRate: RateLimit | null = null;
  /** The plugin's tables of open requests: those of its clients, and those that were delivered to them. */
  requests: RequestTable | null = null;
  services: RequestTable | null = null;
  /** The client's requests that wait for their answer. */
  get awaited(): OpenRequests {
    return embeddedIn<OpenRequests>(changetype<usize>(this), offsetof<Connection>("awaitedEmbedded"));
  }
  /** Deliveries that wait for the client's reply. */
  get served(): OpenRequests {
    return embeddedIn<OpenRequests>(changetype<usize>(this), offsetof<Connection>("servedEmbedded"));
  }
  /** Live subscriptions that the gauge has been told of. */
  reportedSubscriptions: i32 = 0;
  /** When the peer was let in, in milliseconds; 0: it was not. */
  openedAt: i64 = 0;
  /** When a PING of the client that is being timed was sent, in nanoseconds; 0: none is timed. */
  pingSince: i64 = 0;

  /** From the client: an unfinished line, which is withheld (in DRY_RUN it has passed). */
  get toServerTail(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<Connection>("toServerTailEmbedded"));
  }
  /** From the client: bytes of a payload, with its CR LF, that are still to come. */
  toServerPayload: i32 = 0;
  /** The last callback announced a payload larger than FAR (proxy/chunk.ts). */
  toServerLarge: bool = false;
  /**
   * The line that `passLonger` of plain-publishes.ts has read last had a reply subject, or such a one of plain-deliveries.ts. The
   * next one is likely to have one too.
   */
  sendsRequests: bool = false;
  receivesRequests: bool = false;
  /** The client's library takes MSGs for others that the short ways would pass (nats/library-blanks.ts). */
  mayMisreadMsg: bool = false;
  /** The payload that is still to come is of a refused publish. */
  dropsPayload: bool = false;
  /**
   * Since when (milliseconds) one of `dueUnsubscribes` has been of a member of a queue group, which swallows messages of the group;
   * 0: none is.
   */
  queueLostSince: i64 = 0;
  /** So many bytes of the client are held by the host under StopIteration until `pongs` has drained; 0: none are. */
  held: i32 = 0;
  readonly options: ConnectOptions = new ConnectOptions();
  subscriptions: Subscriptions = new Subscriptions();
  /** The largest sid of which nats-server was told a maximum, and whether a SUB has had such a one since (stray-subscriptions.ts). */
  largestLimited: i32 = -1;
  mayHaveStray: bool = false;
  /** A SUB has gone to the server. From then on no CONNECT may turn headers on or off. */
  hasSubscribed: bool = false;
  /** In DRY_RUN the client has made more subscriptions than `limits.subscriptions`, of which nothing is known here. */
  hasUnrecorded: bool = false;
  /** Some subscriptions wait to be judged by a newer policy (revocations.ts). */
  hasUnjudged: bool = false;
  /** UNSUBs of ours that go to the server with the client's next operation (due-unsubscribes.ts). */
  get dueUnsubscribes(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<Connection>("dueUnsubscribesEmbedded"));
  }

  /** From the server: the same as for the client's bytes. */
  get toClientTail(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<Connection>("toClientTailEmbedded"));
  }
  toClientPayload: i32 = 0;
  toClientLarge: bool = false;
  /** The payload that is still to come is of a delivery that is kept back. */
  dropsDelivery: bool = false;
  /** The next +OK answers an UNSUB of ours. */
  swallowsOk: bool = false;
  pongs: ExpectedPongs = new ExpectedPongs();
  firstPing: FirstPing = FirstPing.NONE;
  /** The INFO that nats-server sent after a PING of ours, held until the PONG of the client's first PING. */
  get heldInfo(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<Connection>("heldInfoEmbedded"));
  }
  /** Lines of our own that go to the client with the server's next bytes. */
  get notices(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<Connection>("noticesEmbedded"));
  }

  /** From INFO, in bytes; i32.MAX_VALUE for no limit. Until the first INFO nats-server's default holds, as for what follows. */
  maxPayload: i32 = 1_048_576;
  clientId: u64 = 0;
  /** The minor version of nats-server 2, 0 when unknown. */
  serverMinor: i32 = 0;
  serverHeaders: bool = true;
  /** Has nats-server sent an INFO yet? */
  hasInfo: bool = false;
  authRequired: bool = false;
  untestedServer: bool = false;
  /** The server requires TLS inside the stream, which no client behind this filter can have. */
  serverRequiresTls: bool = false;
  /** The proxy itself speaks TLS with nats-server, in the client's place. */
  originatesTls: bool = false;

  /** Addresses of other servers are left out of INFO. */
  removesUrls: bool = false;
  /** nats-server was not told in DRY_RUN that a maximum was reached, or may not have been (stray-subscriptions.ts). */
  mayHaveUntold: bool = false;
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
    super();
    this.observing = document.mode == Mode.DRY_RUN;
    this.useSettings(document);
  }

  /** Takes over what the configuration says beside rules and mode. */
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
   * Are deliveries filtered by their own subjects? They are, too, while subscriptions wait to be judged by a newer policy that
   * has deny entries: any of them may need the filter, and what is denied must not pass meanwhile.
   */
  // @ts-ignore: decorator
  @inline
  get isFiltered(): bool {
    const access = this.access;
    return access != null && (access.filtering || (this.hasUnjudged && access.permissions.hasSubscribeDeny));
  }

  /** Does nats-server take nothing but CONNECT yet, or may it, before its INFO has come, which a client need not wait for? */
  get awaitsAuthentication(): bool {
    return (this.authRequired || !this.hasInfo) && !this.options.received;
  }

  /**
   * Bytes of the records that wait for their PONG, which `limits.outstandingReplies` bounds. A refusal whose payload is still
   * coming does not count, since its PING goes behind the payload: waiting for that PONG would be waiting for ourselves.
   */
  get outstandingBytes(): i32 {
    return this.pongs.size - (this.dropsPayload ? this.pongs.lastSize : 0);
  }

  /** Bytes that a payload may have: nats-server's `max_payload`, and the configuration's limit if it is lower. */
  get largestPayload(): i32 {
    return this.payloadLimit > 0 ? min(this.payloadLimit, this.maxPayload) : this.maxPayload;
  }

  /** The same, but 0 as long as nats-server has not told its own. */
  get toldLargestPayload(): i32 {
    return this.hasInfo ? this.largestPayload : 0;
  }

  /** Nothing that was asked before may be answered by a grant any more. */
  forgetGrants(): void {
    const access = this.access;
    if (access != null) access.forgetGrants();
    const shadow = this.shadow;
    if (shadow != null) shadow.forgetGrants();
  }

  /** What is enforced, or in DRY_RUN what would be. Null where the peer is not known yet. */
  // @ts-ignore: decorator
  @inline
  get judging(): Access | null {
    const access = this.access;
    return access != null ? access : this.shadow;
  }

  /**
   * What decides about a plain message: if its lists allow that, it passes, and nothing is reported. Rules in DRY_RUN only deny
   * more (rule-set.ts `compile`), so that it is `shadow` where there is one.
   */
  // @ts-ignore: decorator
  @inline
  get strictest(): Access | null {
    const shadow = this.shadow;
    return shadow != null ? shadow : this.access;
  }

  /**
   * Is a PONG on its way that shows that the server has taken a further CONNECT? Only after one that was enforced, though
   * DRY_RUN may have begun since.
   */
  get awaitsConnect(): bool {
    const judging = this.judging;
    return judging != null && judging.isResetting;
  }

  /** The class of a subject, by the configuration's list. */
  classOf(subject: usize, length: i32): i32 {
    const judging = this.judging;
    return judging == null ? OTHER_CLASS : judging.permissions.classOf(subject, length);
  }

  /** The plugin's sampler, if it picks any operation; else null. */
  // @ts-ignore: decorator
  @inline
  get picking(): Sampler | null {
    const sampler = this.sampler;
    return sampler != null && sampler.isOn ? sampler : null;
  }

  /** The peer is known, or has become another: this meter counts from now on. */
  countBy(meter: Meter): void {
    this.meter = meter;
    this.awaited.meter = meter;
    this.served.meter = meter;
  }

  /** Does what cannot be read pass? Not in a line that began in DRY_RUN under an older policy: after that the connection ends. */
  get passesUnread(): bool {
    return this.observing && !this.toServerPassed && !this.toClientPassed;
  }

  /** Has the operation in hand, which could be read, ended the connection, so that nobody gets it? */
  get hasJustEnded(): bool {
    return this.phase == Phase.ENDED || (this.phase == Phase.UNREAD && !this.passesUnread);
  }

  /** Gives up all that waits for an answer, since none will come, or none that is seen here. */
  endExchanges(why: Unanswered): void {
    const requests = this.requests;
    if (requests != null) requests.giveUpAll(this.awaited, why);
    const services = this.services;
    if (services != null) services.giveUpAll(this.served, why);
  }

  /**
   * The host has been told to close the connection. It first flushes what the client has not read yet, so that a client that
   * does not read keeps the connection for as long as it likes. All that it holds of the budget goes now.
   */
  close(): void {
    this.phase = Phase.ENDED;
    this.endingSince = CLOSED;
    this.giveUp();
  }

  /** Gives back all that the connection holds of the budget. Nothing may be read any more, whether it passes or not. */
  giveUp(): void {
    this.release();
    this.pongs = new ExpectedPongs();
    this.subscriptions = new Subscriptions();
    this.forgetGrants();
  }

  /** Gives back all parts that hold something of the budget; `pongs` and `subscriptions` must not be used again. */
  private release(): void {
    this.toServerTail.release();
    this.toClientTail.release();
    this.dueUnsubscribes.release();
    this.notices.release();
    this.heldInfo.release();
    this.pongs.destroy();
    this.subscriptions.destroy();
  }

  /** What its rules say is not asked any more. */
  forgetRights(): void {
    const access = this.access;
    const shadow = this.shadow;
    this.access = null;
    this.shadow = null;
    if (access != null) access.destroy();
    if (shadow != null) shadow.destroy();
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.endExchanges(Unanswered.CLOSED);
    this.release();
    heap.free(changetype<usize>(this.options));
    this.forgetRights();
    heap.free(changetype<usize>(this));
  }
}
