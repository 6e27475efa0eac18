import { auditRecords, wasmLines, type AuditRecord } from "./audit.ts";
import { Authority, type Identity } from "./certificates.ts";
import type { Envoy } from "./envoy.ts";
import { NatsServer, type NatsServerOptions } from "./nats-server.ts";
import { ServerProxy, type ListenerSpec, type ServerProxyOptions } from "./server-proxy.ts";
import { Sidecar, type SidecarOptions } from "./sidecar.ts";
import { Started } from "./started.ts";
import { STATS_TAGS } from "./stats-tags.ts";
import { waitFor, type WaitOptions } from "./wait.ts";
import type { WasmFilter } from "./wasm-filter.ts";

export interface StandOptions {
  /** The server side's listeners by name. By default one STRICT listener `mtls` without a filter. */
  listeners?: Record<string, ListenerSpec>;
  nats?: NatsServerOptions;
  serverProxy?: ServerProxyOptions;
}

export interface StandSidecarOptions extends SidecarOptions {
  /** The listener of the server side that it connects to; the first one by default. */
  listener?: string;
}

/** The identity of nats-server's sidecar, which clients' sidecars insist on. */
const SERVER_IDENTITY = "spiffe://cluster.local/ns/messaging/sa/nats";

/** A small mesh on this machine: a nats-server, the Envoy beside it, and an Envoy for each client. */
export class Stand {
  /** The mesh's root. It signs any SPIFFE ID, even one of a foreign trust domain. */
  readonly root: Authority;
  readonly nats: NatsServer;
  readonly proxy: ServerProxy;
  readonly #firstListener: string;
  readonly #started: Started;
  #sidecarCount = 0;
  #wrongRoot: Promise<Authority> | undefined;

  private constructor(started: Started, root: Authority, nats: NatsServer, proxy: ServerProxy, firstListener: string) {
    this.#started = started;
    this.root = root;
    this.nats = nats;
    this.proxy = proxy;
    this.#firstListener = firstListener;
  }

  /** Starts the nats-server and its Envoy. Clients' Envoys follow with `sidecar`. */
  static async start({ listeners = { mtls: {} }, nats, serverProxy }: StandOptions = {}): Promise<Stand> {
    return Started.whole(async (started) => {
      const { folder } = started;
      const [server, root] = await Promise.all([
        started.add(NatsServer.start(folder, nats)),
        Authority.create(folder, "root"),
      ]);
      const identity = await root.issue(SERVER_IDENTITY);
      const options = { statsTags: STATS_TAGS, ...serverProxy };
      const proxy = await started.add(ServerProxy.start(folder, identity, server.port, listeners, options));
      return new Stand(started, root, server, proxy, Object.keys(listeners)[0] ?? "");
    });
  }

  get folder(): string {
    return this.#started.folder;
  }

  /** The Envoy beside nats-server. */
  get envoy(): Envoy {
    return this.proxy.envoy;
  }

  /** The port of a listener of the server side; of the first one by default. */
  port(listener = this.#firstListener): number {
    return this.envoy.port(listener);
  }

  /** The certificate of `uri`, signed by the mesh's root. */
  identity(uri: string): Promise<Identity> {
    return this.root.issue(uri);
  }

  /** A certificate for `uri`, signed by an authority that the mesh does not know. */
  async wrongIdentity(uri: string): Promise<Identity> {
    this.#wrongRoot ??= Authority.create(this.folder, "wrong-root");
    const stranger = await (await this.#wrongRoot).issue(uri);
    // It trusts the mesh, so that it is the mesh that refuses.
    return { ...stranger, authorityFile: this.root.certificateFile };
  }

  /** Starts an Envoy for a client with that SPIFFE ID or that certificate. It stops with the stand. */
  async sidecar(
    client: string | Identity,
    { listener = this.#firstListener, ...options }: StandSidecarOptions = {},
  ): Promise<Sidecar> {
    const identity = typeof client === "string" ? await this.identity(client) : client;
    this.#sidecarCount += 1;
    const name = `client-envoy-${this.#sidecarCount}`;
    const port = this.port(listener);
    return this.#started.add(Sidecar.start(this.folder, name, identity, port, SERVER_IDENTITY, options));
  }

  /** Pushes another version of a listener's filter, as istiod does when a WasmPlugin changes. Returns Envoy's answer. */
  update(filter: WasmFilter, listener = this.#firstListener): Promise<"ACCEPTED" | "REJECTED"> {
    return this.proxy.update(listener, filter);
  }

  /** The audit records so far, in order. */
  audit(): AuditRecord[] {
    return auditRecords(this.envoy.log());
  }

  /** The audit records that report something refused or unreadable, and not just what happened. */
  refusals(): AuditRecord[] {
    return this.audit().filter(({ event }) => !["connected", "disconnected", "allowed"].includes(String(event)));
  }

  /** Everything that the filter has logged so far, including audit records. */
  wasmLog(): string[] {
    return wasmLines(this.envoy.log());
  }

  /** Waits for an audit record that satisfies `predicate`. */
  waitForAudit(predicate: (record: AuditRecord) => boolean, options: WaitOptions = {}): Promise<AuditRecord> {
    const explain = (): string => this.envoy.explain();
    return waitFor("an audit record", () => this.audit().find(predicate), { explain, ...options });
  }

  /** Stops everything and removes its files. */
  async stop(): Promise<void> {
    await this.#started.stop();
  }
}
