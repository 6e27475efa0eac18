import type { Random } from "../test/host/random.ts";
import type { Setup, SetupName } from "./setups.ts";

/** What the load generator is told besides the setup (Command in bench/load/main.go). */
interface Sent {
  work: "publish" | "deliver" | "request" | "jetstream-publish" | "jetstream-pull";
  /** The subjects to publish to, each equally often: in turn, or in random order. */
  subjects: readonly string[];
  atRandom?: boolean;
  /** Payload bytes; with `leastSize` the largest ones, and each doubling between the two is equally likely. */
  size: number;
  leastSize?: number;
  subscribers?: number;
  /** What each subscriber subscribes to. */
  subscribe?: string;
  queue?: string;
}

export interface Work extends Sent {
  name: string;
  title: string;
  /** What rates and CPU times are given for. */
  operation: string;
  /** Operations for each publish; 1 by default. */
  operationsPerMessage?: number;
  /** The setups that make no sense for it. */
  without?: readonly SetupName[];
  /** The setup by which the number of messages is chosen; `envoy` by default. */
  pacedBy?: SetupName;
  /** How many times longer than usual a turn takes, for work with few messages; 1 by default. */
  longer?: number;
  /** The most messages that a turn may have. */
  most?: number;
  /** Publish to nats-server directly, so that only the deliveries go through the setup. */
  fromOrigin?: boolean;
  /** The policy denies subscribers every second subject. */
  halfDenied?: boolean;
  /** The policy denies publishers every subject. */
  allDenied?: boolean;
}

const ALLOWED = "orders.e000.created";
const DENIED = "orders.e000.secrets";
const QUEUED = "work.orders.europe0";
const STORED = "orders.e000.shipped.eu";

/** 1,000 subjects that all have the same length. */
export const THOUSAND = Array.from({ length: 1000 }, (_, i) => `orders.e${String(i).padStart(3, "0")}.created`);

/** Kinds of subjects of a service that publishes many, 13 to 34 bytes long. The policy allows all of them. */
const KINDS = [
  "orders.e#.created",
  "orders.e#.changed",
  "orders.e#.shipped.eu.north",
  "stock.s#.reserve",
  "payments.p#.charge",
  "work.orders.#",
  "metrics.shop.cart#.latency",
  // Longer than the 32 bytes that the fast path takes.
  "shop.events.checkout.#.completed",
];

/** 1,000 subjects of all these kinds, with numbers of natural lengths. */
export const MIXED = KINDS.flatMap((kind) =>
  Array.from({ length: 1000 / KINDS.length }, (_, n) => kind.replace("#", String(n * 7))),
);

/** Bounds of mixed payload sizes. Each doubling between them is equally likely: most are small, and most bytes are in large ones. */
export const MIXED_SIZES = { least: 16, most: 1024 } as const;

/** Draws a mixed size, in bytes, as bench/load does. */
export function mixedSize(random: Random): number {
  const { least, most } = MIXED_SIZES;
  return Math.floor(least * (most / least) ** (random.below(2 ** 30) / (2 ** 30 - 1)));
}

function publish(name: string, title: string, size: number, more: Partial<Work> = {}): Work {
  const fixed = { operation: "publish", work: "publish", subjects: [ALLOWED] } as const;
  return { name: `publish-${name}`, title: `publish ${title}`, ...fixed, size, ...more };
}

function deliver(name: string, title: string, subscribers: number, more: Partial<Work> = {}): Work {
  const fixed = { operation: "delivery", work: "deliver", subjects: [ALLOWED], size: 128, subscribe: ALLOWED } as const;
  return { name, title, ...fixed, subscribers, ...more };
}

function jetStream(work: "jetstream-publish" | "jetstream-pull", title: string, operation: string): Work {
  return { name: work, title, operation, work, subjects: [STORED], subscribe: STORED, size: 128, longer: 2, most: 1e5 };
}

/** Everything that is measured, in this order. */
export const WORKS: readonly Work[] = [
  publish("16", "16 B", 16),
  publish("128", "128 B", 128),
  publish("many", "128 B, 1,000 subjects at random", 128, { subjects: THOUSAND, atRandom: true }),
  publish("mixed", "16 B to 1 KiB, 1,000 subjects of many lengths at random", MIXED_SIZES.most, {
    subjects: MIXED,
    atRandom: true,
    leastSize: MIXED_SIZES.least,
  }),
  publish("refused", "128 B, refused", 128, {
    subjects: [DENIED],
    // Nobody refuses it there.
    without: ["direct", "empty", "envoy", "again"],
    pacedBy: "filter",
    allDenied: true,
  }),
  publish("1k", "1 KiB", 1024),
  publish("16k", "16 KiB", 16 * 1024),
  publish("1m", "1 MiB", 1024 * 1024, { longer: 4 }),
  deliver("fan-out-1", "fan-out 1 → 1, 128 B", 1),
  deliver("fan-out-10", "fan-out 1 → 10, 128 B", 10, { operationsPerMessage: 10 }),
  deliver("queue", "queue group of 4, 128 B", 4, { queue: "workers", subscribe: QUEUED, subjects: [QUEUED] }),
  deliver("filtered", "deliveries, every second denied, 128 B", 1, {
    operation: "message to deliver",
    subjects: [ALLOWED, DENIED],
    subscribe: "orders.>",
    fromOrigin: true,
    halfDenied: true,
  }),
  {
    name: "request",
    title: "request and reply, one at a time, 128 B",
    operation: "request",
    work: "request",
    subjects: [ALLOWED],
    size: 128,
    longer: 6,
  },
  jetStream("jetstream-publish", "JetStream publish, 1,024 in flight, 128 B", "publish"),
  jetStream("jetstream-pull", "JetStream pull and acknowledge, 128 B", "message"),
];

/** How many messages must arrive, summed over all subscribers. */
export function expected(work: Work, setup: Setup, messages: number): number {
  if (work.work !== "deliver") return 0;
  const receivers = work.queue ? 1 : (work.subscribers ?? 0);
  return (receivers * messages) / (work.halfDenied && setup.enforces ? 2 : 1);
}
