import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { build, curves, heatmap, labelVariable, NEVER, number, proxyVariables, table, type Row } from "./form.ts";
import { PROXIES, Queries } from "./queries.ts";
import type { StatRow } from "./stats-table.ts";

const SCOPE = { ...PROXIES, source_principal: '=~"$principal"', subject: '=~"$subject"' };

const MESSAGES = "istio_nats_messages_total";
/** Has every client: one whose stream was unreadable has no operations. */
const OPENED = "istio_nats_connections_opened_total";
const BYTES = "istio_nats_bytes_total";
const REQUESTS = "istio_nats_request_duration_milliseconds";
const SERVICE = "istio_nats_service_duration_milliseconds";
const PRINCIPAL = ["source_principal"];
const SUBJECT = ["subject"];
const PAYLOADS = { operation: '=~"PUB|HPUB|MSG|HMSG"' };
const PUBLISHES = { operation: '=~"PUB|HPUB"' };
const DELIVERIES = { operation: '=~"MSG|HMSG"' };
const REFUSED = { verdict: '="refused"' };

/** *NATS mesh overview*: throughput, latency and errors by workload and subject class. */
export function meshDashboard(stats: readonly StatRow[], file: string): Dashboard {
  const of = new Queries(stats, SCOPE);
  return build({
    title: "NATS Mesh Dashboard",
    description: "Who uses which class of subjects, how fast, and what fails, by mesh identity.",
    file,
    variables: [
      ...proxyVariables(of, OPENED),
      labelVariable("principal", "Client identity", of.values(OPENED, "source_principal")),
      labelVariable("subject", "Subject class", of.values(MESSAGES, "subject")),
    ],
    rows: [now(of), throughput(of), latency(of), errors(of), topTalkers(of)],
  });
}

function now(of: Queries): Row {
  return {
    title: "Now",
    panels: [
      number({
        title: "Publishes",
        description: "Messages that clients published and the policy allowed, per second.",
        queries: [{ expr: of.rate(MESSAGES, [], { ...PUBLISHES, verdict: '="allowed"' }) }],
        unit: "mps",
      }),
      number({
        title: "Deliveries",
        description: "Messages that nats-server delivered to clients, per second.",
        queries: [{ expr: of.rate(MESSAGES, [], { ...DELIVERIES, verdict: '="allowed"' }) }],
        unit: "mps",
      }),
      number({
        title: "Payload",
        description: "Payload bytes in both directions, including header blocks.",
        queries: [{ expr: of.rate(BYTES) }],
        unit: "Bps",
      }),
      number({
        title: "Connections",
        description: "Open connections. A refused connection counts until it ends.",
        queries: [{ expr: of.level("istio_nats_connections_active") }],
      }),
      number({
        title: "Refused",
        description:
          "The share of all operations that the policy refused. NATS Access shows the clients and the rules.",
        queries: [{ expr: of.share(MESSAGES, REFUSED) }],
        unit: "percentunit",
        alarm: 0.01,
      }),
      number({
        title: "Requests, p99",
        description:
          "From the publish of a request to the first message on its reply subject, as the requester sees it.",
        queries: [{ expr: of.quantile(0.99, REQUESTS) }],
        unit: "ms",
      }),
    ],
  };
}

function throughput(of: Queries): Row {
  return {
    title: "Throughput",
    panels: [
      curves({
        title: "Messages by client",
        description: "Publishes and deliveries that passed, by the identity of the client's certificate.",
        queries: [of.ratesBy(MESSAGES, "source_principal", { ...PAYLOADS, verdict: '="allowed"' })],
        unit: "mps",
      }),
      curves({
        title: "Messages by subject class",
        description: "The classes are those of telemetry.subjects. A subject that matches none is `other`.",
        queries: [of.ratesBy(MESSAGES, "subject", { ...PAYLOADS, verdict: '="allowed"' })],
        unit: "mps",
      }),
      curves({
        title: "Operations",
        description: "What clients and nats-server send to each other, by the verb of the protocol.",
        queries: [of.ratesBy(MESSAGES, "operation")],
        unit: "ops",
      }),
      curves({
        title: "Payload by client",
        description: "Payload bytes in both directions, including header blocks, by the client's identity.",
        queries: [of.ratesBy(BYTES, "source_principal")],
        unit: "Bps",
      }),
      curves({
        title: "Payload by subject class",
        description: "Payload bytes in both directions, including header blocks.",
        queries: [of.ratesBy(BYTES, "subject")],
        unit: "Bps",
      }),
      curves({
        title: "Connections and subscriptions",
        description: "Connections that are open now. If they rise in steps and never fall, a client leaks connections.",
        queries: [
          { expr: of.level("istio_nats_connections_active"), legend: "connections" },
          { expr: of.level("istio_nats_subscriptions_active"), legend: "subscriptions" },
        ],
      }),
    ],
  };
}

function latency(of: Queries): Row {
  return {
    title: "Latency",
    panels: [
      heatmap({
        title: "Requests",
        description:
          "How many requests took how long, from the publish of a request to the first message on its reply subject.",
        queries: [{ expr: of.buckets(REQUESTS) }],
        unit: "ms",
      }),
      curves({
        title: "Requests by subject class",
        description: "As the requester sees it. The alert NATSRequestLatencyBurn watches the fraction above 100 ms.",
        queries: [
          { expr: of.quantile(0.5, REQUESTS, SUBJECT), legend: "p50 {{subject}}" },
          { expr: of.quantile(0.99, REQUESTS, SUBJECT), legend: "p99 {{subject}}" },
        ],
        unit: "ms",
        width: 12,
      }),
      curves({
        title: "Service time by responder",
        description:
          "From the delivery of a request to the responder's reply, which is the responder's own share of a request; p99.",
        queries: [{ expr: of.quantile(0.99, SERVICE, PRINCIPAL), legend: "{{source_principal}}" }],
        unit: "ms",
      }),
      curves({
        title: "Service time by subject class",
        description:
          "A class that is slow here has a slow responder. A class that is slow only in Requests waits on the way.",
        queries: [
          { expr: of.quantile(0.5, SERVICE, SUBJECT), legend: "p50 {{subject}}" },
          { expr: of.quantile(0.99, SERVICE, SUBJECT), legend: "p99 {{subject}}" },
        ],
        unit: "ms",
      }),
      curves({
        title: "PING to PONG",
        description:
          "How long nats-server takes to answer a client's PING, which is the bus itself without any responder; p99.",
        queries: [
          {
            expr: of.quantile(0.99, "istio_nats_ping_rtt_milliseconds", PRINCIPAL),
            legend: "{{source_principal}}",
          },
        ],
        unit: "ms",
      }),
    ],
  };
}

function errors(of: Queries): Row {
  return {
    title: "Errors",
    panels: [
      curves({
        title: "Refused operations by client",
        description: "Operations that the policy refused. NATS Access shows the rules and the reasons.",
        queries: [of.ratesBy("istio_nats_refusals_total", "source_principal")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "Refused operations by subject class",
        description: "The share of each class's operations that the policy refused.",
        queries: [{ expr: of.share(MESSAGES, REFUSED, SUBJECT), legend: "{{subject}}" }],
        unit: "percentunit",
      }),
      curves({
        title: "No responders",
        description: "Requests that nats-server answered with status 503, because nobody subscribes to their subject.",
        queries: [of.ratesBy("istio_nats_no_responders_total", "subject")],
        unit: "reqps",
        none: NEVER,
      }),
      curves({
        title: "Unanswered requests",
        description:
          "Requests that the filter stopped measuring: expired (telemetry.requestTimeout), evicted by newer ones (telemetry.requests is too small), or their connection closed.",
        queries: [
          {
            expr: of.rate("istio_nats_requests_unanswered_total", ["subject", "reason"]),
            legend: "{{subject}} {{reason}}",
          },
        ],
        unit: "reqps",
        none: NEVER,
      }),
      curves({
        title: "Protocol errors",
        description:
          "Streams that could not be read as NATS, by kind of error: they end, or in DRY_RUN pass unread. docs/how-to/troubleshoot.md explains each kind.",
        queries: [of.ratesBy("istio_nats_protocol_errors_total", "kind")],
        unit: "cps",
        none: NEVER,
      }),
      curves({
        title: "Errors of nats-server",
        description:
          "`-ERR` lines that nats-server itself sent, by kind (docs/reference/telemetry.md): NATSServerErrors. Those of the filter count as refusals; `unknown_operation` often follows a protocol error.",
        queries: [of.ratesBy("istio_nats_server_errors_total", "kind")],
        unit: "cps",
        none: NEVER,
      }),
    ],
  };
}

function topTalkers(of: Queries): Row {
  return {
    title: "Top talkers",
    panels: [
      table({
        title: "Messages",
        description: "Who published and received most in the dashboard's time range, and on which class of subjects.",
        queries: [
          {
            expr: `topk(10, ${of.total(MESSAGES, ["source_principal", "subject", "operation"], { ...PAYLOADS, verdict: '="allowed"' })})`,
          },
        ],
      }),
      table({
        title: "Payload",
        description: "Who moved the most payload over the dashboard's time, and on which class of subjects.",
        queries: [{ expr: `topk(10, ${of.total(BYTES, ["source_principal", "subject", "operation"])})` }],
        unit: "bytes",
      }),
    ],
  };
}
