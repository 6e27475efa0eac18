import type { Identity } from "./certificates.ts";
import { Envoy, type EnvoyOptions } from "./envoy.ts";
import { tcpCluster, tcpListener, tcpProxy, upstreamTls } from "./mesh.ts";

export interface SidecarOptions extends EnvoyOptions {
  /** per_connection_buffer_limit_bytes of its listener and cluster; Envoy's 1 MiB by default. */
  bufferLimit?: number;
  /** Further fields of its tcp_proxy, as a DestinationRule's connectionPool sets them; none by default. */
  settings?: object;
  /** Its tcp_proxy's `access_log`; none by default. */
  accessLog?: readonly object[];
}

/** A client's own Envoy. It accepts plain NATS on 127.0.0.1 and originates mTLS with the client's identity. */
export class Sidecar {
  private constructor(readonly envoy: Envoy) {}

  /** Starts one for `identity` in front of the mTLS listener at `serverPort`, whose identity must be `server`. */
  static async start(
    folder: string,
    name: string,
    identity: Identity,
    serverPort: number,
    server: string,
    { bufferLimit, settings, accessLog, ...options }: SidecarOptions = {},
  ): Promise<Sidecar> {
    const tls = upstreamTls(identity, server);
    const bootstrap = {
      node: { id: `sidecar~127.0.0.1~${name}`, cluster: name },
      static_resources: {
        listeners: [
          tcpListener("outbound", [{ filters: [tcpProxy("outbound", accessLog, settings)] }], { bufferLimit }),
        ],
        clusters: [tcpCluster("outbound", serverPort, { tls, bufferLimit })],
      },
    };
    return new Sidecar(await Envoy.start(folder, name, bootstrap, options));
  }

  /** The port that a client connects to, on 127.0.0.1. */
  get port(): number {
    return this.envoy.port("outbound");
  }

  /** The URL that a client connects to: `nats://127.0.0.1:port`. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.envoy.stop();
  }
}
