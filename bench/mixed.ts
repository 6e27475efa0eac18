import type { Random } from "../test/host/random.ts";

/** The subjects of a service that publishes many kinds of messages. bench/policy.ts allows all of them. */
const KINDS = [
  "orders.e#.created",
  "orders.e#.changed",
  "orders.e#.shipped.eu.north",
  "stock.s#.reserve",
  "payments.p#.charge",
  "work.orders.#",
  "metrics.shop.cart#.latency",
  // More than 32 bytes, for which istio-nats has no short way.
  "shop.events.checkout.#.completed",
];

const SUBJECTS = 1000;

/** 1,000 subjects of all these kinds, 13 to 34 bytes long, with numbers of natural lengths. */
export function mixedSubjects(): string[] {
  const each = SUBJECTS / KINDS.length;
  return KINDS.flatMap((kind) => Array.from({ length: each }, (_, n) => kind.replace("#", String(n * 7))));
}

/**
 * Bounds of the payload sizes, in bytes. Each doubling between them is equally likely, so most payloads are small, and most bytes
 * are in large ones.
 */
export const MIXED_SIZES = { least: 16, most: 1024 } as const;

/** Draws the size of a payload, in bytes. bench/load draws in the same way. */
export function mixedSize(random: Random): number {
  const { least, most } = MIXED_SIZES;
  return Math.floor(least * (most / least) ** (random.below(2 ** 30) / (2 ** 30 - 1)));
}
