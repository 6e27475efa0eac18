import { waitFor } from "../../stand/wait.ts";
import { CALL_TIMEOUT } from "./client.ts";

/** What came by a callback, until a test takes it. */
export class Mailbox<T> {
  readonly #what: string;
  #items: T[] = [];

  /** `what` names it in a fault's text. */
  constructor(what: string) {
    this.#what = what;
  }

  put(item: T): void {
    this.#items.push(item);
  }

  /** Waits for `count` items and takes them; fails with what there is after `CALL_TIMEOUT`. */
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
