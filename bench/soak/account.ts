import { sum, type Sample } from "../../test/stand/prometheus.ts";

type Verdict = "allowed" | "refused";

const MESSAGES = "istio_nats_messages_total";

/** What clients themselves know of the messages that they have sent and got, to be held against the filter's stats. */
export class Account {
  readonly #counts = new Map<string, number>();
  #former = 0;

  add(principal: string, operation: string, subject: string, verdict: Verdict = "allowed", count = 1): void {
    const key = JSON.stringify({ source_principal: principal, operation, subject, verdict });
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** All messages so far. */
  get total(): number {
    return [...this.#counts.values()].reduce((total, count) => total + count, this.#former);
  }

  /** Stats begin again, as they do where new VMs take over and the former ones have no connection left (docs/telemetry.md). */
  beginAgain(): void {
    this.#former = this.total;
    this.#counts.clear();
  }

  /** What stats count otherwise, one line for each. */
  differences(samples: readonly Sample[]): string[] {
    return [...this.#counts].flatMap(([key, wanted]) => {
      const counted = sum(samples, MESSAGES, JSON.parse(key) as Record<string, string>);
      return counted === wanted ? [] : [`${MESSAGES}${key} is ${counted}, and clients have seen ${wanted}`];
    });
  }
}
