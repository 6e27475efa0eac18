import type { Host } from "../host/host.ts";
import { CONNECT, hmsg, INFO, msg, PONG, Wire } from "../host/wire.ts";
import { matchesLiterally } from "./naive-policy.ts";
import { parseChunks, type Operation } from "./nats-parser.ts";
import type { Shed } from "./shed.ts";
import { Judge, type SubscribePolicy } from "./subscribe-judge.ts";
import { SubscriptionHistory, type Subscription } from "./subscription-history.ts";

/** What a message has beside its subject. */
export interface Content {
  reply?: string;
  headers?: string;
  /** Behind the name by which the message is known. */
  rest?: string;
}

/** What nats-server has written: a PONG, or a message, whose subscription this records. */
interface Frame {
  text: string;
  message?: { subject: string; sub: Subscription };
}

/** Up to this many subscriptions are all judged with the first bytes under a policy (assembly/connection/revocations.ts). */
const AT_ONCE = 64;

const QUEUES = ["", "q1", "q2"];

const LIMITS = { controlLine: 4096, payload: 1024 };

/** Cuts a text behind its last whole line. */
function wholeLines(text: string): [lines: string, rest: string] {
  const end = text.lastIndexOf("\r\n") + 1;
  return end === 0 ? ["", text] : [text.slice(0, end + 1), text.slice(end + 1)];
}

/** Which frames are whole in what the client reads, and what it has read behind the last one. Texts of refusals may be between. */
function wholeFrames(read: string, frames: readonly Frame[]): { passes: boolean[]; left: string } {
  let at = 0;
  const skipErrors = (): void => {
    while (read.startsWith("-ERR ", at)) at = read.indexOf("\r\n", at) + 2;
  };
  const passes = frames.map(({ text }) => {
    skipErrors();
    const isWhole = read.startsWith(text, at);
    if (isWhole) at += text.length;
    return isWhole;
  });
  skipErrors();
  return { passes, left: read.slice(at) };
}

function told({ subject, queue, sid }: Subscription): string {
  return `"SUB ${subject} ${queue === "" ? "" : `${queue} `}${sid}"`;
}

/**
 * One connection through the filter: a client, which subscribes and reads when it likes, and nats-server, which delivers according
 * to the lines that have reached it.
 */
export class Session {
  readonly #wire: Wire;
  #policy: Judge;
  readonly #history: SubscriptionHistory;
  /** Written by nats-server and not yet read by the client. */
  readonly #waiting: Frame[] = [];
  /** Bytes of the first of these that have come already, and under which policy. */
  #begun = 0;
  #begunUnder: Judge | undefined;
  /** What the client has read of an unfinished frame. */
  #unfinished = "";
  /** What the client has sent and has not sent of an unfinished line, what has reached nats-server, and whether in DRY_RUN. */
  #sent = "";
  #unsent = "";
  #reached = "";
  #isObserved = false;
  #messages = 0;
  #isConnected = false;
  /** Sids that the client has given a maximum. */
  readonly #limited = new Set<string>();
  /**
   * The largest sid that has had a maximum, and whether one that may have had one was used again, which ends with a policy, or at
   * once where a maximum was told in DRY_RUN.
   */
  #largestLimited = -1;
  #isLimitedInDryRun = false;
  #mayHaveStray = false;
  #mayEnd = false;
  #mustEnd = false;
  /** A policy forbids a subscription that is or may be a queue group member's. Its connection is closed if it says nothing. */
  #mayClose = false;
  /** Sids that are live and count for the most that there may be, and whether one beyond that has passed in DRY_RUN. */
  readonly #counting = new Set<string>();
  #hasUncounted = false;
  #mayHaveUncounted = false;
  /** Nobody can tell from outside how far the filter has gone in ending it, and what passes meanwhile. */
  #isUnsure = false;
  /**
   * SUBs that the client has sent, that have reached nats-server, and that DRY_RUN counts as refused and as too many, if nobody doubts
   * it.
   */
  readonly subs = { sent: 0, reached: 0, refused: 0, tooMany: 0, isUnsure: false };
  /** Messages that have passed and DRY_RUN counts as refused: these at least, and these at most. */
  readonly observed = { least: 0, most: 0 };
  #mayBeAsked = false;
  /** Deliveries were surely asked about under some former policy, and have been since. */
  #staysAsked = false;
  /** One subscription of each name, of which hundreds share a few. */
  readonly #names = new Map<string, { subject: string; queue: string }>();
  passed = 0;
  keptBack = 0;

  constructor(
    host: Host,
    policy: SubscribePolicy,
    private readonly shed: Shed,
    readonly peer: string,
    readonly id: number,
  ) {
    this.#policy = new Judge(policy);
    this.#history = new SubscriptionHistory(host);
    this.#wire = new Wire(host, peer);
    this.#wire.connection.properties.set("connection.id", id);
    this.#wire.server(INFO);
    this.send([CONNECT]);
  }

  get isOpen(): boolean {
    return !this.#wire.connection.closed && !this.#isOver() && !this.#isUnsure;
  }

  /** Another policy comes into force. */
  follow(policy: SubscribePolicy): void {
    this.#noteFilter();
    // Of a policy that is followed by another the filter may not have heard.
    const mayHaveEnded = this.#isOver();
    const hasObserved = this.#policy.observes;
    const judge = (this.#policy = new Judge(policy));
    // In DRY_RUN what was enforced is asked about.
    this.#staysAsked &&= judge.asked !== undefined && (hasObserved || !judge.observes);
    if (judge.observes) {
      this.#isUnsure ||= mayHaveEnded;
      // nats-server is told now of what the filter has counted itself.
      this.#isLimitedInDryRun ||= this.#limited.size > 0;
      return;
    }
    this.#mustEnd ||= this.#hasUncounted;
    this.#mayEnd ||= this.#mayHaveStray || this.#mayHaveUncounted || this.#mustEnd;
    for (const sub of this.#history.all) {
      const isPermitted = judge.permits(sub.subject, sub.queue);
      sub.wasPermitted &&= isPermitted;
      this.#mayClose ||= !this.#history.isOnlyUse(sub.sid) || (!isPermitted && sub.queue !== "");
    }
  }

  /**
   * The client sends these lines in one chunk, without so many bytes of the last one, which come with the next lines. Returns what
   * is wrong with what reaches nats-server.
   */
  send(lines: readonly string[], without = 0): string | undefined {
    if (this.#wire.connection.closed || this.#isUnsure) return undefined;
    const wasOver = this.#isOver();
    const text = this.#unsent + lines.join("");
    const end = text.length - Math.min(without, Math.max(0, (lines.at(-1)?.length ?? 0) - 1));
    const chunk = text.slice(0, end);
    // A case that is made shorter may leave no bytes, and with none the filter is not called.
    if (chunk === "") return undefined;
    this.#revoke();
    this.#unsent = text.slice(end);
    const [sent, sentRest] = wholeLines(this.#sent + chunk);
    this.#isObserved ||= this.#policy.observes;
    const bytes = this.#wire.client(chunk);
    if (wasOver) return bytes === "" ? undefined : `behind its end it sends ${JSON.stringify(bytes)}`;
    if (this.#isOver()) {
      // Unless it has asked itself for what there was not, nothing passes. What nats-server says to an illegal line does.
      this.#isUnsure = bytes !== "";
      return undefined;
    }
    if (this.#isUnread && bytes !== chunk) return `what passes unread is changed: ${JSON.stringify(bytes)}`;
    const noted = parseChunks([Buffer.from(sent)], LIMITS).operations;
    const [reached, reachedRest] = wholeLines(this.#reached + bytes);
    const { operations, error } = parseChunks([Buffer.from(reached)], LIMITS);
    let problem: string | undefined;
    for (const operation of noted) {
      this.#note(operation);
      const found = operation.verb === "SUB" ? this.#judge(operation, operations) : undefined;
      problem ??= found;
      this.#isObserved = this.#policy.observes;
    }
    for (const operation of operations) this.#take(operation);
    // What ends the connection takes the whole chunk along.
    if (this.#mayEnd || this.#mustEnd) problem = undefined;
    if (noted.at(-1)?.verb === "PING") this.#history.pinged();
    if (error !== undefined) throw new Error(`nats-server would close the connection: ${error}`);
    this.#sent = sentRest;
    this.#reached = reachedRest;
    // A line that began in DRY_RUN passes, whatever the policy says when it ends.
    this.#isObserved = (this.#isObserved || this.#policy.observes) && sentRest !== "";
    this.#noteAsking();
    return problem;
  }

  /** A SUB that the client sends reaches nats-server, as one of `operations`, of which it takes all up to there, or it does not. */
  #judge(sub: Operation, operations: Operation[]): string | undefined {
    this.subs.sent++;
    const { argument, subject, queue } = sub;
    const place = operations.findIndex((each) => each.verb === "SUB");
    const passes = operations[place]?.argument === argument;
    const isPermitted = this.#policy.permits(subject, queue);
    const room = this.#room();
    // One whose line began in DRY_RUN is not refused. If it is one too many, nobody can judge it later, and the connection ends.
    this.#mayEnd ||= this.#isObserved && !this.#policy.observes && room !== true;
    if (!passes) {
      // As at nats-server, one too many puts the filter on as well (client.go processSubEx, canSubscribe).
      if (room !== true) this.#names.set(`${subject} ${queue}`, { subject, queue });
      const isDue = this.#policy.observes || (isPermitted && room === true);
      return isDue && !this.#wire.connection.closed ? `"SUB ${argument}" is withheld` : undefined;
    }
    for (const operation of operations.splice(0, place)) this.#take(operation);
    const isAllowed = this.#policy.observes || ((this.#isObserved || isPermitted) && this.#room() !== false);
    const { asked, observes } = this.#policy;
    // Which policy is asked about a line that began in DRY_RUN, nobody needs to know.
    this.subs.isUnsure ||= asked !== undefined && this.#isObserved && !observes;
    this.subs.refused += Number(asked?.permits(subject, queue) === false);
    this.#take(operations.shift()!);
    this.subs.reached++;
    return isAllowed ? undefined : `"SUB ${argument}" reaches nats-server`;
  }

  /**
   * Whether there may be one more. What a policy has revoked may count or not, until nats-server has the UNSUB, and a policy may have
   * revoked either SUB of a sid that had two.
   */
  #room(): boolean | "UNSURE" {
    if (this.#counting.size < this.#policy.most) return true;
    const sure = [...this.#counting].filter((sid) => this.#history.findSole(sid)?.wasPermitted === true);
    return sure.length < this.#policy.most && "UNSURE";
  }

  #isOver(): boolean {
    const shed = this.shed.of(this.id);
    return this.#mustEnd || shed === "ENDED" || (shed === "UNREAD" && !this.#policy.observes);
  }

  get #isUnread(): boolean {
    return this.#policy.observes && this.shed.of(this.id) === "UNREAD";
  }

  /** Somebody publishes, and nats-server delivers. */
  publish(subject: string, { reply = "", headers = "", rest = "" }: Content = {}): void {
    const all = this.#history.live;
    // Each pattern is checked once, because hundreds of subscriptions share a few.
    const patterns = [...new Set(all.map((sub) => sub.subject))].filter((each) => matchesLiterally(each, subject));
    for (const sub of all) {
      if (!patterns.includes(sub.subject)) continue;
      const payload = `message-${this.#messages++}${rest}`;
      const text =
        headers === "" ? msg(subject, sub.sid, payload, reply) : hmsg(subject, sub.sid, headers, payload, reply);
      this.#waiting.push({ text, message: { subject, sub } });
      this.#history.deliver(sub);
    }
  }

  /** The client reads at most this many PONGs and messages, and so many bytes of the next. Returns what is wrong with what it gets. */
  read(most = Infinity, more = 0): string | undefined {
    const frames = this.#waiting.splice(0, most);
    if (this.#wire.connection.closed || this.#isUnsure) return undefined;
    const begun = frames.length === 0 ? this.#begun : 0;
    const next = this.#waiting[0]?.text.slice(begun, -1).slice(0, more) ?? "";
    const chunk =
      frames
        .map(({ text }) => text)
        .join("")
        .slice(this.#begun - begun) + next;
    if (chunk === "") return undefined;
    this.#revoke();
    const bytes = this.#wire.server(chunk);
    if (this.#isOver()) return bytes === "" ? undefined : `behind its end it reads ${JSON.stringify(bytes)}`;
    if (this.#isUnread && bytes !== chunk) return `what passes unread is changed: ${JSON.stringify(bytes)}`;
    const { passes, left } = wholeFrames(this.#unfinished + bytes, frames);
    this.#unfinished = left;
    // The rest of a frame that was under way does not come when the connection has ended.
    const isCutOff = this.#mayEnd || (this.#waiting[0]?.text ?? "").startsWith(left);
    if (!isCutOff) return `the client reads ${JSON.stringify(left)}`;
    const begunUnder = this.#begunUnder;
    this.#begun = begun + next.length;
    if (begun === 0) this.#begunUnder = next === "" ? undefined : this.#policy;
    for (const [i, { message }] of frames.entries()) {
      if (message === undefined) continue;
      // What another policy has judged, or has let through as far as it had come.
      const { subject, sub } = message;
      const passed = passes[i]!;
      if (i === 0 && begunUnder !== undefined && begunUnder !== this.#policy) {
        this.observed.most += Number(passed);
        continue;
      }
      this.passed += Number(passed);
      this.keptBack += Number(!passed);
      if (passed) this.#observe(sub, subject);
      if (passed && this.#isForbidden(sub, subject)) return `a message on ${subject} passed for ${told(sub)}`;
      if (!passed && this.#isDue(sub, subject)) return `a message on ${subject} is lost for ${told(sub)}`;
    }
    this.#noteAsking();
    if (!this.#waiting.some(({ text }) => text === PONG)) this.#history.allAnswered();
    return undefined;
  }

  /**
   * Call it once the filter has had time and bytes for everything. Returns what nats-server still has although the policy forbids
   * it, or a needless end.
   */
  leftOver(): string | undefined {
    if (this.#isOver() || this.#isUnsure) return undefined;
    if (this.#wire.connection.closed) return this.#mayClose || this.#mayEnd ? undefined : "the connection was closed";
    if (this.#policy.observes || this.#mayEnd) return undefined;
    const left = this.#history.live.find(({ subject, queue }) => !this.#policy.permits(subject, queue));
    return left && `nats-server still has ${told(left)}`;
  }

  /** Call it some ticks after that. Returns that it is open and should not be. */
  staysOpen(): string | undefined {
    return this.#isOver() && !this.#isUnsure && !this.#wire.connection.closed ? "the connection stays open" : undefined;
  }

  #isForbidden(sub: Subscription, subject: string): boolean {
    const policy = this.#policy;
    if (policy.observes) return false;
    const history = this.#history;
    if (sub.isRevoked && history.isOnlyUse(sub.sid)) return true;
    if (!policy.permits(sub.subject, sub.queue)) {
      if (history.mayBeTakenForNext(sub)) return false;
      return history.isRemembered(sub) || !policy.permits(subject, "");
    }
    return history.isKnown(sub) && policy.filters(sub.subject, sub.queue) && policy.deniesMessage(subject, sub.queue);
  }

  /** Whether deliveries may be asked about. A newer policy goes on with that. */
  #noteFilter(): void {
    const strictest = this.#policy.asked ?? this.#policy;
    this.#mayBeAsked ||= [...this.#names.values()].some(({ subject, queue }) => strictest.filters(subject, queue));
  }

  /** A message has passed. Deliveries are not asked about as long as no subscription overlaps what is denied. */
  #observe(sub: Subscription, subject: string): void {
    const { asked } = this.#policy;
    if (!asked?.mayDenyMessage(subject)) return;
    this.#noteFilter();
    this.observed.most += Number(this.#mayBeAsked);
    if (!this.#isSurelyKnown(sub) || this.#history.isUnsettled) return;
    if (!asked.deniesMessage(subject, sub.queue)) {
      this.observed.most -= Number(this.#mayBeAsked);
      return;
    }
    const isAsked = this.#staysAsked || this.#needsAsking(sub) || this.#someNeedsAsking();
    this.observed.least += Number(isAsked);
  }

  #isSurelyKnown(sub: Subscription): boolean {
    return sub.isRecorded && this.#history.isRemembered(sub);
  }

  /** Whether deliveries are surely asked about for the sake of this subscription. */
  #needsAsking(sub: Subscription): boolean {
    const { asked } = this.#policy;
    return (
      asked !== undefined &&
      this.#isSurelyKnown(sub) &&
      sub.wasPermitted &&
      !this.#limited.has(sub.sid) &&
      // What another policy let through is filtered, though this one would refuse it.
      (sub.under !== this.#policy || asked.permits(sub.subject, sub.queue)) &&
      asked.filters(sub.subject, sub.queue)
    );
  }

  #someNeedsAsking(): boolean {
    const { all } = this.#history;
    return all.length <= AT_ONCE && all.some((each) => this.#needsAsking(each));
  }

  /** Call it when bytes have passed. A filter that is on stays on under further policies, as long as these ask, too. */
  #noteAsking(): void {
    this.#staysAsked ||= !this.#history.isUnsettled && this.#someNeedsAsking();
  }

  #isDue(sub: Subscription, subject: string): boolean {
    const policy = this.#policy;
    // server.test.ts covers what a sid brings that is used twice at once or has a maximum.
    if (this.#mayEnd || !sub.wasPermitted || !this.#history.isSole(sub) || this.#limited.has(sub.sid)) return false;
    if (policy.observes) return true;
    if (!this.#history.isKnown(sub)) return policy.permitsMessage(subject);
    if (this.#history.mayBeForgotten(sub)) {
      return policy.permitsMessage(subject) && QUEUES.every((queue) => !policy.deniesMessage(subject, queue));
    }
    if (this.#history.isUnsettled && !policy.permits(subject, "")) return false;
    return !policy.deniesMessage(subject, sub.queue);
  }

  /**
   * Bytes come, before which the filter ends what the policy does not permit. What passed under this policy although it does not permit
   * it, since its line began in DRY_RUN, may wait for the tick, and its messages do not pass (`judgeSubscriptions`).
   */
  #revoke(): void {
    if (this.#policy.observes || this.#history.all.length > AT_ONCE) return;
    for (const sub of this.#history.live) {
      if (this.#limited.has(sub.sid) || sub.under === this.#policy) continue;
      sub.isRevoked ||= !this.#policy.permits(sub.subject, sub.queue);
    }
  }

  /** The client sends it. */
  #note({ verb, sid, argument }: Operation): void {
    if (verb === "SUB") {
      this.#history.use(sid);
      const isStray = Number(sid) <= this.#largestLimited;
      this.#mayHaveStray ||= isStray;
      this.#mayEnd ||= isStray && (this.#isLimitedInDryRun || this.#isObserved) && !this.#policy.observes;
    } else if (verb === "UNSUB" && argument.includes(" ")) {
      this.#limited.add(sid);
      this.#largestLimited = Math.max(this.#largestLimited, Number(sid));
      this.#isLimitedInDryRun ||= this.#isObserved;
    } else if (verb === "CONNECT" && this.#isConnected) {
      this.#staysAsked = false;
      if (this.#isObserved) this.#history.unsettle();
    } else if (verb === "PING") this.#history.settlesWhenAnswered();
  }

  /** A SUB has reached nats-server. In DRY_RUN it may be one too many. Returns whether it surely is not. */
  #count(sid: string, subject: string, queue: string): boolean {
    const room = this.#room();
    if (room !== false) this.#counting.add(sid);
    if (room === true) return true;
    this.subs.isUnsure ||= room === "UNSURE";
    this.#mayHaveUncounted = true;
    this.#hasUncounted ||= room === false;
    if (this.#policy.observes && this.#policy.asked!.permits(subject, queue)) this.subs.tooMany++;
    return false;
  }

  /** It has reached nats-server. */
  #take({ verb, subject, queue, sid, argument }: Operation): void {
    if (verb === "UNSUB" && !argument.includes(" ")) this.#counting.delete(sid);
    if (verb === "PING") this.#waiting.push({ text: PONG });
    else if (verb === "CONNECT") {
      this.#isConnected = true;
      this.#history.beginAnew();
      this.#counting.clear();
      this.#hasUncounted = this.#mayHaveUncounted = false;
    } else if (verb === "SUB") {
      const isRecorded = this.#count(sid, subject, queue);
      // The filter may be on for its sake, though nats-server makes nothing of it where the sid is taken.
      this.#names.set(`${subject} ${queue}`, { subject, queue });
      const isPermitted = this.#policy.permits(subject, queue);
      // One whose line began in DRY_RUN passes, and is revoked.
      const wasPermitted = this.#policy.observes || isPermitted;
      const of = { sid, subject, queue, under: this.#policy, isRecorded, wasPermitted };
      const hasBegun = this.#history.begin(of, this.#isObserved);
      this.#mayClose ||= hasBegun && !wasPermitted && queue !== "";
    } else if (verb === "UNSUB") this.#history.unsubscribe(sid, argument);
  }
}
