import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { build, curves, NEVER, proxyVariables, type Row } from "./form.ts";
import { POD, POD_LEGEND, PROXIES, Queries } from "./queries.ts";
import type { StatRow } from "./stats-table.ts";

/** Is there from the first configuration on. The gauge of memory appears with the first client, and a filter may crash before. */
const POLICY = "istio_nats_policy_info";

/** Where the filter is missing it reports from no pod, so what tells that is narrowed by the cluster alone. */
const IN_CLUSTERS = 'cluster=~"$cluster"';

/** Envoy's and istio-agent's own stats have no workload label, so these are the pods that the filter reports from. */
function beside(of: Queries): string {
  return `on (cluster, namespace, pod) ${of.level(POLICY, POD)}`;
}

/** *NATS broker sidecar*: whether the filter itself is healthy. */
export function brokerDashboard(stats: readonly StatRow[], file: string): Dashboard {
  const of = new Queries(stats, PROXIES);
  return build({
    title: "NATS Broker Sidecar Dashboard",
    description: "Whether istio-nats and its Envoy are healthy: connections, memory, traps, protocol errors.",
    file,
    variables: proxyVariables(of, POLICY),
    rows: [connections(of), processor(of), memory(of), wasmVms(of), streams(of)],
  });
}

/** A metric of Envoy itself, of the proxies that have the filter. */
function envoy(of: Queries, metric: string): string {
  return `sum by (cluster, namespace, pod) (${metric} and ${beside(of)})`;
}

/** The rate of a counter of Envoy itself, likewise. */
function envoyRate(of: Queries, selector: string): string {
  return `sum by (cluster, namespace, pod) (rate(${selector}[$__rate_interval]) and ${beside(of)})`;
}

/**
 * How often VMs were replaced with this result. Envoy puts the plugin's name into the metric's name. rate() would drop it, and two
 * plugins would look like one. A subquery without a step has the evaluation interval's, a minute by default, and then a rate interval
 * holds one point.
 */
function reloads(of: Queries, result: string): string {
  const named = `label_replace({__name__=~"envoy_wasm_.+_vm_reload_${result}"}, "stat", "$1", "__name__", "(.+)")`;
  return `sum by (cluster, namespace, pod) (rate(${named}[$__rate_interval:5s]) and ${beside(of)})`;
}

function connections(of: Queries): Row {
  return {
    title: "Connections",
    panels: [
      curves({
        title: "Open",
        description: "Open connections, by pod. A refused connection counts until it ends.",
        queries: [{ expr: of.level("istio_nats_connections_active", POD), legend: POD_LEGEND }],
        width: 6,
      }),
      curves({
        title: "Opened and closed",
        description: "If both curves form a saw-tooth, a client keeps reconnecting.",
        queries: [
          { expr: of.rate("istio_nats_connections_opened_total", POD), legend: `opened ${POD_LEGEND}` },
          { expr: of.rate("istio_nats_connections_closed_total", POD), legend: `closed ${POD_LEGEND}` },
        ],
        unit: "cps",
        width: 6,
      }),
      curves({
        title: "Closed, by client",
        description:
          "Whose connections end. One client that goes on and on reconnects in a loop; if all of them end at once, it is the proxy, nats-server or the mesh.",
        queries: [of.ratesBy("istio_nats_connections_closed_total", "source_principal")],
        unit: "cps",
        width: 6,
        none: NEVER,
      }),
      curves({
        title: "Subscriptions",
        description: "Open subscriptions, by pod.",
        queries: [{ expr: of.level("istio_nats_subscriptions_active", POD), legend: POD_LEGEND }],
        width: 6,
      }),
    ],
  };
}

/** As Istio's own performance dashboard asks for it. Envoy does not count it itself. */
const CPU = 'rate(container_cpu_usage_seconds_total{container="istio-proxy"}[$__rate_interval])';
const NO_CPU = "No data: Prometheus has no container_cpu_usage_seconds_total, which cAdvisor in each kubelet counts";

function processor(of: Queries): Row {
  const cores = `sum by (${POD.join(", ")}) (${CPU} and ${beside(of)})`;
  return {
    title: "Processor",
    panels: [
      curves({
        title: "Processor time",
        description: "How many cores the whole proxy takes, which is Envoy, mTLS and the filter together, by pod.",
        queries: [{ expr: cores, legend: POD_LEGEND }],
        width: 12,
        none: NO_CPU,
      }),
      curves({
        title: "Processor time of an operation",
        description:
          "The same for each operation or delivery. If it stays as it was while the proxy takes more, there is more to do: NATS Mesh shows who does what. If it rises, what is done costs more: docs/how-to/troubleshoot.md.",
        queries: [{ expr: `${cores} / (${of.rate("istio_nats_messages_total", POD)} > 0)`, legend: POD_LEGEND }],
        unit: "s",
        width: 12,
        none: NO_CPU,
      }),
    ],
  };
}

function memory(of: Queries): Row {
  return {
    title: "Memory",
    panels: [
      curves({
        title: "The filter's VMs",
        description:
          "What connections hold, over all workers, each of which may have limits.memory. Before it is used up, the largest connections of who holds most end (`memory` among the protocol errors: NATSProtocolErrors).",
        queries: [{ expr: of.level("istio_nats_memory_bytes", POD), legend: POD_LEGEND }],
        unit: "bytes",
      }),
      curves({
        title: "Envoy, allocated",
        description: "Memory that the whole proxy has allocated, including the VMs.",
        queries: [{ expr: envoy(of, "envoy_server_memory_allocated"), legend: POD_LEGEND }],
        unit: "bytes",
      }),
      curves({
        title: "At their bound",
        description:
          "Since the proxy started: connections counted under `other` beyond telemetry.principals, audit records left out beyond audit.refusalsPerSecond and its burst, and durations that are missing from histograms, which then hold a sample.",
        queries: [
          { expr: of.count("istio_nats_principals_capped_total", POD), legend: `principals ${POD_LEGEND}` },
          {
            expr: of.count("istio_nats_audit_suppressed_total", POD),
            legend: `audit records ${POD_LEGEND}`,
          },
          { expr: of.count("istio_nats_durations_left_out_total", POD), legend: `durations ${POD_LEGEND}` },
        ],
      }),
    ],
  };
}

function wasmVms(of: Queries): Row {
  return {
    title: "Wasm VMs",
    panels: [
      curves({
        title: "VMs",
        description:
          "One for each worker and two for the main thread. If there are more for a long time, an old version still has connections.",
        queries: [{ expr: envoy(of, "envoy_wasm_envoy_wasm_runtime_v8_active"), legend: POD_LEGEND }],
      }),
      curves({
        title: "VMs made",
        description: "New VMs come with a new module, and after a trap with FAIL_RELOAD.",
        queries: [{ expr: envoyRate(of, "envoy_wasm_envoy_wasm_runtime_v8_created"), legend: POD_LEGEND }],
        unit: "cps",
      }),
      curves({
        title: "Reloads after a trap",
        description:
          "A VM trapped and was replaced (FAIL_RELOAD): NATSFilterReloaded. This is a bug in the filter; please report it.",
        queries: [
          { expr: reloads(of, "success"), legend: `replaced ${POD_LEGEND}` },
          { expr: reloads(of, "failure"), legend: `could not be replaced ${POD_LEGEND}` },
        ],
        unit: "cps",
      }),
      curves({
        title: "Refused by Istio's stand-in",
        description: "Without a module to run, Istio puts in a filter that denies everything: NATSPluginDenyAll.",
        queries: [
          {
            expr: `sum by (cluster, namespace, pod) (rate(envoy_wasm_default_deny_rbac{${IN_CLUSTERS}, authz_enforce_result="denied"}[$__rate_interval]))`,
            legend: POD_LEGEND,
          },
        ],
        unit: "cps",
        width: 12,
        none: "None: Istio has put in no stand-in",
      }),
      curves({
        title: "Modules fetched by istio-agent",
        description:
          "Since the agents started, of all proxies: whether modules could be fetched, by result. One failure is enough for NATSPluginDenyAll.",
        queries: [
          {
            expr: `sum by (cluster, namespace, result) (istio_agent_wasm_remote_fetch_count{${IN_CLUSTERS}})`,
            legend: "{{namespace}} {{result}} {{cluster}}",
          },
        ],
        width: 12,
      }),
    ],
  };
}

function streams(of: Queries): Row {
  return {
    title: "Streams",
    panels: [
      curves({
        title: "Protocol errors",
        description:
          "Streams that could not be read as NATS, by kind of error: they end, or in DRY_RUN pass unread. `memory` is the filter's own: limits.memory.",
        queries: [of.ratesBy("istio_nats_protocol_errors_total", "kind")],
        unit: "cps",
        none: NEVER,
      }),
      curves({
        title: "Errors of nats-server",
        description:
          "`-ERR` lines that nats-server itself sent, by kind (docs/reference/telemetry.md): NATSServerErrors. `unknown_operation` often follows a protocol error.",
        queries: [of.ratesBy("istio_nats_server_errors_total", "kind")],
        unit: "cps",
        none: NEVER,
      }),
      curves({
        title: "Untested nats-servers",
        description:
          "Connections to a nats-server version that this filter was not tested with, since the proxy started.",
        queries: [{ expr: of.count("istio_nats_untested_servers_total", POD), legend: POD_LEGEND }],
        none: NEVER,
      }),
      curves({
        title: "Requests without an answer",
        description:
          "Requests that the filter stopped measuring: expired (telemetry.requestTimeout), evicted by newer ones (telemetry.requests is too small), or their connection closed.",
        queries: [of.ratesBy("istio_nats_requests_unanswered_total", "reason")],
        unit: "reqps",
        none: NEVER,
      }),
      curves({
        title: "Beyond a maximum",
        description:
          "Deliveries that the filter dropped because their subscription had its maximum (`UNSUB sid max`), while it counts in nats-server's place. They are no refusals.",
        queries: [{ expr: of.rate("istio_nats_over_maximum_total", POD), legend: POD_LEGEND }],
        unit: "cps",
        none: NEVER,
      }),
      curves({
        title: "Policy rejected",
        description:
          "Configurations that the filter refused since the proxy started. The log lists every fault with its place.",
        queries: [{ expr: of.count("istio_nats_policy_rejected_total", POD), legend: POD_LEGEND }],
      }),
    ],
  };
}
