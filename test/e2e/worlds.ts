import { Authority } from "../stand/certificates.ts";
import { Stand } from "../stand/stand.ts";
import { Started } from "../stand/started.ts";
import { waitFor } from "../stand/wait.ts";
import type { Address } from "./clients/client.ts";
import { nativePermissions, ORDERS_API, shopPolicy, USERS, WORKERS } from "./policy.ts";

/** One way from the shop's clients to a nats-server, through each client's own Envoy and the server's. */
export interface World {
  /** Names subjects, streams and buckets, so that worlds can share a nats-server. */
  name: string;
  ordersApi: Address;
  workers: Address;
  /** Straight to nats-server, past every Envoy, with every right. */
  operator: Address;
  restartServer: () => Promise<void>;
  /** Waits until nats-server has a subscription to exactly that subject. */
  subscribed: (subject: string) => Promise<void>;
}

/** nats-server's monitoring, as far as it is read here. */
interface Connections {
  connections: { subscriptions_list?: string[] }[];
}

/** Waits until nats-server has a subscription to exactly that subject. */
export async function subscribed({ nats }: Stand, subject: string): Promise<void> {
  await waitFor(`a subscription to ${subject}`, async () => {
    const { connections } = await nats.monitor<Connections>("/connz?subs=1");
    return connections.some(({ subscriptions_list: subjects = [] }) => subjects.includes(subject));
  });
}

/** With the filter and without it, before one nats-server that allows everything. */
export interface TwoWorlds {
  filtered: World;
  open: World;
  stop: () => Promise<void>;
}

export interface Worlds extends TwoWorlds {
  /**
   * Without the filter, before a nats-server that has the same policy as permissions of its users. It is the oracle of refusals.
   */
  native: World;
}

const TWO_LISTENERS = { filtered: { filter: { config: shopPolicy } }, open: {} };

async function worldOn(stand: Stand, name: string, listener: string, users?: typeof USERS): Promise<World> {
  const [ordersApi, workers] = await Promise.all([
    stand.sidecar(ORDERS_API, { listener }),
    stand.sidecar(WORKERS, { listener }),
  ]);
  return {
    name,
    ordersApi: { url: ordersApi.url, user: users?.ordersApi },
    workers: { url: workers.url, user: users?.workers },
    operator: { url: `nats://127.0.0.1:${stand.nats.port}`, user: users?.operator },
    restartServer: () => stand.nats.restart("SIGKILL"),
    subscribed: (subject) => subscribed(stand, subject),
  };
}

export async function startWorlds(): Promise<Worlds> {
  return Started.whole(async (started) => {
    const [stand, restricted] = await Promise.all([
      started.add(Stand.start({ listeners: TWO_LISTENERS })),
      started.add(Stand.start({ nats: { config: nativePermissions } })),
    ]);
    const [filtered, open, native] = await Promise.all([
      worldOn(stand, "filtered", "filtered"),
      worldOn(stand, "open", "open"),
      worldOn(restricted, "native", "mtls", USERS),
    ]);
    return { filtered, open, native, stop: () => started.stop() };
  });
}

async function tlsFirstWorld(stand: Stand, listener: string): Promise<World> {
  const url = `nats://127.0.0.1:${stand.port(listener)}`;
  const [ordersApi, workers] = await Promise.all([stand.identity(ORDERS_API), stand.identity(WORKERS)]);
  return {
    name: `${listener}tls`,
    ordersApi: { url, tls: ordersApi },
    workers: { url, tls: workers },
    operator: { url: `nats://127.0.0.1:${stand.nats.port}` },
    restartServer: () => stand.nats.restart("SIGKILL"),
    subscribed: (subject) => subscribed(stand, subject),
  };
}

/**
 * The same clients straight to the server's Envoy, with TLS of their own from the first byte. nats-server offers TLS in its INFO
 * (`tls_available`), because clients that want TLS and do not find that word give up. Nobody accepts the offer.
 */
export async function startTlsFirstWorlds(): Promise<TwoWorlds> {
  return Started.whole(async (started) => {
    const authority = await Authority.create(started.folder, "nats");
    const { certificateFile, keyFile } = await authority.issue("spiffe://cluster.local/ns/messaging/sa/nats");
    const tls = { cert_file: certificateFile, key_file: keyFile };
    const config = `tls ${JSON.stringify(tls)}\nallow_non_tls: true`;
    const stand = await started.add(Stand.start({ listeners: TWO_LISTENERS, nats: { config } }));
    const [filtered, open] = await Promise.all([tlsFirstWorld(stand, "filtered"), tlsFirstWorld(stand, "open")]);
    return { filtered, open, stop: () => started.stop() };
  });
}
