import { writeFileSync } from "node:fs";
import { format } from "prettier";
import { FILTER_LABELS, LABELS, PEER_LABELS, STATS, type Stat } from "../assembly/telemetry/stats.ts";
import { auditSchema } from "../test/stand/audit-schema.ts";
import { inRoot } from "./paths.ts";
import { serverErrorKinds } from "./server-errors.ts";
import { sourceConstant } from "./source-constant.ts";
import { QUESTIONS } from "./telemetry-questions.ts";

/** The two pages that are made from the tables: the reference, and queries over it. */
const REFERENCE_PAGE = inRoot("docs", "reference", "telemetry.md");
const QUERIES_PAGE = inRoot("docs", "how-to", "query.md");

const code = (text: string): string => `\`${text}\``;
const list = (names: readonly string[]): string => names.map(code).join(", ");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function statRows(filterWide: boolean): string[][] {
  return STATS.filter((stat) => stat.filterWide === filterWide).map(({ name, kind, labels, help }: Stat) => [
    code(name),
    kind,
    list(labels),
    help,
  ]);
}

/** A number from the filter's source, in the form that the page uses. */
function constant(file: string, name: string): string {
  return sourceConstant(file, name).toLocaleString("en-US");
}

function eventRows(): string[][] {
  return auditSchema.oneOf.map(({ description, properties: { event }, required = [] }) => [
    list(event.enum ?? [event.const ?? ""]),
    description,
    list(required.filter((field) => field !== "source_principal")),
  ]);
}

function fieldRows(): string[][] {
  return Object.entries(auditSchema.properties).map(([name, { description }]) => [code(name), description]);
}

function serverErrorRows(): string[][] {
  return serverErrorKinds().map(({ name, texts, remedy }) => [
    code(name),
    texts.length === 0 ? "anything else" : list(texts),
    remedy,
  ]);
}

function boundRows(): string[][] {
  return [
    [
      "principals of a plugin in a worker, over all its configurations",
      code("telemetry.principals"),
      "the principal `other`, and `istio_nats_principals_capped_total`",
    ],
    ["classes of subjects", constant("policy/config-telemetry.ts", "MAX_CLASSES"), "a fault of the configuration"],
    [
      "names of classes, over all configurations of a proxy's life",
      constant("telemetry/names.ts", "MAX_CLASS_NUMBERS"),
      "the class `other`",
    ],
    [
      "series of refusals of a principal, under one policy",
      constant("telemetry/meter.ts", "MAX_REFUSAL_SERIES"),
      "class and rule `other`",
    ],
    ["the same of all principals of a worker", constant("telemetry/meter.ts", "MAX_ALL_REFUSAL_SERIES"), "the same"],
    [
      "names of rules in refusals, over all configurations",
      constant("telemetry/names.ts", "MAX_RULE_NAMES"),
      "the rule `other`",
    ],
    ["requests that wait, of a worker", code("telemetry.requests"), "the oldest is given up, counted as `evicted`"],
    [
      "durations that wait for the tick, of a worker",
      constant("telemetry/durations.ts", "PLACES"),
      "one of them, drawn by chance, or the new one is left out, and `istio_nats_durations_left_out_total`",
    ],
  ];
}

/** What the filter sets for the access log (assembly/connection/summary.ts). */
const ACCESS_LOG_KEYS = [
  ["`wasm.nats_principal`", "The peer's URI; not set without one."],
  ["`wasm.nats_client_id`", "nats-server's number of the client (`cid`)."],
  [
    "`wasm.nats_messages_in`, `wasm.nats_bytes_in`",
    "Messages from the client that were let through, and their payloads.",
  ],
  ["`wasm.nats_messages_out`, `wasm.nats_bytes_out`", "Messages to the client, and their payloads."],
  ["`wasm.nats_refused`", "Operations and deliveries that were refused."],
  ["`wasm.nats_denied`", "`1` when there was one, from the first on; else `0`, when the connection ends."],
  [
    "`wasm.nats_last_refusal`",
    "`PUB orders.admin.x denied orders-api`: operation, subject, reason and rule of the first refusal, or of the last one that was audited.",
  ],
];

const TAGS = LABELS.map(({ name }) => name).join(",");

function reference(): string {
  const places = constant("telemetry/durations.ts", "PLACES");
  return `# Telemetry: stats, audit, access log

<!-- Made by tools/telemetry-page.ts from assembly/telemetry/stats.ts, assembly/nats/server-errors.ts and docs/reference/audit.schema.json. -->

The stats are Envoy's own, at \`/stats/prometheus\` of the proxy (port 15090); Istio's agent merges them on port 15020. They reach
Envoy within half a second, or in some seconds where hundreds of principals are new at once; histograms are shown every five seconds
(\`stats_flush_interval\`). [query.md](../how-to/query.md) has queries, [monitor.md](../how-to/monitor.md) dashboards and alerts.

## Labels

Istio's proxy turns these names into labels only when it knows them before it starts
([where to write them](../how-to/install.md#labels-of-the-stats)):

\`\`\`text
sidecar.istio.io/extraStatTags: ${TAGS}
\`\`\`

${table(
  ["label", ""],
  LABELS.map(({ name, about }) => [code(name), about]),
)}

A label without a value is \`unknown\`. A subject, payload or name that a client chooses is never a label.

## Stats about peers

All have ${list(PEER_LABELS)}.

${table(["stat", "kind", "more labels", ""], statRows(false))}

${table(
  ["what", "how it counts"],
  [
    [
      "a duration",
      `Whole milliseconds, to the nearest, in Envoy's buckets (\`sidecar.istio.io/statsHistogramBuckets\` of a pod sets others). A worker tells at most ${places} with a tick, a fair sample where there are more; add \`istio_nats_durations_left_out_total\` to a histogram's count to count answers. Mixed with quieter time, such a time weighs less than it should, in alerts too.`,
    ],
    [
      "a publish",
      "As soon as it is judged. One that was allowed, and whose payload breaks off, counts as allowed, but nobody gets it; the stream then counts as `unfinished`, unless the client has reset it.",
    ],
    [
      "a request",
      "A publish with a reply subject; its answer is the first message there that is delivered to the same connection. One whose answers go to somebody else counts as `expired`. A publish to a stream is a request, a pull (`$JS.API.CONSUMER.MSG.NEXT`) is none. What still waits when a connection passes unread in DRY_RUN counts nowhere.",
    ],
    [
      "a service",
      "What is delivered with a reply subject, until the publish on it; not what JetStream waits for itself (`$JS.ACK.…`, `$JS.FC.…`, `$JS.SNAPSHOT.ACK.…`). What is never answered counts nowhere: a subscriber that only listens owes nobody an answer.",
    ],
    [
      "a gauge",
      "The sum of what the workers add and take away, right until a VM traps: what its connections had added stays until the proxy's process ends. `istio_nats_policy_info` and `istio_nats_policy_rules` are set anew with every tick.",
    ],
    [
      "`istio_nats_subscriptions_active`",
      "Counted with the tick; subscriptions that live for less are not seen. In DRY_RUN one whose maximum is raised just as nats-server reaches it counts until the client ends it.",
    ],
  ],
)}

[troubleshoot.md](../how-to/troubleshoot.md#the-connection-closes-with-a-protocol-error) explains each \`kind\` of \`istio_nats_protocol_errors_total\`.

### Errors of nats-server

Each \`kind\` of \`istio_nats_server_errors_total\`:

${table(["kind", "what nats-server's text begins with", "what to do"], serverErrorRows())}

## Stats about the filter

All have ${list(FILTER_LABELS)}.

${table(["stat", "kind", "more labels", ""], statRows(true))}

- Envoy keeps a stat as long as it has a VM of the module: mostly until its process ends, and when the plugin is taken away until the last of
  its connections has ended. Till then each configuration leaves its series of \`istio_nats_policy_info\` and \`istio_nats_policy_rules\` at 0.
- When the policy changes, both policies may be in force in stats until each worker has ticked (500 ms).
- A refused configuration whose \`identity\` cannot be read counts with the labels of \`PEER\`, so with \`reporter="destination"\`.
- Where new VMs take over, as with a new module, counters go on while the former VMs have a connection, and otherwise begin again. Do not
  subtract one counter from another, as closed connections from opened ones, but read the gauge.

## Bounds

${table(["what", "at most", "beyond"], boundRows())}

[size-the-proxy.md](../how-to/size-the-proxy.md#principals) has the memory and the size of a scrape that so many principals bring.

## Audit records

Each record is one line with a JSON object, in the proxy's log at the level warning, below which Istio shows nothing of Wasm modules.
[audit.schema.json](audit.schema.json) is their JSON Schema. Records never hold a payload, a header or anything with which a client identifies
itself. \`audit\` in the [policy](policy.md#audit) limits how many there are.

${table(["event", "when", "always there"], eventRows())}

${table(["field", ""], fieldRows())}

## Access log

The filter sets these keys as filter state of each connection, so that Istio's TCP access log can hold them
(\`%FILTER_STATE(wasm.nats_denied:PLAIN)%\`; [deploy/telemetry.yaml](../../deploy/telemetry.yaml)).

${table(["key", ""], ACCESS_LOG_KEYS)}

Filter state of Wasm modules is bytes: compare it with \`b'1'\` in an expression. A comparison with \`'1'\` is never true.
`;
}

function queries(): string {
  return `# Ask Prometheus

<!-- Made by tools/telemetry-page.ts from tools/telemetry-questions.ts. -->

\`$__rate_interval\` is Grafana's; write \`5m\` elsewhere. [telemetry.md](../reference/telemetry.md) has every stat and label.

- \`increase()\` does not see the first event of a counter, with which it appears, nor that one has begun again and come to where it was. So
  some queries take the counter itself where it is new, where its proxy is, and where it was missing in scrapes that succeeded.
- Each proxy counts what passes through it. Where clients' own sidecars have the filter too, add \`reporter!="source"\` to the selectors, or
  such a client's messages count twice. What a filter nearer to nats-server refuses is an error of nats-server to them.
- Where one Prometheus sees [several clusters](monitor.md#several-clusters), add \`cluster="east"\` to see one alone.

${QUESTIONS.map(({ question, query }) => `## ${question}\n\n\`\`\`promql\n${query}\n\`\`\``).join("\n\n")}
`;
}

/** The text of each page, by its file. */
export async function telemetryPages(): Promise<Map<string, string>> {
  const asMarkdown = (text: string): Promise<string> =>
    format(text, { parser: "markdown", printWidth: 120, proseWrap: "always" });
  return new Map([
    [REFERENCE_PAGE, await asMarkdown(reference())],
    [QUERIES_PAGE, await asMarkdown(queries())],
  ]);
}

/** `npm run docs:telemetry`; returns an exit status. */
export async function writeTelemetryPages(): Promise<number> {
  for (const [file, text] of await telemetryPages()) writeFileSync(file, text);
  return 0;
}
