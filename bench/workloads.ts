import { mixedSubjects, MIXED_SIZES } from "./mixed.ts";
import type { Setup, SetupName } from "./setups.ts";

/** What the load generator is told besides the setup. See Command in load/main.go. */
export interface Work {
  work: "publish" | "deliver" | "request" | "jetstream-publish" | "jetstream-pull";
  /** The subjects to publish to in turn, each equally often. */
  subjects: string[];
  /**
   * Publish in random order instead. The order is random over a block of 1 MiB or more (7,000 publishes of 128 B), which is sent
   * again and again.
   */
  atRandom?: boolean;
  /** Payload bytes, or the largest size if `leastSize` is given. */
  size: number;
  /** If given, payloads differ in size: each doubling from here to `size` is equally likely. */
  leastSize?: number;
  /** The lines of headers of each publish, joined by CRLF. Each # is a random digit, another in each publish. */
  headers?: string;
  /** Publish with a reply subject of no bytes, and so with two blanks before the size. */
  emptyReply?: boolean;
  subscribers?: number;
  /** What each of the subscribers subscribes to, on one connection. */
  subscribe?: readonly string[];
  queue?: string;
}

export interface Workload extends Work {
  name: string;
  title: string;
  /** One operation, by which rates and CPU times are given. */
  operation: string;
  /** Operations for each publish; 1 by default. */
  operationsPerMessage?: number;
  setups: readonly SetupName[];
  /** The setup by which the number of messages is chosen; `envoy` by default. */
  paced?: SetupName;
  /** How many times longer than usual a piece takes, for work with few messages or rare events; 1 by default. */
  longer?: number;
  /**
   * Workloads with the same value here take their turns together, setup by setup, because their figures are compared. By default it
   * is the workload's name.
   */
  together?: string;
  /** The most messages that a piece may have. */
  most?: number;
  /** Publish to nats-server over a separate connection, so that only the deliveries are measured. */
  fromOrigin?: boolean;
  /** The policy denies every second subject to subscribers. */
  halfDenied?: boolean;
  /** The policy denies every subject to publishers. */
  allDenied?: boolean;
  /** It gets turns only if it is named, so that a whole run stays as short as it is. */
  onRequest?: boolean;
}

/** The order of turns. Setups that are compared most often are neighbours, so that both meet the same state of the machine. */
const ALL_OF_THEM: readonly SetupName[] = [
  "direct",
  "native",
  "reading",
  "empty",
  "envoy",
  "filter",
  "plain-envoy",
  "plain-filter",
];
const PUBLISH: readonly SetupName[] = [...ALL_OF_THEM, "plain-empty"];

/** The setups, with more of them behind istio-nats. */
export function besideFilter(setups: readonly SetupName[], more: readonly SetupName[]): SetupName[] {
  return setups.flatMap((name): SetupName[] => (name === "filter" ? [name, ...more] : [name]));
}

/** The setups, with the small filters in other languages added. */
function withPeers(setups: readonly SetupName[]): SetupName[] {
  return besideFilter(setups, ["rust", "go"]);
}

const ALLOWED = "orders.e000.created";
const DENIED = "orders.e000.secrets";
const WORK = "work.orders.europe0";
const STORED = "orders.e000.shipped.eu";

/** Subjects that all have the same length. */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `orders.e${String(i).padStart(3, "0")}.created`);
}

function publish(name: string, title: string, size: number, more: Partial<Workload> = {}): Workload {
  return {
    name: `publish-${name}`,
    title: `publish ${title}`,
    operation: "publish",
    work: "publish",
    subjects: [ALLOWED],
    size,
    setups: PUBLISH,
    ...more,
  };
}

function jetStream(work: "jetstream-publish" | "jetstream-pull", title: string, operation: string): Workload {
  return {
    name: work,
    title,
    operation,
    work,
    subjects: [STORED],
    subscribe: [STORED],
    size: 128,
    setups: ALL_OF_THEM,
    longer: 2,
    most: 100_000,
  };
}

function deliver(name: string, title: string, subscribers: number, more: Partial<Workload> = {}): Workload {
  return {
    name,
    title,
    operation: "delivery",
    work: "deliver",
    subjects: [ALLOWED],
    size: 128,
    subscribers,
    subscribe: [ALLOWED],
    setups: ALL_OF_THEM,
    ...more,
  };
}

/** What a publisher adds that traces its messages and gives each an identifier. */
const HEADERS = `traceparent: 00-${"#".repeat(32)}-${"#".repeat(16)}-01\r\nNats-Msg-Id: ${"#".repeat(20)}`;

/** What a client with many subscriptions has, and for each of them a subject of its messages. A denied subject lies in none. */
const SUBSCRIPTIONS: readonly (readonly [subscribe: string, subject: string])[] = [
  ["orders.e001.created", "orders.e001.created"],
  ["orders.e002.created", "orders.e002.created"],
  ["orders.e003.shipped.eu", "orders.e003.shipped.eu"],
  ["config.shop.limits", "config.shop.limits"],
  ["payments.p17.settled", "payments.p17.settled"],
  ["stock.*.changed", "stock.s1024.changed"],
  ["stock.*.low", "stock.s7.low"],
  ["shop.events.>", "shop.events.checkout.12.completed"],
  ["config.global.>", "config.global.rates.eur"],
  ["$KV.orders.>", "$KV.orders.o4711"],
];

/** Publishes that differ only in the subject, and all subjects have the same length. */
const TOGETHER = "publish 128 B";

/** Deliveries that come from elsewhere, so that nothing but them goes through the setup. */
const FROM_ELSEWHERE = { fromOrigin: true, together: "deliveries from elsewhere", onRequest: true } as const;

/** Everything that is measured, in this order. Workloads that take their turns together are neighbours. */
export const WORKLOADS: readonly Workload[] = [
  publish("16", "16 B", 16, { setups: withPeers(PUBLISH) }),
  publish("blanks", "16 B with two blanks before the size", 16, {
    emptyReply: true,
    together: "publish-16",
    onRequest: true,
  }),
  publish("128", "128 B", 128, { setups: withPeers(PUBLISH), together: TOGETHER }),
  publish("random", "128 B, 1,000 subjects in random order", 128, {
    subjects: many(1000),
    atRandom: true,
    setups: withPeers(PUBLISH),
    together: TOGETHER,
  }),
  publish("refused", "128 B, refused", 128, {
    subjects: [DENIED],
    setups: ["native", "filter", "plain-filter"],
    paced: "filter",
    allDenied: true,
    together: TOGETHER,
  }),
  publish("headers", "128 B with headers", 128, { headers: HEADERS, together: TOGETHER, onRequest: true }),
  publish("mixed", "16 B to 1 KiB, 1,000 subjects of many lengths in random order", MIXED_SIZES.most, {
    subjects: mixedSubjects(),
    atRandom: true,
    leastSize: MIXED_SIZES.least,
    setups: ["direct", "native", "reading", "envoy", "filter"],
  }),
  publish("1k", "1 KiB", 1024, { setups: withPeers(PUBLISH) }),
  publish("16k", "16 KiB", 16 * 1024),
  publish("1m", "1 MiB", 1024 * 1024, { setups: besideFilter(PUBLISH, ["lines"]), longer: 4 }),
  deliver("fan-out-1", "fan-out 1 → 1, 128 B", 1, { setups: withPeers(ALL_OF_THEM) }),
  deliver("fan-out-10", "fan-out 1 → 10, 128 B", 10, { operationsPerMessage: 10 }),
  deliver("queue", "queue group of 4, 128 B", 4, { queue: "workers", subscribe: [WORK], subjects: [WORK] }),
  deliver("filtered", "deliveries, every second one denied, 128 B", 1, {
    operation: "message to deliver",
    subjects: [ALLOWED, DENIED],
    subscribe: ["orders.>"],
    fromOrigin: true,
    halfDenied: true,
  }),
  deliver("deliver-headers", "deliveries with headers, 128 B", 1, { headers: HEADERS, ...FROM_ELSEWHERE }),
  deliver("deliver-subscriptions", "deliveries to 10 subscriptions of one connection, 128 B", 1, {
    subjects: SUBSCRIPTIONS.map(([, subject]) => subject),
    subscribe: SUBSCRIPTIONS.map(([subscribe]) => subscribe),
    atRandom: true,
    ...FROM_ELSEWHERE,
  }),
  {
    name: "request",
    title: "request and reply, one at a time, 128 B",
    operation: "request",
    work: "request",
    subjects: [ALLOWED],
    size: 128,
    longer: 6,
    setups: ALL_OF_THEM,
  },
  jetStream("jetstream-publish", "JetStream publish, 1,024 in flight, 128 B", "publish"),
  jetStream("jetstream-pull", "JetStream pull and acknowledge, 128 B", "message"),
];

/** How many messages must arrive, summed over all subscribers. */
export function expected(workload: Workload, setup: Setup, messages: number): number {
  if (workload.work !== "deliver") return 0;
  const subscribed = workload.queue ? 1 : (workload.subscribers ?? 0);
  return (subscribed * messages) / (workload.halfDenied && setup.enforces ? 2 : 1);
}
