/** A subscription as nats-server has it. */
export interface ServerSubscription {
  sid: string;
  subject: string;
  delivered: number;
  /** 0 without a maximum. */
  max: number;
}

/** The live subscriptions of one client, as nats-server keeps them (client.go `processSub`, `processUnsub`, `deliverMsg`). */
export class ServerSubscriptions<T extends ServerSubscription> {
  readonly #live = new Map<string, T>();

  get all(): readonly T[] {
    return [...this.#live.values()];
  }

  find(sid: string): T | undefined {
    return this.#live.get(sid);
  }

  /** A SUB. One with the sid of a live subscription changes nothing. */
  begin(sub: T): void {
    if (!this.#live.has(sub.sid)) this.#live.set(sub.sid, sub);
  }

  /** An UNSUB with these arguments. Returns whether the subscription has ended. */
  unsubscribe(sub: T, argument: string): boolean {
    sub.max = Number(argument.split(" ")[1] ?? 0);
    return this.#endIf(sub.max <= sub.delivered, sub);
  }

  /** A message is delivered. Returns whether it was the last. */
  deliver(sub: T): boolean {
    return this.#endIf(++sub.delivered === sub.max, sub);
  }

  /** A further CONNECT. */
  forgetAll(): void {
    this.#live.clear();
  }

  #endIf(ends: boolean, { sid }: T): boolean {
    return ends && this.#live.delete(sid);
  }
}
