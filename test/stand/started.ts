import { makeScratch, removeScratch } from "./scratch.ts";

interface Stoppable {
  stop: () => void | Promise<void>;
}

/** Waits until what was started is ready. Stops it if it never is. */
export async function readyOrStopped<T extends Stoppable>(one: T, ready: Promise<void>): Promise<T> {
  try {
    await ready;
  } catch (error) {
    await one.stop();
    throw error;
  }
  return one;
}

/** What the steps of a start have started so far, to be stopped together, either by the caller or when a later step fails. */
export class Started {
  #folder: string | undefined;
  readonly #stops: (() => Promise<void>)[] = [];

  /** Runs the steps of a start. If one fails, everything that the others started is stopped, including what was still under way. */
  static async whole<T>(steps: (started: Started) => Promise<T>): Promise<T> {
    const started = new Started();
    try {
      return await steps(started);
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** A folder for their files, which is removed after them. */
  get folder(): string {
    return (this.#folder ??= makeScratch());
  }

  /** Adds what is being started. A start that fails cleans up after itself. */
  add<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    this.#stops.push(async () => {
      const one = await starting.catch(() => undefined);
      await one?.stop();
    });
    return starting;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
    if (this.#folder !== undefined) removeScratch(this.#folder);
  }
}
