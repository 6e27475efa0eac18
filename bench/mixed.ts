import type { Random } from "../test/host/random.ts";

/** What a service publishes that has more to say than one thing, all of it allowed by bench/policy.ts. */
const KINDS = [
  "orders.e#.created",
  "orders.e#.changed",
  "orders.e#.shipped.eu.north",
  "stock.s#.reserve",
  "payments.p#.charge",
  "work.orders.#",
  "metrics.shop.cart#.latency",
  // Beyond 32 bytes, for which istio-nats has no short way.
  "shop.events.checkout.#.completed",
];

const SUBJECTS = 1000;

/** 1,000 subjects of all these kinds with natural numbers in them: of 13 to 34 bytes. */
export function mixedSubjects(): string[] {
  const each = SUBJECTS / KINDS.length;
  return KINDS.flatMap((kind) => Array.from({ length: each }, (_, n) => kind.replace("#", String(n * 7))));
}

/** Payload bytes: between these each doubling is equally likely, so that most are small and most bytes are in large ones. */
export const MIXED_SIZES = { least: 16, most: 1024 } as const;

/** A payload's bytes, drawn so; bench/load does the same. */
export function mixedSize(random: Random): number {
  const { least, most } = MIXED_SIZES;
  return Math.floor(least * (most / least) ** (random.below(2 ** 30) / (2 ** 30 - 1)));
}
