import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inRoot } from "../../tools/paths.ts";
import { Authority } from "../stand/certificates.ts";
import { freePorts } from "../stand/free-ports.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { ServerProxy } from "../stand/server-proxy.ts";
import { Sidecar } from "../stand/sidecar.ts";
import { Started } from "../stand/started.ts";
import { waitFor } from "../stand/wait.ts";

const NODES = 3;
const BROKER = "spiffe://cluster.local/ns/messaging/sa/nats";

/** One pod: a nats-server, and the Envoy beside it as one Envoy for each port, because the stand's has one upstream. */
interface Node {
  nats: NatsServer;
  /** Accepts clients, with the filter. */
  clients: ServerProxy;
  /** Accepts the other nodes' routes. */
  routes: ServerProxy;
}

/** For what may take elections among the servers, which are seconds. */
export const ELECTIONS = { timeout: 60_000 };

/** JetStream's API, once the servers have their quorum. */
export function jetStreamOf(client: NatsConnection): Promise<JetStreamManager> {
  return waitFor("JetStream has its quorum", () => jetstreamManager(client).catch(() => undefined), ELECTIONS);
}

/** deploy/nats/nats.conf for a node on this machine: other addresses, another folder, and less patience in lame duck mode. */
function configOf(index: number, clusterPort: number, routes: readonly number[], folder: string): string {
  let next = 0;
  const changes: [found: RegExp, put: string | (() => string)][] = [
    [/\$POD_NAME/, `nats-${index}`],
    [/^pid_file: .*$/m, ""],
    [/^lame_duck_grace_period: .*$/m, 'lame_duck_grace_period: "1s"'],
    [/^ {2}port: 6222$/m, `  listen: "127.0.0.1:${clusterPort}"`],
    [/nats:\/\/nats-\d[^"]*/g, () => `nats://127.0.0.1:${routes[next++]!}`],
    [/"\/data"/, JSON.stringify(join(folder, "jetstream"))],
    [/9GB/, "64MB"],
  ];
  return changes.reduce(
    (config, [found, put]) => {
      if (config.search(found) < 0) throw new Error(`deploy/nats/nats.conf has no ${String(found)}`);
      return typeof put === "string" ? config.replace(found, put) : config.replace(found, put);
    },
    readFileSync(inRoot("deploy", "nats", "nats.conf"), "utf8"),
  );
}

/** The three nodes of deploy/nats on this machine, with mTLS among them and between them and clients. */
export class Cluster {
  readonly nodes: readonly Node[];
  readonly #started: Started;
  readonly #root: Authority;
  #sidecarCount = 0;

  private constructor(started: Started, root: Authority, nodes: readonly Node[]) {
    this.#started = started;
    this.#root = root;
    this.nodes = nodes;
  }

  /** Starts them with `policy` in front of their client ports, and with `more` after their own configuration. */
  static start(policy: object, more = ""): Promise<Cluster> {
    return Started.whole((started) => Cluster.#start(started, policy, more));
  }

  static async #start(started: Started, policy: object, more: string): Promise<Cluster> {
    const { folder } = started;
    const root = await Authority.create(folder, "root");
    const broker = await root.issue(BROKER);
    const indexes = Array.from({ length: NODES }, (_, index) => index);
    const folders = indexes.map((index) => join(folder, `nats-${index}`));
    for (const one of folders)
      for (const part of ["clients", "routes"]) mkdirSync(join(one, part), { recursive: true });

    const clusterPorts = await freePorts(NODES);
    const routes = await Promise.all(
      indexes.map((i) =>
        started.add(ServerProxy.start(join(folders[i]!, "routes"), broker, clusterPorts[i]!, { routes: {} })),
      ),
    );
    // What the other nodes' sidecars make of a node's name: plain on their side, mTLS after it.
    const names = await Promise.all(
      indexes.map((i) =>
        started.add(Sidecar.start(folders[i]!, "name", broker, routes[i]!.envoy.port("routes"), BROKER)),
      ),
    );
    const routePorts = names.map(({ port }) => port);
    const servers = await Promise.all(
      indexes.map((i) => {
        const config = configOf(i, clusterPorts[i]!, routePorts, folders[i]!) + more;
        return started.add(NatsServer.start(folders[i]!, { config, jetStream: false }));
      }),
    );
    const nodes = await Promise.all(
      indexes.map(async (i) => {
        const listeners = { clients: { filter: { config: policy } } };
        const path = join(folders[i]!, "clients");
        const clients = await started.add(ServerProxy.start(path, broker, servers[i]!.port, listeners));
        return { nats: servers[i]!, clients, routes: routes[i]! };
      }),
    );
    return new Cluster(started, root, nodes);
  }

  /** What a client with that SPIFFE ID dials: a way through its own sidecar to each node. */
  async urlsFor(principal: string): Promise<string[]> {
    const identity = await this.#root.issue(principal);
    const sidecars = await Promise.all(
      this.nodes.map(({ clients }) => {
        // Two sidecars of one name would share their files, and so a client would speak with the first one's identity.
        const name = `client-${this.#sidecarCount++}`;
        const port = clients.envoy.port("clients");
        return this.#started.add(Sidecar.start(this.#started.folder, name, identity, port, BROKER));
      }),
    );
    return sidecars.map(({ url }) => url);
  }

  stop(): Promise<void> {
    return this.#started.stop();
  }
}
