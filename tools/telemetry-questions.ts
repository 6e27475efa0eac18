import { increaseFromNothing } from "./dashboards/queries.ts";

export interface Question {
  question: string;
  /** A PromQL query. It uses only stats and labels of the table. */
  query: string;
}

const inLines = (lines: readonly string[], indent = "  "): string => lines.map((line) => indent + line).join("\n");

/** Questions that people ask about a message bus in a mesh. */
export const QUESTIONS: readonly Question[] = [
  {
    question: "Who publishes how much, by workload and class of subjects?",
    query:
      'sum by (source_principal, subject) (rate(istio_nats_messages_total{operation=~"PUB|HPUB", verdict="allowed"}[$__rate_interval]))',
  },
  {
    question: "Who receives it?",
    query:
      'sum by (source_principal, subject) (rate(istio_nats_messages_total{operation=~"MSG|HMSG", verdict="allowed"}[$__rate_interval]))',
  },
  {
    question: "How fast are requests answered, as their senders see it (99th percentile)?",
    query:
      "histogram_quantile(0.99, sum by (le, subject) (rate(istio_nats_request_duration_milliseconds_bucket[$__rate_interval])))",
  },
  {
    question: "Is it the service that is slow, or what lies between?",
    query:
      "histogram_quantile(0.99, sum by (le, subject) (rate(istio_nats_service_duration_milliseconds_bucket[$__rate_interval])))",
  },
  {
    question: "Which part of the requests gets no answer, or hears that nobody listens?",
    query: `sum by (subject) (
  rate(istio_nats_requests_unanswered_total[$__rate_interval])
  or rate(istio_nats_no_responders_total[$__rate_interval])
  or 0 * rate(istio_nats_request_duration_milliseconds_count[$__rate_interval])
)
/ sum by (subject) (
  rate(istio_nats_request_duration_milliseconds_count[$__rate_interval])
  or rate(istio_nats_durations_left_out_total{kind="request"}[$__rate_interval])
  or rate(istio_nats_requests_unanswered_total[$__rate_interval])
  or label_replace(rate(istio_nats_no_responders_total[$__rate_interval]), "reason", "nobody", "", "")
)`,
  },
  {
    question: "Who was refused what in the last hour, and by which rule?",
    query: `topk(20, sum by (source_principal, operation, subject, reason, rule) (
${inLines(increaseFromNothing("istio_nats_refusals_total", "1h", 3600))}
) > 0)`,
  },
  {
    question: "What would break if the rules on trial were enforced?",
    query: `sum by (source_principal, subject, rule) (
${inLines(increaseFromNothing("istio_nats_dry_run_refusals_total", "1d", 86_400))}
) > 0
or sum by (source_principal, kind) (
${inLines(increaseFromNothing('istio_nats_protocol_errors_total{kind!="unfinished", mode="DRY_RUN"}', "1d", 86_400))}
) > 0`,
  },
  {
    question: "Which policy do the brokers' proxies enforce, and do they agree?",
    query: "count by (cluster, policy, mode, version) (istio_nats_policy_info == 1)",
  },
  {
    question: "Who holds connections and subscriptions?",
    query: `topk by (__name__) (10, sum by (__name__, source_principal) (
  {__name__=~"istio_nats_connections_active|istio_nats_subscriptions_active"}
))`,
  },
  {
    question: "Is something wrong with the broker itself?",
    // To what the filter ends, nats-server answers with an unknown operation.
    query: `sum by (cluster, namespace, destination_workload, kind) (
${inLines(increaseFromNothing('istio_nats_server_errors_total{kind!="unknown_operation"}', "1h", 3600))}
) > 0`,
  },
];
