import { Random } from "../../test/host/random.ts";
import { RawClient } from "../../test/stand/raw-client.ts";
import { addressOf } from "../../test/stand/server-proxy.ts";
import { ANYONE, type Account } from "./account.ts";
import type { Place, Work } from "./work.ts";

const AT_ONCE = 4;
/**
 * More principals than have series of their own, so that some share theirs, but so few that each comes again soon: stats are
 * complete after some minutes.
 */
const PRINCIPALS = 2032;

type End = (client: RawClient, account: Account) => unknown;

/** How connections end. */
const ENDS: readonly End[] = [
  (client) => client.close(),
  (client) => client.reset(),
  (client) => {
    client.end();
    return client.untilClosed();
  },
  // In the middle of a payload, of a line, and of a header block.
  async (client, account) => {
    await client.send("PUB comers.late 100\r\nhalf");
    client.close();
    // It is judged, and counted, as soon as its line is there.
    account.add(ANYONE, "PUB", "comers");
  },
  async (client) => {
    await client.send("SUB comers.la");
    client.reset();
  },
  async (client) => {
    await client.send("HPUB comers.late 22 30\r\nNATS/1.0\r\nA");
    client.end();
    return client.untilClosed();
  },
];

const SUBSCRIPTION = "SUB comers.nobody 1\r\n";

/** What no client of NATS sends. Each must end the connection, or leave it to the end that follows. */
const HOSTILITIES: readonly ((random: Random) => string | Uint8Array)[] = [
  (random) => random.bytes(1 + random.below(10_000)),
  () => "GET / HTTP/1.1\r\nHost: nats\r\n\r\n",
  () => `PUB ${"a".repeat(100_000)}`,
  () => "PUB comers.x 99999999999\r\n",
  () => `CONNECT ${"[".repeat(5000)}\r\n`,
  () => `HPUB comers.x 12 5\r\nNATS/1.0\r\n\r\n\r\n`,
  (random) => `CONNECT {}\r\n${`${SUBSCRIPTION}UNSUB 1 1\r\n`.repeat(1 + random.below(500))}PUB`,
];
const HOSTILE = 10;

/** Clients of many principals that come, subscribe, get a message and go, and some that send anything at all. */
export class Comers implements Work {
  readonly #place: Place;
  readonly #random: Random;
  #count = 0;

  constructor(place: Place, seed: number) {
    this.#place = place;
    this.#random = new Random(seed);
  }

  /** Connections so far. */
  get count(): number {
    return this.#count;
  }

  async round(end: AbortSignal): Promise<void> {
    const come = async (): Promise<void> => {
      while (!end.aborted) await (this.#random.isOneIn(HOSTILE) ? this.#attack() : this.#visit());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, come));
  }

  /** The number of a principal. */
  #anyone(): number {
    return this.#random.below(PRINCIPALS);
  }

  #come(principal: number): Promise<RawClient> {
    this.#count += 1;
    return RawClient.connect(this.#place.stand.port("waypoint"), { localAddress: addressOf(principal) });
  }

  async #visit(): Promise<void> {
    const { account } = this.#place;
    const subject = `comers.c${this.#count}`;
    const client = await this.#come(this.#anyone());
    await client.handshake();
    await client.send(`SUB ${subject} 1\r\nPUB ${subject} 2\r\nhi\r\n`);
    await client.expect("MSG", `MSG ${subject} 1 2`);
    for (const operation of ["SUB", "PUB", "MSG"]) account.add(ANYONE, operation, "comers");
    await this.#random.pick(ENDS)(client, account);
  }

  async #attack(): Promise<void> {
    const principal = this.#anyone();
    const client = await this.#come(principal);
    await client.expect("INFO");
    // Always in the same way: with seven ways for each, stats would still grow after an hour, and with them what Envoy holds.
    const bytes = new Random(principal).pick(HOSTILITIES)(this.#random);
    await client.send(bytes);
    client.end();
    await client.untilClosed();
    const subscriptions = typeof bytes === "string" ? bytes.split(SUBSCRIPTION).length - 1 : 0;
    this.#place.account.add(ANYONE, "SUB", "comers", "allowed", subscriptions);
  }
}
