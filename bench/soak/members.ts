// Unmodified clients of nats.js, each behind an Envoy of its own, and what they do.

import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, deadline, headers as makeHeaders, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../test/host/random.ts";
import type { Stand } from "../../test/stand/stand.ts";
import { PATIENCE, waitFor } from "../../test/stand/wait.ts";
import { quantile } from "../statistics.ts";
import type { Account } from "./account.ts";
import { AUDITOR, LEDGER, ORDERS_API, PRICING, STOREFRONT } from "./twins.ts";

/** Where the traffic of a soak goes, and what is known of it. */
export interface Place {
  stand: Stand;
  account: Account;
  /** In milliseconds, how long a kind of traffic rests between two bursts, so that two cores suffice for all of them. */
  pause: number;
  /** All that `member` has connected. They stay for the whole soak, and are closed with it. */
  members: NatsConnection[];
}

/** One kind of traffic. It goes on for as many rounds as there are, on the same connections. */
export interface Work {
  name: string;
  /**
   * Works until `end` aborts, and then until everything that is under way has arrived. Rejects with the first thing that is not as it
   * must be.
   */
  round: (end: AbortSignal) => Promise<void>;
  /** Resolves once it is connected again after nats-server was away, for one that stays connected. */
  again?: () => Promise<void>;
}

/** How long nats.js waits before it tries again to connect, in milliseconds. */
const RECONNECT_WAIT = 100;

/** A client behind an Envoy of its own with that principal. It connects again whenever its connection ends. */
async function member({ stand, members }: Place, principal: string): Promise<NatsConnection> {
  const { url } = await stand.sidecar(principal, { listener: "mtls" });
  const connection = await connect({
    servers: url,
    reconnectTimeWait: RECONNECT_WAIT,
    reconnectJitter: 0,
    maxReconnectAttempts: -1,
  });
  members.push(connection);
  return connection;
}

/** Waits until these connections, which nats-server has ended, are there again and have their subscriptions. */
async function backAgain(...connections: NatsConnection[]): Promise<void> {
  const isBack = (connection: NatsConnection): Promise<boolean> =>
    deadline(connection.flush(), PATIENCE).then(
      () => true,
      () => false,
    );
  await Promise.all(connections.map((one) => waitFor("a client is connected again", () => isBack(one))));
}

const REGIONS = 50;
const SIZES = [16, 128, 128, 1024, 16 * 1024];
const DIGITS = 12;
/** One in so many has a header, or a subject that is withheld from the auditor. */
const WITH_HEADER = 5;
const WITHHELD = 7;

/** Publishes of many subjects and sizes, which must all arrive, once and in their order, except for those that a deny covers. */
export async function orders(place: Place, seed: number): Promise<Work> {
  const { account } = place;
  const publisher = await member(place, ORDERS_API);
  const auditor = await member(place, AUDITOR);
  const random = new Random(seed);
  let [sent, arrived] = [0, 0];
  let fault: string | undefined;

  function take(message: Msg): void {
    const text = message.string();
    const number = text.slice(0, DIGITS);
    const isNext = Number(number) === arrived && message.subject.endsWith(".created");
    const isWhole = SIZES.includes(text.length) && /^\.*$/.test(text.slice(DIGITS));
    const header = message.headers?.get("Number") ?? number;
    if (!isNext || !isWhole || header !== number)
      fault ??= `order ${arrived} arrived as ${text.length} bytes on ${message.subject}: ${text.slice(0, 40)}`;
    arrived += 1;
  }

  function publish(): void {
    const region = `orders.r${random.below(REGIONS)}`;
    if (random.isOneIn(WITHHELD)) {
      publisher.publish(`${region}.secret`, "withheld");
      account.add(ORDERS_API, "PUB", "secrets");
      account.add(AUDITOR, "MSG", "secrets", "refused");
      return;
    }
    const number = `${sent++}`.padStart(DIGITS, "0");
    const payload = number.padEnd(random.pick(SIZES), ".");
    const hasHeader = random.isOneIn(WITH_HEADER);
    const headers = makeHeaders();
    headers.set("Number", number);
    publisher.publish(`${region}.created`, payload, hasHeader ? { headers } : {});
    account.add(ORDERS_API, hasHeader ? "HPUB" : "PUB", "orders");
    account.add(AUDITOR, hasHeader ? "HMSG" : "MSG", "orders");
  }

  function check(): void {
    if (fault !== undefined) throw new Error(fault);
  }

  auditor.subscribe("orders.>", { callback: (_, message) => take(message) });
  await backAgain(publisher, auditor);
  return {
    name: "orders",
    round: async (end) => {
      while (!end.aborted) {
        for (let i = 0; i < 200; i++) publish();
        await publisher.flush();
        check();
        await sleep(place.pause);
      }
      await waitFor("all orders", () => fault !== undefined || arrived === sent, {
        explain: () => `${arrived} of ${sent} have arrived`,
      });
      check();
    },
    again: () => backAgain(publisher, auditor),
  };
}

const priceOf = (item: string): string => `${item} costs ${item.length}`;

/** Requests to a queue group that may only answer. Each must get the answer to its own question. */
export async function quotes(place: Place): Promise<Work & { p99: () => number }> {
  const { account, pause } = place;
  const storefront = await member(place, STOREFRONT);
  const pricing = await Promise.all([1, 2].map(() => member(place, PRICING)));
  for (const service of pricing) {
    service.subscribe("quotes.*.ask", {
      queue: "pricing",
      callback: (_, message) => void message.respond(priceOf(message.string())),
    });
  }
  let asked = 0;
  let took: number[] = [];

  async function ask(): Promise<void> {
    const item = `item ${asked++}`;
    const began = performance.now();
    const answer = (await storefront.request("quotes.eu.ask", item, { timeout: PATIENCE })).string();
    took.push(performance.now() - began);
    if (answer !== priceOf(item)) throw new Error(`the answer to "${item}" is "${answer}"`);
    account.add(STOREFRONT, "PUB", "quotes");
    account.add(PRICING, "MSG", "quotes");
    account.add(PRICING, "PUB", "inboxes");
    account.add(STOREFRONT, "MSG", "inboxes");
  }

  await backAgain(storefront, ...pricing);
  return {
    name: "quotes",
    round: async (end) => {
      took = [];
      const askAgain = async (): Promise<void> => {
        while (!end.aborted) {
          for (let i = 0; i < 10; i++) await ask();
          await sleep(pause);
        }
      };
      await Promise.all(Array.from({ length: 4 }, askAgain));
    },
    again: () => backAgain(storefront, ...pricing),
    /** The 99th percentile of the milliseconds that requests of the last round took. */
    p99: () =>
      quantile(
        took.toSorted((a, b) => a - b),
        0.99,
      ),
  };
}

const STREAM = "EVENTS";
const CONSUMER = "ledger";
const BATCH = 20;
/** What the stream keeps, so that its file does not grow. */
const KEPT = 10_000;

/** Publishes to a stream, which are acknowledged, pulled in their order and acknowledged again, each once. */
export async function events(place: Place): Promise<Work> {
  const { account } = place;
  const connection = await member(place, LEDGER);
  const manager = await jetstreamManager(connection, { timeout: PATIENCE });
  await manager.streams.add({ name: STREAM, subjects: ["events.>"], max_msgs: KEPT });
  await manager.consumers.add(STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit });
  const client = jetstream(connection, { timeout: PATIENCE });
  const consumer = await client.consumers.get(STREAM, CONSUMER);
  let [published, pulled] = [0, 0];

  async function publish(): Promise<void> {
    const number = published++;
    const { duplicate } = await client.publish(`events.e${number % 100}`, `${number}`);
    if (duplicate) throw new Error(`event ${number} is a duplicate`);
    // nats.js sends a header block without headers, which nats-server leaves out of what it delivers.
    account.add(LEDGER, "HPUB", "events");
  }

  async function pull(most: number): Promise<number> {
    const before = pulled;
    for await (const message of await consumer.fetch({ max_messages: most, expires: PATIENCE })) {
      account.add(LEDGER, "MSG", "events");
      // Publishes of one batch arrive in their order, since they share a connection. What was lost is delivered once more.
      if (message.string() !== `${pulled}` || message.redelivered)
        throw new Error(`event ${pulled} arrived as "${message.string()}" (delivery ${message.info.deliveryCount})`);
      if (!(await message.ackAck({ timeout: PATIENCE }))) throw new Error(`event ${pulled} stays unacknowledged`);
      pulled += 1;
    }
    if (pulled === before) throw new Error(`event ${pulled} has not arrived within ${PATIENCE} ms`);
    return pulled - before;
  }

  return {
    name: "events",
    round: async (end) => {
      while (!end.aborted) {
        await Promise.all(Array.from({ length: BATCH }, publish));
        for (let left = BATCH; left > 0;) left -= await pull(left);
        await sleep(place.pause);
      }
      const { num_pending: pending, num_ack_pending: unacknowledged } = await consumer.info();
      if (pending + unacknowledged > 0)
        throw new Error(`${pending} events are left, and ${unacknowledged} to acknowledge`);
    },
    again: async () => {
      await backAgain(connection);
      // The stream is there a moment later.
      await consumer.info();
    },
  };
}

const REFUSED_AT_ONCE = 5;

/** Publishes that the policy refuses, each of which must be told. The connection stays. */
export async function refusals(place: Place): Promise<Work> {
  const connection = await member(place, STOREFRONT);
  const told = new Set<string>();
  let sent = 0;
  const listen = async (): Promise<void> => {
    for await (const status of connection.status()) {
      const text = status.type === "error" ? status.error.message : "";
      const [, subject] = /Publish to "(vault\.v\d+)"/.exec(text) ?? [];
      if (subject !== undefined) told.add(subject);
    }
  };
  void listen();
  return {
    name: "refusals",
    round: async (end) => {
      while (!end.aborted) {
        for (let i = 0; i < REFUSED_AT_ONCE; i++) connection.publish(`vault.v${sent++}`, "not allowed");
        place.account.add(STOREFRONT, "PUB", "vault", "refused", REFUSED_AT_ONCE);
        await connection.flush();
        await sleep(place.pause);
      }
      await waitFor("all refusals", () => told.size === sent, { explain: () => `${told.size} of ${sent} were told` });
    },
    again: () => backAgain(connection),
  };
}
