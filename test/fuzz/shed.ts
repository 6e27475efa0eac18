import type { Host } from "../host/host.ts";

/** Which connections of a host the audit says have given back what they held, and whether they end by it or pass unread. */
export class Shed {
  readonly #all = new Map<number, "ENDED" | "UNREAD">();
  #read = 0;

  constructor(private readonly host: Host) {}

  of(id: number): "ENDED" | "UNREAD" | undefined {
    for (const { message } of this.host.logs.slice(this.#read)) {
      if (!message.includes('"kind":"memory"')) continue;
      const { event, connection_id } = JSON.parse(message) as { event: string; connection_id: number };
      this.#all.set(connection_id, event === "unreadable_passed" ? "UNREAD" : "ENDED");
    }
    this.#read = this.host.logs.length;
    return this.#all.get(id);
  }

  get size(): number {
    return this.#all.size;
  }
}
