// Clients that write bytes by hand: one that each policy lets in or not, one that does not read, and many that come and go.

import { Random } from "../../test/host/random.ts";
import { RawClient } from "../../test/stand/raw-client.ts";
import { addressOf } from "../../test/stand/server-proxy.ts";
import type { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { ANYONE, type Account } from "./account.ts";
import type { Place, Work } from "./members.ts";
import { NEWS, READER, SLEEPER, type Twins } from "./twins.ts";

async function connectAs(stand: Stand, principal: string, answersPings = false): Promise<RawClient> {
  const tls = await stand.identity(principal);
  const client = await RawClient.connect(stand.port("mtls"), { tls, answersPings });
  await client.handshake();
  return client;
}

/** nats-server's text of a reload. */
const REVOKED = `-ERR 'Permissions Violation for Subscription to "${NEWS}" (sid "1")'`;

/** A subscriber that each change of the policy revokes or lets back in. */
export class Reader {
  readonly #place: Place;
  readonly #twins: Twins;
  #client: RawClient;

  private constructor(place: Place, twins: Twins, client: RawClient) {
    this.#place = place;
    this.#twins = twins;
    this.#client = client;
  }

  static async start(place: Place, twins: Twins): Promise<Reader> {
    return new Reader(place, twins, await connectAs(place.stand, READER, true));
  }

  /**
   * Takes NEWS away, by a change of the policy while messages pass. Answers how many milliseconds after its push the reader was told,
   * which asks every 50. What this process does itself meanwhile is among these, so that no bound is held against them here, but in
   * test/e2e/live-policy.test.ts.
   */
  async revoke(): Promise<number> {
    await this.#client.send(`SUB ${NEWS} 1\r\n`);
    const [refusal] = await this.#client.flush();
    if (refusal) throw new Error(`the reader may not subscribe yet: ${refusal.line}`);
    const told = async (): Promise<number> => {
      // The text goes with the next bytes: the filter cannot write by itself.
      const isTold = async (): Promise<boolean> => (await this.#client.flush()).some(({ line }) => line === REVOKED);
      await waitFor("the reader is told", isTold);
      return performance.now();
    };
    const [pushed, at] = await Promise.all([this.#twins.pushNext(false), told()]);
    return at - pushed;
  }

  /** Lets the reader in again. */
  async allow(): Promise<void> {
    await this.#twins.pushNext(true);
    await waitFor("the reader may subscribe", async () => {
      await this.#client.send(`SUB ${NEWS} 1\r\nUNSUB 1\r\n`);
      const refusals = await this.#client.flush();
      this.#place.account.add(READER, "SUB", "news", "refused", refusals.length);
      return refusals.length === 0;
    });
  }

  /** Connects anew, where nats-server was away. */
  async again(): Promise<void> {
    this.#client.close();
    this.#client = await connectAs(this.#place.stand, READER, true);
  }

  close(): void {
    this.#client.close();
  }
}

/** A subscriber that does not read during a round, so that every buffer on its way is full, and nats-server may end it. */
export function sleeper({ stand, account }: Place): Work {
  // It does not know what would have come.
  account.addSome(SLEEPER, "MSG", "secrets", "refused");
  return {
    name: "sleeper",
    round: async (end) => {
      const client = await connectAs(stand, SLEEPER);
      await client.send("SUB orders.> 1\r\n");
      await client.flush();
      client.pause();
      // It may have come to its end while the client connected, of which no event would tell.
      if (!end.aborted) await new Promise((resolve) => end.addEventListener("abort", resolve));
      client.close();
    },
  };
}

const AT_ONCE = 4;
/**
 * More principals than have series of their own, so that some share theirs, but so few that each comes again soon: stats are
 * complete after some minutes.
 */
const PRINCIPALS = 2032;

/** How connections end. */
const ENDS: readonly ((client: RawClient, account: Account) => unknown)[] = [
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
export function comers({ stand, account }: Place, seed: number): Work & { count: () => number } {
  const random = new Random(seed);
  let count = 0;

  function come(principal: number): Promise<RawClient> {
    count += 1;
    return RawClient.connect(stand.port("waypoint"), { localAddress: addressOf(principal) });
  }

  async function visit(principal: number): Promise<void> {
    const subject = `comers.c${count}`;
    const client = await come(principal);
    await client.handshake();
    await client.send(`SUB ${subject} 1\r\nPUB ${subject} 2\r\nhi\r\n`);
    await client.expect("MSG", `MSG ${subject} 1 2`);
    for (const operation of ["SUB", "PUB", "MSG"]) account.add(ANYONE, operation, "comers");
    await random.pick(ENDS)(client, account);
  }

  async function attack(principal: number): Promise<void> {
    const client = await come(principal);
    await client.expect("INFO");
    // Always in the same way: with seven ways for each, stats would still grow after an hour, and with them what Envoy holds.
    const bytes = new Random(principal).pick(HOSTILITIES)(random);
    await client.send(bytes);
    client.end();
    await client.untilClosed();
    const subscriptions = typeof bytes === "string" ? bytes.split(SUBSCRIPTION).length - 1 : 0;
    account.add(ANYONE, "SUB", "comers", "allowed", subscriptions);
  }

  return {
    name: "comers",
    /** Connections so far. */
    count: () => count,
    round: async (end) => {
      const comeAndGo = async (): Promise<void> => {
        while (!end.aborted) await (random.isOneIn(HOSTILE) ? attack : visit)(random.below(PRINCIPALS));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, comeAndGo));
    },
  };
}
