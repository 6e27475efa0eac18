import { waitFor } from "../../stand/wait.ts";
import { CALL_TIMEOUT } from "./client.ts";

/** Holds what a callback received until a test takes it. */
export class Mailbox<T> {
  readonly #what: string;
  #items: T[] = [];

  /** `what` names the items in an error message. */
  constructor(what: string) {
    this.#what = what;
  }

  put(item: T): void {
    this.#items.push(item);
  }

  /** Waits for `count` items and takes them. After `CALL_TIMEOUT` it rejects with what has arrived. */
  async take(count: number): Promise<T[]> {
    await waitFor(`${count} of ${this.#what}`, () => this.#items.length >= count, {
      timeout: CALL_TIMEOUT,
      explain: () => `there are ${this.#items.length}: ${JSON.stringify(this.#items).slice(0, 500)}`,
    });
    return this.#items.splice(0, count);
  }

  takeAll(): T[] {
    return this.#items.splice(0);
  }
}
