import { writeFileSync } from "node:fs";
import { format } from "prettier";
import { FILTER_LABELS, LABELS, PEER_LABELS, STATS, type Stat } from "../assembly/telemetry/stats.ts";
import { auditSchema } from "../test/stand/audit-schema.ts";
import { inRoot } from "./paths.ts";
import { serverErrorKinds } from "./server-errors.ts";
import { sourceConstant } from "./source-constant.ts";
import { QUESTIONS } from "./telemetry-questions.ts";

export const PAGE = inRoot("docs", "reference", "telemetry.md");

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

function page(): string {
  return `# Telemetry: stats, audit, access log

<!-- Made by tools/telemetry-page.ts from assembly/telemetry/stats.ts, assembly/nats/server-errors.ts and docs/reference/audit.schema.json. -->

The stats are Envoy's own, at \`/stats/prometheus\` of the proxy (port 15090); Istio's agent merges them on port 15020. Counts and
durations reach Envoy within half a second, or in some seconds where hundreds of principals are new at once. Envoy adds durations to
the histograms that it shows every five seconds (\`stats_flush_interval\`). Nothing is sent for each message.

## Labels

Istio's proxy turns these names into labels only when it knows them before it starts. List them for the pods whose proxies have
the filter, with [deploy/stats-tags.yaml](../../deploy/stats-tags.yaml), or for the whole mesh in
\`meshConfig.defaultConfig.extraStatTags\`, and restart the pods. A waypoint's pods have them from its Gateway
([install.md](../how-to/install.md#5-in-a-waypoint)).

\`\`\`text
sidecar.istio.io/extraStatTags: ${TAGS}
\`\`\`

Otherwise the labels stay inside the metrics' names, and no query below finds anything.

${table(
  ["label", ""],
  LABELS.map(({ name, about }) => [code(name), about]),
)}

A label without a value is \`unknown\`. A subject, payload or name that a client chooses is never a label.

## Stats about peers

All have ${list(PEER_LABELS)}.

${table(["stat", "kind", "more labels", ""], statRows(false))}

- **Durations** are whole milliseconds, to the nearest. Their buckets are Envoy's; the annotation
  \`sidecar.istio.io/statsHistogramBuckets\` of a pod sets others. A worker tells at most ${constant("telemetry/durations.ts", "PLACES")} with a tick: all of half a second,
  or, where there are more, a fair sample over all its peers. \`istio_nats_durations_left_out_total\` counts the others; add it to a
  histogram's count to count answers. Quantiles of such a time are right. Where it is mixed with quieter time, it weighs less than
  it should, in alerts too.
- **A publish** counts as soon as it is judged. One that was allowed, and whose payload breaks off, counts as allowed, too, but
  nobody gets it. The stream then counts in \`istio_nats_protocol_errors_total\` as \`unfinished\`, unless the client has reset it.
- **A request** is a publish with a reply subject, and its answer is the first message on that subject that is delivered to the
  same connection. A publish whose answers go to somebody else counts as \`expired\`. A pull from a JetStream consumer
  (\`$JS.API.CONSUMER.MSG.NEXT\`) is not a request. A publish to a stream is one, and its acknowledgement is the answer. One to which
  nats-server answers that nobody listens (status 503) counts in \`istio_nats_no_responders_total\` alone: nobody took time for it.
  What still waits when a connection passes unread in DRY_RUN counts nowhere, since nobody sees whether it is answered.
- **The service's side** has no count of what is never answered: a subscriber that only listens owes nobody an answer. What
  JetStream delivers with a reply subject of its own (\`$JS.ACK.…\`, \`$JS.FC.…\`, \`$JS.SNAPSHOT.ACK.…\`) is not a request to
  the service, since only nats-server waits for the answer.
- **Gauges** are the sum of what the workers add and take away. They are right until a VM traps: what its connections had added
  then stays, until the proxy's process ends. \`istio_nats_policy_info\` and \`istio_nats_policy_rules\` are set anew with every
  tick, and are right again half a second after a VM has been replaced. When the policy changes, both policies may be in force in
  stats until each worker has ticked (500 ms).
- **\`istio_nats_subscriptions_active\`** is counted with the tick; subscriptions that live for less are not seen.
  Where a client raises a maximum (\`UNSUB 8 3\`, then \`UNSUB 8 4\`) just as nats-server reaches the first one, in DRY_RUN a
  subscription that has ended there counts until the client ends it, or its connection.
- **\`kind\`** of \`istio_nats_protocol_errors_total\` is explained in
  [troubleshoot.md](../how-to/troubleshoot.md#the-connection-closes-with-a-protocol-error). That of \`istio_nats_server_errors_total\` is
  explained here:

${table(["kind", "what nats-server's text begins with", "what to do"], serverErrorRows())}

## Stats about the filter

All have ${list(FILTER_LABELS)}.

${table(["stat", "kind", "more labels", ""], statRows(true))}

Envoy keeps a stat as long as it has a VM of the module: mostly until its process ends, and when the plugin is taken away until the last
of its connections has ended, which Envoy sees to after Istio's \`drainDuration\` (45 s). Till then each configuration leaves
its series of \`istio_nats_policy_info\` and \`istio_nats_policy_rules\` behind, at 0. A refused configuration whose \`identity\`
cannot be read counts with the labels of \`PEER\`, so with \`reporter="destination"\` beside a client too.
Where new VMs take over, as with a new module, counters go on while the former VMs have a connection, and otherwise begin again. A
series in which no new VM has counted goes with the former ones: do not subtract one counter from another, as closed connections from
opened ones, but read the gauge.

## Bounds

${table(["what", "at most", "beyond"], boundRows())}

[What stats take](../performance-scale.md#what-stats-take) has the memory and the size of a scrape that so many principals bring.

## Ten questions

The queries are PromQL. \`$__rate_interval\` is Grafana's; write \`5m\` elsewhere. \`increase()\` does not see the first event of a
counter, with which it appears, nor that one has begun again and come to where it was. So the sixth, the seventh and the tenth take
the counter itself where it is new, where its proxy is, and where it was missing in scrapes that succeeded.

Each proxy counts what passes through it. Where clients' own sidecars have the filter too, add \`reporter!="source"\` to the
selectors, or such a client's messages count twice. What a filter nearer to nats-server refuses is an error of nats-server to them.
Where one Prometheus sees several clusters ([troubleshoot.md](../how-to/troubleshoot.md#several-clusters)), add \`cluster="east"\` or the like to see one
alone: principals, namespaces and workloads have the same names in all.

${QUESTIONS.map(({ question, query }, i) => `**${i + 1}. ${question}**\n\n\`\`\`promql\n${query}\n\`\`\``).join("\n\n")}

## Audit records

Each record is one line with a JSON object, in the proxy's log at the level warning, below which Istio shows nothing of Wasm
modules. [audit.schema.json](audit.schema.json) is the JSON Schema of records, against which the tests check every record that they
see. Records never hold a payload, a header or anything with which a client identifies itself.

${table(["event", "when", "always there"], eventRows())}

${table(["field", ""], fieldRows())}

\`audit\` in the [configuration](policy.md#audit) limits how many there are.

## Access log

The filter sets these keys as filter state of each connection, so that Istio's TCP access log can hold them
(\`%FILTER_STATE(wasm.nats_denied:PLAIN)%\`), in one line for each connection when it ends.
[deploy/telemetry.yaml](../../deploy/telemetry.yaml) has the providers for text, JSON and gRPC, and the Telemetry resource, which is for nats-server's pods. Its comments say what differs in
a waypoint, on a gateway and beside a client.

${table(["key", ""], ACCESS_LOG_KEYS)}

Filter state of Wasm modules is bytes: compare it with \`b'1'\` in an expression. A comparison with \`'1'\` is never true.
`;
}

/** The text of docs/reference/telemetry.md. */
export async function telemetryPage(): Promise<string> {
  return format(page(), { parser: "markdown", printWidth: 120 });
}

/** `npm run docs:telemetry`; returns an exit status. */
export async function writeTelemetryPage(): Promise<number> {
  writeFileSync(PAGE, await telemetryPage());
  return 0;
}
