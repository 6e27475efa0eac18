// The parts of the configuration that Istio gives its sidecars, taken from its sources (pilot/pkg/networking/core) and from dumps
// of a running istiod. Names and values are Istio's.

import type { Identity } from "./certificates.ts";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

/** The SNI that Istio's outbound clusters send: the service's port, subset and host. */
export const SERVER_NAME = "outbound_.4222_._.nats.messaging.svc.cluster.local";

/** The ALPN that a client's sidecar offers for a TCP service. PERMISSIVE's chains are told apart by it. */
export const CLIENT_ALPN = ["istio-peer-exchange", "istio"];
const SERVER_ALPN = ["istio-peer-exchange", "h2", "http/1.1"];
const PERMISSIVE_ALPN = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

interface TransportSocket {
  name: string;
  typed_config: object;
}

function certificateOf(identity: Identity): object {
  return {
    certificate_chain: { filename: identity.certificateFile },
    private_key: { filename: identity.keyFile },
  };
}

/** mTLS as a server's sidecar terminates it. It accepts any certificate that the authority signed, whatever the trust domain. */
export function downstreamTls(identity: Identity): TransportSocket {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      common_tls_context: {
        alpn_protocols: SERVER_ALPN,
        tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [certificateOf(identity)],
        validation_context: { trusted_ca: { filename: identity.authorityFile } },
      },
    },
  };
}

/** mTLS as a client's sidecar originates it, with its own identity, and only to a server with the expected one. */
export function upstreamTls(identity: Identity, server: string): TransportSocket {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: SERVER_NAME,
      common_tls_context: {
        alpn_protocols: CLIENT_ALPN,
        tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [certificateOf(identity)],
        validation_context: {
          trusted_ca: { filename: identity.authorityFile },
          match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: server } }],
        },
      },
    },
  };
}

/** The listener filter that tells TLS from plain bytes. */
export const tlsInspector = {
  name: "envoy.filters.listener.tls_inspector",
  typed_config: { "@type": `${EXTENSIONS}.filters.listener.tls_inspector.v3.TlsInspector` },
};

/** The chain matches of Istio's inbound listeners for a declared TCP port. */
export const chainMatches = {
  tls: { transport_protocol: "tls" },
  istioTls: { transport_protocol: "tls", application_protocols: PERMISSIVE_ALPN },
  plain: { transport_protocol: "raw_buffer" },
};

/** The filter at the end of every TCP chain, which also writes the access log. `settings` are further fields of it. */
export function tcpProxy(cluster: string, accessLog?: readonly object[], settings?: object): object {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: {
      "@type": `${EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: cluster,
      cluster,
      ...(accessLog ? { access_log: accessLog } : {}),
      ...settings,
    },
  };
}

/**
 * What mTLS that ended before this listener leaves behind, as in an ambient waypoint: the peer's principal as filter state.
 * `format` is an Envoy format string.
 */
export function peerPrincipal(format: string): object {
  return {
    name: "envoy.filters.network.set_filter_state",
    typed_config: {
      "@type": `${EXTENSIONS}.filters.network.set_filter_state.v3.Config`,
      on_new_connection: [
        {
          object_key: "io.istio.peer_principal",
          factory_key: "envoy.string",
          format_string: { text_format_source: { inline_string: format } },
        },
      ],
    },
  };
}

/** Istio removes Envoy's limit of 1,024 connections for each cluster. */
const NO_BOUND = 4_294_967_295;

/** A cluster of one TCP endpoint on 127.0.0.1. */
export function tcpCluster(
  name: string,
  port: number,
  { tls, bufferLimit }: { tls?: TransportSocket; bufferLimit?: number } = {},
): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return {
    name,
    type: "STATIC",
    connect_timeout: "10s",
    circuit_breakers: { thresholds: [{ max_connections: NO_BOUND, max_pending_requests: NO_BOUND }] },
    ...(bufferLimit === undefined ? {} : { per_connection_buffer_limit_bytes: bufferLimit }),
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...(tls ? { transport_socket: tls } : {}),
  };
}

/** A listener on a port of 127.0.0.1 that the kernel chooses. */
export function tcpListener(
  name: string,
  chains: object[],
  { bufferLimit, listenerFilters }: { bufferLimit?: number; listenerFilters?: object[] } = {},
): object {
  return {
    name,
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    ...(bufferLimit === undefined ? {} : { per_connection_buffer_limit_bytes: bufferLimit }),
    // Istio's listenerFiltersTimeout of 0s: the listener waits for ever for a client that says nothing.
    ...(listenerFilters ? { listener_filters: listenerFilters, listener_filters_timeout: "0s" } : {}),
    filter_chains: chains,
  };
}

/**
 * The rule by which Istio turns `tag=.=value;.;` in a stat's name into a Prometheus label. There is one for each extraStatTags
 * entry.
 */
export function statsTag(tag: string): object {
  return { tag_name: tag, regex: `(${tag}=\\.=(.*?);\\.;)` };
}
