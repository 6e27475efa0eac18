import { NaivePolicy } from "./naive-policy.ts";

/** A policy of subscriptions that is in force for everybody. */
export interface SubscribePolicy {
  mode: "ENFORCE" | "DRY_RUN";
  allow: readonly string[];
  deny: readonly string[];
  /** `limits.subscriptions`. */
  most?: number;
  /** A further rule, which is in DRY_RUN. */
  trial?: { allow: readonly string[]; deny: readonly string[] };
}

/** The verdicts of such a policy, judged the slow way. The few different questions come again and again. */
export class Judge {
  readonly #naive: NaivePolicy;
  readonly #answers = new Map<string, boolean>();
  readonly observes: boolean;
  readonly most: number;
  /** What is asked, too, about that which passes; undefined where nothing is. */
  readonly asked: Judge | undefined;

  constructor({ mode, allow, deny, most = Infinity, trial }: SubscribePolicy, isAsked = false) {
    this.most = most;
    this.observes = mode === "DRY_RUN";
    // docs/reference/policy.md: of a rule in DRY_RUN only `deny` counts, unless the whole policy is in DRY_RUN.
    const tried = { deny: [...(trial?.deny ?? [])], ...(this.observes && { allow: [...(trial?.allow ?? [])] }) };
    const rules = [{ subscribe: { allow: [...allow], deny: [...deny] } }, ...(isAsked ? [{ subscribe: tried }] : [])];
    this.#naive = new NaivePolicy({ name: "", rules });
    const asks = !isAsked && (this.observes || trial !== undefined);
    this.asked = asks ? new Judge({ mode, allow, deny, ...(trial && { trial }) }, true) : undefined;
  }

  permits(subject: string, queue: string): boolean {
    return this.#once(`permits ${subject} ${queue}`, () => {
      const others = { argument: "", reply: "", sid: "", size: 0, headers: 0 };
      return this.#naive.permits({ ...others, verb: "SUB", subject, queue });
    });
  }

  /** Whether the client may have a message whose subscription is unknown, judged only by its subject. */
  permitsMessage(subject: string): boolean {
    return this.permits(subject, "") && !this.mayDenyMessage(subject);
  }

  deniesMessage(subject: string, queue: string): boolean {
    return this.#once(`denies ${subject} ${queue}`, () => this.#naive.deniesDelivery(subject, queue));
  }

  /** The same for whatever queue. */
  mayDenyMessage(subject: string): boolean {
    return this.#once(`may deny ${subject}`, () => this.#naive.deniesDeliveryOfAny(subject));
  }

  /** Whether what is denied must be withheld from such a subscription. */
  filters(subject: string, queue: string): boolean {
    return this.#once(`filters ${subject} ${queue}`, () => this.#naive.filtersDeliveries(subject, queue));
  }

  #once(question: string, answer: () => boolean): boolean {
    let known = this.#answers.get(question);
    if (known === undefined) this.#answers.set(question, (known = answer()));
    return known;
  }
}
