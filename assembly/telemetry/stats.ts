/**
 * The one table of what is counted: docs/telemetry.md, the labels that Istio's proxies must know (extraStatTags), the
 * dashboards and the filter itself are made from it. It is plain TypeScript, so that tools read it as the filter does.
 *
 * Names and labels follow Istio (`istio_tcp_*`): `source_*` and `destination_*`, counters end in `_total`, what is missing
 * is `unknown`. Istio finds a label in a raw name by an expression that is not anchored, so no label's name may end
 * another's.
 */

/** A label of stats. */
export class Label {
  constructor(
    readonly name: string,
    readonly about: string,
  ) {}
}

export const LABELS: Label[] = [
  new Label("reporter", "`destination` (beside nats-server), `source` (beside a client) or `waypoint`."),
  new Label("source_principal", "The peer's URI, with `spiffe://`; `other` beyond `telemetry.principals`."),
  new Label("source_workload_namespace", "The namespace in it."),
  new Label("destination_workload", "The workload beside which this proxy stands, when `reporter` is `destination`."),
  new Label("destination_workload_namespace", "Its namespace."),
  new Label("operation", "`CONNECT`, `PUB`, `HPUB`, `SUB`, `UNSUB`, `PING`; `MSG` and `HMSG` are deliveries."),
  new Label(
    "subject",
    "The first class of `telemetry.subjects` that matches, else `other`; `unknown` for operations without a subject.",
  ),
  new Label("verdict", "`allowed` or `refused`."),
  new Label("reason", "Why it was refused, or why a request has no answer."),
  new Label("rule", "The rule that decided; `unknown` when none did, `other` beyond the bounds."),
  new Label("kind", "What kind of error, or of duration, it was."),
  new Label("policy", "The fingerprint of the configuration: FNV-1a of its bytes, 16 hexadecimal digits."),
  new Label("mode", "`ENFORCE` or `DRY_RUN`, of the whole configuration."),
  new Label("version", "The filter's version."),
];

/** Labels of every series about a peer. */
export const PEER_LABELS: string[] = [
  "reporter",
  "source_principal",
  "source_workload_namespace",
  "destination_workload",
  "destination_workload_namespace",
];

/** Labels of every series about the filter as a whole. */
export const FILTER_LABELS: string[] = ["reporter", "destination_workload", "destination_workload_namespace"];

/** One stat as operators see it. */
export class Stat {
  constructor(
    readonly name: string,
    /** `counter`, `gauge` or `histogram`. */
    readonly kind: string,
    /** Labels beside those that all stats about a peer, or about the filter, have. */
    readonly labels: string[],
    readonly help: string,
    /** About the filter as a whole and not about a peer. */
    readonly filterWide: boolean,
  ) {}
}

export const MESSAGES: Stat = new Stat(
  "istio_nats_messages_total",
  "counter",
  ["operation", "subject", "verdict"],
  "Operations of clients (PUB, HPUB, SUB, UNSUB, CONNECT, PING) and deliveries to them (MSG, HMSG).",
  false,
);
export const BYTES: Stat = new Stat(
  "istio_nats_bytes_total",
  "counter",
  ["operation", "subject", "verdict"],
  "Payload bytes of PUB, HPUB, MSG and HMSG, header blocks included.",
  false,
);
export const REFUSALS: Stat = new Stat(
  "istio_nats_refusals_total",
  "counter",
  ["operation", "subject", "reason", "rule"],
  "Operations and deliveries refused, by reason and rule.",
  false,
);
export const DRY_RUN_REFUSALS: Stat = new Stat(
  "istio_nats_dry_run_refusals_total",
  "counter",
  ["operation", "subject", "reason", "rule"],
  "What passed, and a policy or rule in DRY_RUN would have refused.",
  false,
);
export const CONNECTIONS_OPENED: Stat = new Stat(
  "istio_nats_connections_opened_total",
  "counter",
  ["verdict"],
  "Connections whose client sent something, by whether the policy let it in.",
  false,
);
export const CONNECTIONS_CLOSED: Stat = new Stat(
  "istio_nats_connections_closed_total",
  "counter",
  [],
  "Connections that ended, among those counted as opened.",
  false,
);
export const CONNECTIONS_ACTIVE: Stat = new Stat(
  "istio_nats_connections_active",
  "gauge",
  [],
  "Connections that are open, among those counted as opened.",
  false,
);
export const SUBSCRIPTIONS_ACTIVE: Stat = new Stat(
  "istio_nats_subscriptions_active",
  "gauge",
  [],
  "Subscriptions that are live.",
  false,
);
export const PROTOCOL_ERRORS: Stat = new Stat(
  "istio_nats_protocol_errors_total",
  "counter",
  ["kind"],
  "Streams that could not be read as NATS and were ended (or, in DRY_RUN, passed unread).",
  false,
);
export const SERVER_ERRORS: Stat = new Stat(
  "istio_nats_server_errors_total",
  "counter",
  ["kind"],
  "Errors that nats-server itself told a client (-ERR).",
  false,
);
export const NO_RESPONDERS: Stat = new Stat(
  "istio_nats_no_responders_total",
  "counter",
  ["subject"],
  "Requests to which nats-server answered that nobody listens (status 503).",
  false,
);
export const REQUEST_DURATION: Stat = new Stat(
  "istio_nats_request_duration_milliseconds",
  "histogram",
  ["subject"],
  "For the requester: from a PUB or HPUB with a reply subject to the first message on it.",
  false,
);
export const SERVICE_DURATION: Stat = new Stat(
  "istio_nats_service_duration_milliseconds",
  "histogram",
  ["subject"],
  "For the responder: from the delivery of a message with a reply subject to the publish on it; a JetStream acknowledgement is none.",
  false,
);
export const REQUESTS_UNANSWERED: Stat = new Stat(
  "istio_nats_requests_unanswered_total",
  "counter",
  ["subject", "reason"],
  "Requests without an answer: `expired` after `telemetry.requestTimeout`, `evicted` by newer ones, `closed` with the connection.",
  false,
);
export const DURATIONS_LEFT_OUT: Stat = new Stat(
  "istio_nats_durations_left_out_total",
  "counter",
  ["subject", "kind"],
  "Durations of a `request`, `service` or `ping` that the histograms do not have, since a worker had more than 8,192 in half a second.",
  false,
);
export const PING_RTT: Stat = new Stat(
  "istio_nats_ping_rtt_milliseconds",
  "histogram",
  [],
  "From a client's PING to nats-server's PONG, where no other PING was under way.",
  false,
);
export const UNTESTED_SERVERS: Stat = new Stat(
  "istio_nats_untested_servers_total",
  "counter",
  [],
  "Connections to a nats-server of a version with which this filter has not been tested.",
  false,
);
export const POLICY_INFO: Stat = new Stat(
  "istio_nats_policy_info",
  "gauge",
  ["policy", "mode", "version"],
  "1 while a worker of this proxy has this configuration in force, else 0.",
  true,
);
export const POLICY_RULES: Stat = new Stat("istio_nats_policy_rules", "gauge", [], "Rules of it.", true);
export const POLICY_REJECTED: Stat = new Stat(
  "istio_nats_policy_rejected_total",
  "counter",
  [],
  "Configurations that were refused whole, and published policies that a VM could not read.",
  true,
);
export const POLICY_CHANGES: Stat = new Stat(
  "istio_nats_policy_changes_total",
  "counter",
  [],
  "Policies that took the place of another in a VM of the proxy: once for each worker and the main thread.",
  true,
);
export const REVOKED_CONNECTIONS: Stat = new Stat(
  "istio_nats_revoked_connections_total",
  "counter",
  [],
  "Open connections that a change of the policy ended.",
  true,
);
export const REVOKED_SUBSCRIPTIONS: Stat = new Stat(
  "istio_nats_revoked_subscriptions_total",
  "counter",
  [],
  "Live subscriptions that a change of the policy ended.",
  true,
);
export const PRINCIPALS_CAPPED: Stat = new Stat(
  "istio_nats_principals_capped_total",
  "counter",
  [],
  "Connections that are counted under the principal `other`.",
  true,
);
export const AUDIT_SUPPRESSED: Stat = new Stat(
  "istio_nats_audit_suppressed_total",
  "counter",
  [],
  "Audit records that the rate limits left out.",
  true,
);
export const MEMORY_BYTES: Stat = new Stat(
  "istio_nats_memory_bytes",
  "gauge",
  [],
  "Bytes of `limits.memory` that connections hold, over all workers.",
  true,
);

/** All of them, in the order of the documentation. */
export const STATS: Stat[] = [
  MESSAGES,
  BYTES,
  REFUSALS,
  DRY_RUN_REFUSALS,
  CONNECTIONS_OPENED,
  CONNECTIONS_CLOSED,
  CONNECTIONS_ACTIVE,
  SUBSCRIPTIONS_ACTIVE,
  PROTOCOL_ERRORS,
  SERVER_ERRORS,
  NO_RESPONDERS,
  REQUEST_DURATION,
  SERVICE_DURATION,
  REQUESTS_UNANSWERED,
  DURATIONS_LEFT_OUT,
  PING_RTT,
  UNTESTED_SERVERS,
  POLICY_INFO,
  POLICY_RULES,
  POLICY_REJECTED,
  POLICY_CHANGES,
  REVOKED_CONNECTIONS,
  REVOKED_SUBSCRIPTIONS,
  PRINCIPALS_CAPPED,
  AUDIT_SUPPRESSED,
  MEMORY_BYTES,
];
