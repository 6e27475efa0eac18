import { isSample, sum, type Sample } from "../../test/stand/prometheus.ts";

type Verdict = "allowed" | "refused";

const MESSAGES = "istio_nats_messages_total";

/** The principal of messages whose sender does not matter: clients of so many principals that some share their series. */
export const ANYONE = "anyone";

function labelsOf(principal: string, operation: string, subject: string, verdict: Verdict): Record<string, string> {
  return { ...(principal === ANYONE ? {} : { source_principal: principal }), operation, subject, verdict };
}

/** What clients themselves know of the messages that they have sent and got, to be held against the filter's stats. */
export class Account {
  readonly #counts = new Map<string, number>();
  readonly #some = new Set<string>();
  #former = 0;

  add(principal: string, operation: string, subject: string, verdict: Verdict = "allowed", count = 1): void {
    const key = JSON.stringify(labelsOf(principal, operation, subject, verdict));
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** Adds messages of which no client knows how many there are. */
  addSome(principal: string, operation: string, subject: string, verdict: Verdict): void {
    this.#some.add(JSON.stringify(labelsOf(principal, operation, subject, verdict)));
  }

  /** All messages so far that clients know of. */
  get total(): number {
    return [...this.#counts.values()].reduce((total, count) => total + count, this.#former);
  }

  /** Stats begin again, as they do where new VMs take over and the former ones have no connection left (docs/reference/telemetry.md). */
  beginAgain(): void {
    this.#former = this.total;
    this.#counts.clear();
  }

  /** What stats count otherwise, and refusals of which no client knows, one line for each. */
  differences(samples: readonly Sample[]): string[] {
    const known = [...this.#counts].map(([key, wanted]) => ({ key, wanted, labels: labelsIn(key) }));
    const miscounted = known.flatMap(({ key, wanted, labels }) => {
      const counted = sum(samples, MESSAGES, labels);
      return counted === wanted ? [] : [`${MESSAGES}${key} is ${counted}, and clients have seen ${wanted}`];
    });
    const expected = [...known.map(({ labels }) => labels), ...[...this.#some].map(labelsIn)];
    const unexpected = samples
      .filter((sample) => sample.value > 0 && isSample(sample, MESSAGES, { verdict: "refused" }))
      .filter((sample) => !expected.some((labels) => isSample(sample, MESSAGES, labels)))
      .map(({ labels, value }) => `${MESSAGES}${JSON.stringify(labels)} is ${value}, and no client knows of it`);
    return [...miscounted, ...unexpected];
  }
}

function labelsIn(key: string): Record<string, string> {
  return JSON.parse(key) as Record<string, string>;
}
