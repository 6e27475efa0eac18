import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";
import { DIFFERENCES, differingSessions, type Difference } from "./differences.ts";
import { generatedFigures, operationsOf } from "./figures.ts";
import { sessionsWithImports, FULL_SESSIONS } from "./generator.ts";
import { recordedSessions } from "./session.ts";

export const PAGE = new URL("../../docs/reference/parity.md", import.meta.url);
const LIMITS = new URL("../../assembly/policy/config-limits.ts", import.meta.url);

/** The generated sessions whose figures the page gives. A test run uses another seed each time. */
const SEED = 1;

const grouped = (number: number): string => number.toLocaleString("en-US");

function intro(): string {
  const timed = recordedSessions("timing");
  const timeless = recordedSessions("sessions");
  const families = new Set(timeless.map(({ family }) => family));
  const recorded = [...timeless, ...timed];
  const operations = operationsOf(recorded);
  const all = [...operations.values()].reduce((sum, one) => sum + one, 0);
  const byVerb = [...operations].map(([verb, sum]) => `${grouped(sum)} ${verb}`).join(", ");
  const listed = [...differingSessions()].filter((id) => !id.startsWith("own-"));
  const generated = generatedFigures(SEED, FULL_SESSIONS);
  return `# Parity with nats-server

<!-- Made by test/conformance/parity-page.ts from test/conformance/differences.ts. -->

Take a client of a nats-server that restricts it (\`permissions\`), and a client of an unrestricted nats-server behind this filter, with the
same permissions as policy. Both read the same bytes, and so does everybody whom their messages reach. This page lists every exception.

Each session is run against live servers: once at nats-server 2.15.2 with its own \`permissions\`, and once through Envoy with the filter. The
tests compare what client, observer and peer received, and whether the connection ended. nats-server is asked each time; no expectation of
ours decides.

- **Recorded sessions:** ${grouped(timeless.length)} in ${families.size} families and ${timed.length} that depend on time, with ${grouped(all)} operations (${byVerb}).
  ${grouped(recorded.length - listed.length)} end with the same bytes, ${listed.length} differ and are listed below. The suite fails when another one differs, and when a listed
  one no longer differs.
- **Generated sessions:** ${grouped(FULL_SESSIONS)} each night and a tenth in each run of \`npm test\`, with random permissions and a new seed, which is printed. Those
  of seed ${SEED} have ${grouped(generated.operations)} operations; ${grouped(generated.exact)} of them meet no refusal of the filter's own. In the others nats-server is sent a PING in
  place of each operation that the filter refuses by the list below, and everything else must be equal. \`SESSIONS=20000 npm run test:conformance\`
  runs more, \`TEST_SEED=…\` the same again. A session that differs is shortened before it is printed. The first ${grouped(sessionsWithImports(FULL_SESSIONS))} without a maximum
  run a second time, with the peer in another account, whose messages are imported.
- **Splits:** the recorded sessions cut at each byte of both directions, more than 600,000 cuts each night and a tenth of them in each run of \`npm test\`,
  and in random chunks, in the Node host; a random sample through Envoy in writes of one byte. What comes out is the same.

_Stricter_ names the side that refuses more. The filter is looser than nats-server only where a row says "nats-server" or "neither", and why.`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows.map((row) => row.map(cell))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function differenceRow({ name, title, why, stricter, sessions }: Difference): string[] {
  return [`<a id="${name}"></a>${title}`, why, stricter, String(sessions.length)];
}

/** Each with the side that is stricter. */
const WITHOUT_SESSION: readonly (readonly [what: string, difference: string, stricter: Difference["stricter"]])[] = [
  [
    "the policy language",
    "An absent `allow` allows nothing, a peer without any allowing rule is refused at connect, `replies: OWN` refuses a reply subject that the peer may not itself receive on, and rollups need `rollup: ALL`. For the comparison a `permissions` block becomes a rule with `replies: ANY` and `rollup: ALL` (test/conformance/nats-permissions.ts).",
    "filter",
  ],
  [
    "a policy that changes while a payload is on its way",
    "It applies from the next operation on; nats-server decides at the payload's last byte.",
    "neither",
  ],
  [
    "nats-server's own view",
    "A refused publish does not count in its `in_msgs`, and its log has no violation lines; the filter counts and audits instead.",
    "neither",
  ],
  [
    "time",
    "A refusal's text comes a round trip later, in the same order. The second INFO, with which nats-server answers the first PING after CONNECT, is held until the client's own first PONG when that PING was the filter's. nats-server may begin to measure the round trip earlier.",
    "neither",
  ],
  [
    "pedantic mode",
    "nats-server complains about a publish (`Invalid Publish Subject`) once more for each read that it is cut into (parser.go `clonePubArg`). A refused publish draws one complaint.",
    "neither",
  ],
  [
    "what comes behind a bad line",
    "nats-server closes with bytes unread, and a TCP reset may take away what the client has not read yet. Through Envoy the last texts arrive more often.",
    "neither",
  ],
  [
    "a maximum that is reached",
    "The filter sends an `UNSUB` without a maximum. Where an account imports the subject, nats-server delivers on without bound, and here the subscription ends.",
    "filter",
  ],
  [
    "JetStream's deliveries over a deny entry",
    "nats-server leaves a message that a deny keeps back to another member of the deliver group, or delivers it anew at once. An unrestricted one has delivered it: without acknowledgements it is lost for the other clients of the consumer, with them it comes again after `ack_wait`. For a member of the group it counts for the maximum of an `UNSUB` (docs/adr/0011). Let a shared consumer take (`filter_subject`) only what all its clients may read.",
    "filter",
  ],
  [
    "a `max_payload` that a reload of nats-server raises",
    "It holds there for open connections, but no INFO tells them. Here the one of the last INFO holds until the client connects again. A lowered one nats-server enforces itself, except for a publish that the filter refuses first.",
    "filter",
  ],
  [
    "a message with the bytes of nats-server's 503",
    "`NATS/1.0 503` without a body counts for no maximum here, since nats-server's own does not; one that a client has sent counts there. So a maximum that is counted here (docs/adr/0011) is reached a message later, and a subscription that nats-server ended with such a message counts here until the client's UNSUB.",
    "neither",
  ],
  [
    "a publish that is refused before CONNECT, where nats-server has users",
    "It ends the connection at the control line with `Authorization Violation`. The filter's PING goes behind the payload, so a client that does not send the rest reads `Authentication Timeout`.",
    "neither",
  ],
  [
    "an HPUB above `max_payload` with `Nats-Trace-Dest`",
    "It draws a `Permissions Violation` before the `Maximum Payload Violation` from nats-server if the header was read together with the control line. Here it draws only the latter, however the bytes were cut.",
    "neither",
  ],
  [
    "reply grants when permissions change",
    "nats-server forgets all of them at a reload of its users; here they stay while the peer may answer at all (docs/adr/0008).",
    "nats-server",
  ],
  [
    "JetStream's domain",
    "nats-server takes its own domain out of a publish before it judges it (`$JS.hub.API.…` is `$JS.API.…`, `$JS.hub.API.$KV.b.k` is `$KV.b.k`), and writes it in with `default_js_domain`. Here the subject is judged, and named in the text, as the client writes it, and a deny entry that begins `$JS.API.`, `$JS.*.`, `$KV.` or `$OBJ.` counts for every domain as well; one that begins with `*` does not. Such a deny refuses the acknowledgements of a stream called `API`, too. A deny entry with the domain keeps nobody from what is written without it.",
    "neither",
  ],
  [
    "a line of more than 262,144 bytes from nats-server",
    "It ends the connection, since it is held until it is judged. A mapping or transform that writes a token of MQTT's longest topics twice makes one.",
    "filter",
  ],
  [
    "what nats-server says about permissions",
    "The answer to `$SYS.REQ.USER.INFO` names none. A publish that is refused here draws no trace event to its `Nats-Trace-Dest`, and in that of a message that the filter keeps back the subscription counts as served.",
    "neither",
  ],
  [
    "`$NRG.` in the system account",
    "nats-server lets users of that account publish there, and the filter, which does not know the account, nobody.",
    "filter",
  ],
  [
    "a sid that was used again after a maximum of nats-server's",
    "The connection ends with the next policy, and a further CONNECT does not end the filter of deliveries: nats-server may go on with a subscription that it has forgotten (docs/adr/0008). A reload of its own users does not end that. Where the maximum was told or reached in DRY_RUN, and the filter has forgotten the subscription, the connection ends under ENFORCE with the SUB itself (docs/adr/0006).",
    "filter",
  ],
  [
    "a subscription that nats-server refuses",
    "It counts here until the client ends it, since nats-server's text names no sid, and nats.js sends no UNSUB for it. Where nats-server's permissions leave out a client's inbox, each of its requests makes one more, up to `limits.subscriptions`. Let nats-server allow what the policy allows.",
    "filter",
  ],
  [
    "ended subscriptions",
    "They are remembered for a while only (docs/adr/0006); a message for one that is forgotten is judged as if it belonged to every queue, and one that comes when another subscription has taken the sid by that one's queue.",
    "filter",
  ],
];

/** The table is read from the source, which has each limit's default and says what it bounds. */
function limitsTable(source: string): string {
  const rows = [...source.matchAll(/\/\*\* (.+) \*\/\n {2}(\w+): i(?:32|64) = ([\d_]+);/g)].map(
    ([, about = "", name = "", value = ""]) =>
      `| \`${name}\` | ${grouped(Number(value.replaceAll("_", "")))} | ${about} |`,
  );
  return ["| limit | unless configured | bounds |", "| --- | --: | --- |", ...rows].join("\n");
}

export async function parityPage(): Promise<string> {
  const limits = await readFile(LIMITS, "utf8");
  const parts = [
    intro(),
    "## Differences\n\nThe last column counts the sessions that show it; test/conformance/differences.ts names them.",
    table(["here", "why", "stricter", "sessions"], DIFFERENCES.map(differenceRow)),
    "## Differences that no session shows",
    table(["what", "here and there", "stricter"], WITHOUT_SESSION),
    "## Limits\n\nnats-server has none of these, or does not tell them to its clients. Each is configured in `limits`.",
    limitsTable(limits),
    "A control line with as many argument bytes as nats-server's `max_control_line` allows must fit in `controlLine`: set both to the same.",
  ];
  return format(`${parts.join("\n\n")}\n`, { parser: "markdown", printWidth: 120, proseWrap: "always" });
}

/** `npm run docs:parity`. Returns an exit status. */
export async function writeParityPage(): Promise<number> {
  await writeFile(PAGE, await parityPage());
  return 0;
}
