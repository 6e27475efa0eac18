import * as names from "./stat-names.ts";

/**
 * The one table of what is counted: docs/reference/telemetry.md, the labels that Istio's proxies must know (extraStatTags) and the
 * dashboards are made from it, and the filter's series are held against it (test/host/stats-table.test.ts). It is plain
 * TypeScript for tools, and no part of the module: the filter has the names (stat-names.ts).
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

/** All labels, in the order of the documentation. */
export const LABELS: Label[] = [
  new Label("reporter", "`destination` (nats-server or a gateway), `source` (a client) or `waypoint`."),
  new Label("source_principal", "The peer's URI, with `spiffe://`; `other` beyond `telemetry.principals`."),
  new Label("source_workload_namespace", "The namespace in it."),
  new Label("destination_workload", "The workload of this proxy, a gateway's too, when `reporter` is `destination`."),
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
  new Label(
    "policy",
    "The fingerprint of the configuration, which `istio-nats check` tells of a file: FNV-1a of its bytes, 16 hexadecimal digits.",
  ),
  new Label("mode", "`ENFORCE` or `DRY_RUN`: the mode of the configuration that was in force."),
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

/** All stats, in the order of the documentation. */
export const STATS: Stat[] = [
  new Stat(
    names.MESSAGES,
    "counter",
    ["operation", "subject", "verdict"],
    "Operations of clients (PUB, HPUB, SUB, UNSUB, CONNECT, PING) and deliveries to them (MSG, HMSG).",
    false,
  ),
  new Stat(
    names.BYTES,
    "counter",
    ["operation", "subject", "verdict"],
    "Payload bytes of PUB, HPUB, MSG and HMSG, header blocks included.",
    false,
  ),
  new Stat(
    names.REFUSALS,
    "counter",
    ["operation", "subject", "reason", "rule"],
    "Operations and deliveries refused, by reason and rule.",
    false,
  ),
  new Stat(
    names.DRY_RUN_REFUSALS,
    "counter",
    ["operation", "subject", "reason", "rule"],
    "What passed, and a policy or rule in DRY_RUN would have refused.",
    false,
  ),
  new Stat(
    names.CONNECTIONS_OPENED,
    "counter",
    ["verdict"],
    "Connections whose client sent something, by whether the policy let it in.",
    false,
  ),
  new Stat(names.CONNECTIONS_CLOSED, "counter", [], "Connections that ended, among those counted as opened.", false),
  new Stat(names.CONNECTIONS_ACTIVE, "gauge", [], "Connections that are open, among those counted as opened.", false),
  // nats-server's text for such a refusal names the subject, but no sid by which one could be taken away (client.go
  // `subPermissionViolation`).
  new Stat(
    names.SUBSCRIPTIONS_ACTIVE,
    "gauge",
    [],
    "Subscriptions that are live, and those that nats-server itself has refused (-ERR) until the client ends them.",
    false,
  ),
  new Stat(
    names.PROTOCOL_ERRORS,
    "counter",
    ["kind", "mode"],
    "Streams that could not be read as NATS: ended in the mode ENFORCE, passed unread in DRY_RUN. A single message each for `line_break`.",
    false,
  ),
  new Stat(names.SERVER_ERRORS, "counter", ["kind"], "Errors that nats-server itself told a client (-ERR).", false),
  new Stat(
    names.NO_RESPONDERS,
    "counter",
    ["subject"],
    "Requests to which nats-server answered that nobody listens (status 503).",
    false,
  ),
  new Stat(
    names.REQUEST_DURATION,
    "histogram",
    ["subject"],
    "For the requester: from a PUB or HPUB with a reply subject to the first message on it, unless that is a status 503.",
    false,
  ),
  new Stat(
    names.SERVICE_DURATION,
    "histogram",
    ["subject"],
    "For the responder: from the delivery of a message with a reply subject to the publish on it; an answer to JetStream itself is none.",
    false,
  ),
  new Stat(
    names.REQUESTS_UNANSWERED,
    "counter",
    ["subject", "reason"],
    "Requests without an answer: `expired` after `telemetry.requestTimeout`, `evicted` by newer ones, `closed` with the connection.",
    false,
  ),
  new Stat(
    names.DURATIONS_LEFT_OUT,
    "counter",
    ["subject", "kind"],
    "Durations of a `request`, `service` or `ping` that the histograms do not have, since a worker had more than 8,192 in half a second.",
    false,
  ),
  new Stat(
    names.PING_RTT,
    "histogram",
    [],
    "From a client's PING to nats-server's PONG, where no other PING was under way.",
    false,
  ),
  new Stat(
    names.UNTESTED_SERVERS,
    "counter",
    [],
    "Connections to a nats-server of a version with which this filter has not been tested.",
    false,
  ),
  new Stat(
    names.OVER_MAXIMUM,
    "counter",
    [],
    "Deliveries beyond a maximum (`UNSUB sid max`) that the filter counts in nats-server's place, which do not reach the client.",
    false,
  ),
  new Stat(
    names.POLICY_INFO,
    "gauge",
    ["policy", "mode", "version"],
    "1 while a worker of this proxy has this configuration in force, else 0.",
    true,
  ),
  new Stat(names.POLICY_RULES, "gauge", ["policy", "mode", "version"], "Its rules while it is in force, else 0.", true),
  new Stat(
    names.POLICY_REJECTED,
    "counter",
    [],
    "Configurations that were refused whole while the proxy had one in force, and published policies that a VM could not read.",
    true,
  ),
  new Stat(
    names.POLICY_CHANGES,
    "counter",
    [],
    "Policies that took the place of another in a VM of the proxy: once for each worker and the main thread.",
    true,
  ),
  new Stat(names.REVOKED_CONNECTIONS, "counter", [], "Open connections that a change of the policy ended.", true),
  new Stat(names.REVOKED_SUBSCRIPTIONS, "counter", [], "Live subscriptions that a change of the policy ended.", true),
  new Stat(names.PRINCIPALS_CAPPED, "counter", [], "Connections that are counted under the principal `other`.", true),
  new Stat(names.AUDIT_SUPPRESSED, "counter", [], "Audit records that the rate limits left out.", true),
  new Stat(names.MEMORY_BYTES, "gauge", [], "Bytes of `limits.memory` that connections hold, over all workers.", true),
];
