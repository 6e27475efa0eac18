/** What the tests of `limits.memory` fill the budget of a VM with. */
import { configure } from "./configure.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { PEER, stat, Wire } from "./wire.ts";

/** Bytes. */
export const MEMORY = 8 << 20;
export const LINE = `SUB ok.${"x".repeat(4000)}`;
/** So many subscriptions of about 4,000 bytes each. */
export const subs = (count: number): string => Array.from({ length: count }, (_, sid) => `${LINE} ${sid}\r\n`).join("");

/** Lets others of this peer take a part of the budget, by default as much of it as a callback may find taken. */
export function fill(host: Host, peer = PEER, part = 0.89): Wire[] {
  const others = Array.from({ length: 30 }, () => Wire.connected(host, { peer }));
  for (let i = 0; stat(host, "istio_nats_memory_bytes") < MEMORY * part; i++) {
    others[i % others.length]!.client(`${LINE} ${i}\r\n`);
  }
  return others;
}

/** What a block costs beside its bytes, which are rounded up to a multiple of as many, and a subscription beside its sid and subject. */
const [OVERHEAD, SUBSCRIPTION] = [16, 40];

/** Lets silent connections, which need not give back anything, take all of the budget that is left, but for less than any block. */
export function exhaust(host: Host): Wire[] {
  const silent: Wire[] = [];
  let left = MEMORY - stat(host, "istio_nats_memory_bytes");
  // The beginning of a line is kept in a block of so many bytes.
  for (let size = 65_536; size >= 64; size /= 2) {
    for (; left >= size + OVERHEAD; left -= size + OVERHEAD) {
      const wire = new Wire(host);
      wire.server(`INFO ${"x".repeat(size - 10)}`);
      silent.push(wire);
    }
  }
  return silent;
}

/**
 * SUBs of a client which take all of the budget that is left, to the last byte, if they are read in one callback. It must have had so
 * many subscriptions before that their table need not grow.
 */
export function exhaustingSubs(host: Host): string {
  let left = MEMORY - stat(host, "istio_nats_memory_bytes");
  const [largest, sid] = [4096 + OVERHEAD, 100_000];
  const costs: number[] = [];
  for (; left > 2 * largest; left -= largest) costs.push(largest);
  const half = left / 2 - ((left / 2) % OVERHEAD);
  costs.push(half, left - half);
  return costs
    .map((cost) => cost - OVERHEAD - SUBSCRIPTION - String(sid).length)
    .map((length, i) => `SUB ok.${"x".repeat(length - 3)} ${sid + i}\r\n`)
    .join("");
}

/**
 * A VM of which the policies of five other plugins take 69 of 80 MiB. So it grows no more for a budget of at most 10 MiB, which
 * all of them must have (assembly/bytes/budget.ts).
 */
export function wornHost(memory: number): Host {
  const host = new Host(filterModule());
  for (let number = 0; number < 5; number++) {
    const rules = Array.from({ length: 59 }, (_, rule) => ({
      name: `rule-${rule}`,
      from: [{ principals: [`cluster.local/ns/others/sa/account-${rule}`] }],
      publish: {
        allow: Array.from({ length: 1000 }, (_, i) => `others.${number}.${rule}.${i}.${"x".repeat(100)}`),
      },
    }));
    configure(host, { trustDomains: ["cluster.local"], rules, limits: { memory } }, `of-others-${number}`);
  }
  return host;
}
