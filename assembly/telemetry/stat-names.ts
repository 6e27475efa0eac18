/**
 * The stats' names, which the filter needs. All else about them is in stats.ts, which only tools read: texts for operators would
 * be nearly 10 KB of the module.
 */
export const MESSAGES: string = "istio_nats_messages_total";
export const BYTES: string = "istio_nats_bytes_total";
export const REFUSALS: string = "istio_nats_refusals_total";
export const DRY_RUN_REFUSALS: string = "istio_nats_dry_run_refusals_total";
export const CONNECTIONS_OPENED: string = "istio_nats_connections_opened_total";
export const CONNECTIONS_CLOSED: string = "istio_nats_connections_closed_total";
export const CONNECTIONS_ACTIVE: string = "istio_nats_connections_active";
export const SUBSCRIPTIONS_ACTIVE: string = "istio_nats_subscriptions_active";
export const PROTOCOL_ERRORS: string = "istio_nats_protocol_errors_total";
export const SERVER_ERRORS: string = "istio_nats_server_errors_total";
export const NO_RESPONDERS: string = "istio_nats_no_responders_total";
export const REQUEST_DURATION: string = "istio_nats_request_duration_milliseconds";
export const SERVICE_DURATION: string = "istio_nats_service_duration_milliseconds";
export const REQUESTS_UNANSWERED: string = "istio_nats_requests_unanswered_total";
export const DURATIONS_LEFT_OUT: string = "istio_nats_durations_left_out_total";
export const PING_RTT: string = "istio_nats_ping_rtt_milliseconds";
export const UNTESTED_SERVERS: string = "istio_nats_untested_servers_total";
export const OVER_MAXIMUM: string = "istio_nats_over_maximum_total";
export const POLICY_INFO: string = "istio_nats_policy_info";
export const POLICY_RULES: string = "istio_nats_policy_rules";
export const POLICY_REJECTED: string = "istio_nats_policy_rejected_total";
export const POLICY_CHANGES: string = "istio_nats_policy_changes_total";
export const REVOKED_CONNECTIONS: string = "istio_nats_revoked_connections_total";
export const REVOKED_SUBSCRIPTIONS: string = "istio_nats_revoked_subscriptions_total";
export const PRINCIPALS_CAPPED: string = "istio_nats_principals_capped_total";
export const AUDIT_SUPPRESSED: string = "istio_nats_audit_suppressed_total";
export const MEMORY_BYTES: string = "istio_nats_memory_bytes";
