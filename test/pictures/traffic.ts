import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { RawClient } from "../stand/raw-client.ts";
import type { Stand } from "../stand/stand.ts";

const WORKLOADS = {
  ordersApi: "spiffe://cluster.local/ns/shop/sa/orders-api",
  workers: "spiffe://cluster.local/ns/shop/sa/workers",
  auditor: "spiffe://cluster.local/ns/audit/sa/auditor",
} as const;
const STRANGER = "spiffe://cluster.local/ns/web/sa/storefront";
const FOREIGNER = "spiffe://other.example/ns/web/sa/storefront";
/** A client that has no rights left under `narrowerPolicy`. */
export const LEAVER = "spiffe://cluster.local/ns/shop/sa/leaver";

const TICK = 100;
/** Ticks between events that are rare. */
const RARELY = 8;

/** The listener whose policy is in DRY_RUN. */
export const TRIAL = "trial";

/** nats-server's payload limit here. It refuses larger payloads itself. */
export const MAX_PAYLOAD = 4096;

/** The policy of the broker that the pictures show. */
export const policy = {
  mode: "ENFORCE",
  trustDomains: ["cluster.local"],
  telemetry: {
    subjects: [
      { name: "orders", patterns: ["orders.>"] },
      { name: "quotes", patterns: ["quotes.>"] },
    ],
    // One less than there are, so that the last one, the leaver, counts under `other`.
    principals: 5,
    requestTimeout: "500ms",
  },
  audit: { refusalsPerSecond: 1, burst: 1 },
  rules: [
    {
      name: "orders-api",
      from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
      publish: { allow: ["orders.>", "quotes.>"], deny: ["orders.admin.>"] },
      subscribe: { allow: ["_INBOX.>", "quotes.bulk.*"] },
    },
    {
      name: "workers",
      from: [{ serviceAccounts: ["shop/workers"] }],
      subscribe: { allow: ["quotes.> workers"] },
      allow_responses: { max: 1, expires: "5s" },
    },
    {
      name: "auditor",
      from: [{ namespaces: ["audit"] }],
      subscribe: { allow: ["orders.>", "extras.>"], deny: ["orders.*.card"] },
    },
    { name: "leaver", from: [{ serviceAccounts: ["shop/leaver"] }], subscribe: { allow: ["orders.>"] } },
    {
      name: "old-subjects",
      mode: "DRY_RUN",
      from: [{ principals: ["*"] }],
      publish: { deny: ["orders.v1.>"] },
    },
  ],
};

/** The same without the leaver's rule, and without a subject that the auditor is subscribed to. */
export const narrowerPolicy = {
  ...policy,
  rules: policy.rules
    .filter(({ name }) => name !== "leaver")
    .map((rule) =>
      rule.name === "auditor" ? { ...rule, subscribe: { ...rule.subscribe, allow: ["orders.>"] } } : rule,
    ),
};

/** Everything that the pictures show, again and again: allowed, refused, in dry run, answered or not, unreadable. */
export class Traffic {
  readonly #stand: Stand;
  readonly #connections = new Map<keyof typeof WORKLOADS, NatsConnection>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(stand: Stand) {
    this.#stand = stand;
  }

  static async start(stand: Stand): Promise<Traffic> {
    const traffic = new Traffic(stand);
    for (const name of ["ordersApi", "workers", "auditor"] as const) {
      const { url } = await stand.sidecar(WORKLOADS[name]);
      traffic.#connections.set(name, await connect({ servers: url, name, reconnect: false }));
    }
    traffic.#subscribe();
    traffic.#running = traffic.#run();
    return traffic;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  #of(name: keyof typeof WORKLOADS): NatsConnection {
    const connection = this.#connections.get(name);
    if (!connection) throw new Error(`${name} has no connection`);
    return connection;
  }

  #subscribe(): void {
    for (const subject of ["quotes.lemons", "quotes.silent"]) {
      this.#of("workers").subscribe(subject, {
        queue: "workers",
        callback: (error, message) => {
          if (!error && subject !== "quotes.silent") message.respond("4.20 EUR");
        },
      });
    }
    for (const subject of ["orders.>", "extras.>"])
      this.#of("auditor").subscribe(subject, { callback: () => undefined });
  }

  async #run(): Promise<void> {
    for (let tick = 0; !this.#stop.signal.aborted; tick++) {
      await this.#publishAndAsk();
      if (tick % RARELY === 0) await this.#misbehave();
      await sleep(TICK);
    }
  }

  async #publishAndAsk(): Promise<void> {
    const client = this.#of("ordersApi");
    client.publish("orders.eu.created", "3 lemons");
    client.publish("orders.v1.created", "3 lemons");
    client.publish("orders.admin.purge", "all of them");
    // Requests that nobody answers, and requests that nobody listens to.
    const lost = ["quotes.silent", "quotes.nobody"].map((subject) => client.request(subject, "?", { timeout: TICK }));
    const answered = client.request("quotes.lemons", "3", { timeout: 5_000 });
    await Promise.allSettled([answered, ...lost]);
    await client.flush();
  }

  async #misbehave(): Promise<void> {
    this.#of("workers")
      .subscribe("orders.>", { callback: () => undefined })
      .unsubscribe();
    await this.#askInBulk();
    await this.#exceedMaximum();
    await this.#raw(STRANGER, "CONNECT {}\r\nPING\r\n");
    await this.#raw(FOREIGNER, "CONNECT {}\r\nPING\r\n");
    await this.#raw(WORKLOADS.ordersApi, "CONNECT {}\r\nNONSENSE\r\n");
    await this.#raw(WORKLOADS.ordersApi, `CONNECT {}\r\nPUB orders.big ${MAX_PAYLOAD + 1}\r\n`);
    // Passes unread, and nats-server tells it to go.
    await this.#raw(WORKLOADS.ordersApi, "CONNECT {}\r\nNONSENSE\r\n", TRIAL);
    await this.#publishReserved();
  }

  /** More requests at once than durations are reported. Each is its own answer: nothing else comes as fast. */
  async #askInBulk(): Promise<void> {
    const client = await RawClient.connect(this.#stand.port(), {
      tls: await this.#stand.identity(WORKLOADS.ordersApi),
    });
    await client.expect("INFO");
    const requests = Array.from({ length: 12_000 }, (_, i) => `PUB quotes.bulk.${i} quotes.bulk.${i} 0\r\n\r\n`);
    await client.send(`CONNECT {}\r\nSUB quotes.bulk.* 1\r\n${requests.join("")}PING\r\n`);
    await client.until("PONG");
    client.close();
  }

  /** Its maximum the filter counts, as deliveries are filtered for the auditor, and nats-server is told with its next bytes. */
  async #exceedMaximum(): Promise<void> {
    const client = await RawClient.connect(this.#stand.port(), { tls: await this.#stand.identity(WORKLOADS.auditor) });
    await client.expect("INFO");
    await client.send("CONNECT {}\r\nSUB orders.> 1\r\nUNSUB 1 1\r\nPING\r\n");
    await client.until("PONG");
    for (let i = 0; i < 3; i++) this.#of("ordersApi").publish("orders.eu.created", "3 lemons");
    await this.#of("ordersApi").flush();
    await client.send("PING\r\n");
    await client.until("PONG");
    client.close();
  }

  /** What DRY_RUN lets pass and nats-server refuses. */
  async #publishReserved(): Promise<void> {
    const tls = await this.#stand.identity(WORKLOADS.ordersApi);
    const client = await RawClient.connect(this.#stand.port(TRIAL), { tls });
    await client.expect("INFO");
    await client.send("CONNECT {}\r\nPUB _GR_.x 0\r\n\r\nPING\r\n");
    await client.until("PONG");
    client.close();
  }

  /** A client that is told to go. */
  async #raw(principal: string, bytes: string, listener?: string): Promise<void> {
    const client = await RawClient.connect(this.#stand.port(listener), { tls: await this.#stand.identity(principal) });
    await client.expect("INFO");
    await client.send(bytes);
    await client.untilClosed();
    client.close();
  }
}
