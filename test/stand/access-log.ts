/** Access logs of tcp_proxy, as Istio generates them from a `meshConfig.extensionProviders` entry. */

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

/** Keys of the filter state that the filter sets for each connection. */
export const SUMMARY_KEYS = [
  "nats_principal",
  "nats_client_id",
  "nats_messages_in",
  "nats_bytes_in",
  "nats_messages_out",
  "nats_bytes_out",
  "nats_refused",
  "nats_denied",
  "nats_last_refusal",
] as const;

/** How a key is written in a format. */
export function formatOf(key: string): string {
  return `%FILTER_STATE(wasm.${key}:PLAIN)%`;
}

/** `envoyFileAccessLog` with `text`, or with `labels`. */
export function fileLog(path: string, format: string | Record<string, string>, filter?: string): object {
  const log_format =
    typeof format === "string" ? { text_format_source: { inline_string: format } } : { json_format: format };
  return {
    name: "envoy.access_loggers.file",
    ...(filter === undefined ? {} : { filter: celFilter(filter) }),
    typed_config: { "@type": `${EXTENSIONS}.access_loggers.file.v3.FileAccessLog`, path, log_format },
  };
}

/** A Telemetry resource's `filter.expression`. */
function celFilter(expression: string): object {
  return {
    extension_filter: {
      name: "envoy.access_loggers.extension_filters.cel",
      typed_config: { "@type": `${EXTENSIONS}.access_loggers.filters.cel.v3.ExpressionFilter`, expression },
    },
  };
}

/** `envoyTcpAls` with `filterStateObjectsToLog`. */
export function grpcLog(cluster: string, keys: readonly string[]): object {
  return {
    name: "envoy.access_loggers.tcp_grpc",
    typed_config: {
      "@type": `${EXTENSIONS}.access_loggers.grpc.v3.TcpGrpcAccessLogConfig`,
      common_config: {
        log_name: "nats",
        transport_api_version: "V3",
        buffer_size_bytes: 0,
        grpc_service: { envoy_grpc: { cluster_name: cluster } },
        filter_state_objects_to_log: keys,
      },
    },
  };
}

/** The cluster of a collector that speaks gRPC on 127.0.0.1. */
export function grpcCluster(name: string, port: number): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return {
    name,
    type: "STATIC",
    connect_timeout: "10s",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": `${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}
