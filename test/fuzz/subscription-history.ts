import type { Host } from "../host/host.ts";
import { ServerSubscriptions, type ServerSubscription } from "./server-subscriptions.ts";
import type { Judge } from "./subscribe-judge.ts";

/** What is known of a subscription when its SUB reaches nats-server. */
interface Begun {
  sid: string;
  subject: string;
  queue: string;
  /** The policy under which its SUB passed. */
  under: Judge;
  /** It was surely not one too many, of which the filter would know nothing. */
  isRecorded: boolean;
  /** Each policy that was enforced since its SUB has permitted it. */
  wasPermitted: boolean;
}

/** A subscription that nats-server has or has had. */
export interface Subscription extends Begun, ServerSubscription {
  /** How many there were before it. */
  number: number;
  /** Its SUB passed in DRY_RUN when the filter may have forgotten one with its sid or a larger one. */
  mayHaveFormer: boolean;
  /**
   * Bytes have come under a later policy, which does not permit it. From then on none of its messages may pass, under any later policy
   * and after any further CONNECT.
   */
  isRevoked: boolean;
  /** A maximum has ended it at nats-server, and no further UNSUB has come since. To the filter it may end at any time. */
  endedByMaximum: boolean;
  /** When an UNSUB without a maximum that ends it has reached nats-server, in nanoseconds, and how many others had ended so by then. */
  ended?: { at: bigint; place: number };
}

/** So long, in nanoseconds, and so many at a time, the filter remembers at least what has ended. */
const REMEMBERED = 10_000_000_000n;
const MOST_REMEMBERED = 256;

/**
 * The subscriptions that nats-server has and has had on one connection, and to which of them the filter can tell that a message belongs
 * (docs/adr/0006).
 */
export class SubscriptionHistory {
  readonly #live = new ServerSubscriptions<Subscription>();
  readonly #all: Subscription[] = [];
  /** How many have `ended`, and how many are `endedByMaximum`. */
  #endings = 0;
  #endedByMaximum = 0;
  /** How many SUBs the client has sent with a sid. */
  readonly #uses = new Map<string, number>();
  /** Sids with which a SUB has reached nats-server while another subscription had them. */
  readonly #doubled = new Set<string>();
  /** How many subscriptions there were when the client sent its last PING, and when it sent the last one that is answered. */
  #pinged = 0;
  #answered = 0;
  /** Subscriptions that a further CONNECT has ended. */
  #dropped = new Set<Subscription>();
  /** A further CONNECT has gone out in DRY_RUN. The PONG for a client's PING after it shows whether nats-server has read it. */
  #unsettled: "" | "SILENT" | "PINGED" = "";
  /** When the last one did, in nanoseconds. */
  #connectedAt = 0n;

  constructor(private readonly host: Host) {}

  /** What nats-server has now. */
  get live(): readonly Subscription[] {
    return this.#live.all;
  }

  get all(): readonly Subscription[] {
    return this.#all;
  }

  /** The live one of this sid, unless another SUB has come with that sid. */
  findSole(sid: string): Subscription | undefined {
    return this.#doubled.has(sid) ? undefined : this.#live.find(sid);
  }

  /** The client sends a SUB with this sid. */
  use(sid: string): void {
    this.#uses.set(sid, (this.#uses.get(sid) ?? 0) + 1);
  }

  isOnlyUse(sid: string): boolean {
    return this.#uses.get(sid) === 1;
  }

  /** A SUB reaches nats-server, which may have passed because it was `observed`, in DRY_RUN. Returns whether its sid was not live. */
  begin(begun: Begun, observed: boolean): boolean {
    if (this.#live.find(begun.sid) !== undefined) {
      this.#doubled.add(begun.sid);
      return false;
    }
    const sub = {
      ...{ ...begun, number: this.#all.length, delivered: 0, max: 0 },
      ...{ isRevoked: false, endedByMaximum: false },
      mayHaveFormer: observed && this.#mayHaveForgotten(Number(begun.sid)),
    };
    this.#live.begin(sub);
    this.#all.push(sub);
    return true;
  }

  deliver(sub: Subscription): void {
    if (this.#live.deliver(sub)) this.#endByMaximum(sub);
  }

  /** An UNSUB with these arguments reaches nats-server. */
  unsubscribe(sid: string, argument: string): void {
    const live = this.#live.find(sid);
    const hasEnded = live !== undefined && this.#live.unsubscribe(live, argument);
    if (argument.includes(" ")) {
      if (hasEnded) this.#endByMaximum(live);
      return;
    }
    const sub = live ?? this.#all.findLast((each) => each.sid === sid);
    if (sub === undefined || !(hasEnded || sub.endedByMaximum)) return;
    this.#endedByMaximum -= Number(sub.endedByMaximum);
    sub.endedByMaximum = false;
    sub.ended = { at: this.host.now, place: ++this.#endings };
  }

  #endByMaximum(sub: Subscription): void {
    sub.endedByMaximum = true;
    this.#endedByMaximum++;
  }

  /** A CONNECT reaches nats-server. */
  beginAnew(): void {
    this.#live.forgetAll();
    this.#dropped = new Set(this.#all);
  }

  /** The client sends a further CONNECT in DRY_RUN. */
  unsettle(): void {
    this.#unsettled = "SILENT";
    this.#connectedAt = this.host.now;
  }

  /** The client sends a PING, whose PONG shows that nats-server has read what came before. */
  settlesWhenAnswered(): void {
    if (this.#unsettled !== "") this.#unsettled = "PINGED";
  }

  get isUnsettled(): boolean {
    return this.#unsettled !== "";
  }

  /** The client has sent a PING behind everything. */
  pinged(): void {
    this.#pinged = this.#all.length;
  }

  /** The client has read all PONGs. */
  allAnswered(): void {
    this.#answered = this.#pinged;
    if (this.#unsettled === "PINGED") this.#unsettled = "";
  }

  /** Whether the filter can know that a message belongs to it. If not, the message's own subject decides. */
  isKnown(sub: Subscription): boolean {
    return this.isSole(sub) && !this.#dropped.has(sub);
  }

  /** Whether the filter knows that and what it was. */
  isRemembered(sub: Subscription): boolean {
    return this.isKnown(sub) && !this.mayBeForgotten(sub);
  }

  /** Whether the filter need not know any more what it was. It is then taken for a member of every queue group. */
  mayBeForgotten({ ended }: Subscription): boolean {
    if (ended === undefined) return false;
    const most = this.#endings - ended.place + this.#endedByMaximum;
    return this.host.now - ended.at >= REMEMBERED || most >= MOST_REMEMBERED;
  }

  #mayHaveForgotten(leastSid: number): boolean {
    return this.#all.some((each) => Number(each.sid) >= leastSid && (each.endedByMaximum || this.mayBeForgotten(each)));
  }

  /** Whether nobody else has used its sid, or all messages of those who had it before it are here. */
  isSole({ sid, number, mayHaveFormer }: Subscription): boolean {
    if (this.isOnlyUse(sid) && !mayHaveFormer) return true;
    return (
      number < this.#answered &&
      !this.#doubled.has(sid) &&
      this.#all.findLast((each) => each.sid === sid)!.number === number
    );
  }

  /**
   * Whether messages from before a further CONNECT may pass for those of the next subscription with the sid: if no PONG shows in
   * DRY_RUN that nats-server has read the CONNECT, that is assumed after a while.
   */
  mayBeTakenForNext(sub: Subscription): boolean {
    const isAssumed = this.isUnsettled && this.host.now - this.#connectedAt >= REMEMBERED;
    return isAssumed && this.#dropped.has(sub) && !this.isOnlyUse(sub.sid);
  }
}
