import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";
import { DIFFERENCES, differingSessions, type Difference } from "./differences.ts";
import { generatedFigures, operationsOf } from "./figures.ts";
import { sessionsWithImports, FULL_SESSIONS } from "./generator.ts";
import { OWN_SESSIONS } from "./own-sessions.ts";
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

Take a client of a nats-server that restricts it (\`permissions\`), and a client of an unrestricted nats-server behind this filter,
with the same permissions as policy. Both read the same bytes, and so does everybody whom their messages reach. This page lists
every exception.

To test this, each session is run twice against live servers: once at nats-server 2.15.2 with its own \`permissions\`, and once
through Envoy with the filter. The tests compare what client, observer and peer received, and whether the connection ended. No
expectation of ours decides: nats-server is asked each time.

- **Recorded sessions:** ${grouped(timeless.length)} in ${families.size} families and ${timed.length} that depend on time, with ${grouped(all)} operations (${byVerb}).
  ${grouped(recorded.length - listed.length)} end alike, ${listed.length} differ and are listed below. The suite fails when another one differs, and when a
  listed one no longer differs.
- **Generated sessions:** ${grouped(FULL_SESSIONS)} each night and a tenth in each run of \`npm test\`, with random permissions and a new seed, which is printed. Those of seed
  ${SEED} have ${grouped(generated.operations)} operations; ${grouped(generated.exact)} of them meet no refusal of the filter's own and must end alike as they are. In the others
  nats-server is sent a PING in place of each operation that the filter refuses by the list below. The PING stands for the
  refusal, and everything else must be alike. \`SESSIONS=20000 npm run test:conformance\` runs more, \`TEST_SEED=…\` runs the same again. A
  session that differs is shortened before it is printed. The first ${grouped(sessionsWithImports(FULL_SESSIONS))} of them without a maximum run a second time, with the
  peer in another account, whose messages are imported.
- **Splits:** the recorded sessions cut at each byte of both directions, more than 600,000 cuts each night and a tenth of them in
  each run of \`npm test\`, and in random chunks, in the Node host; a random sample through Envoy in writes of one byte. What comes out is the same.

"Stricter" names the side that refuses more. The filter is looser than nats-server only where a difference below says
"nats-server" or "neither", and why.`;
}

function section(difference: Difference): string {
  const { title, why, stricter, sessions } = difference;
  return [`### ${title}`, why, `Stricter: ${stricter}. Shown by ${sessions.map((id) => `\`${id}\``).join(", ")}.`].join(
    "\n\n",
  );
}

const WITHOUT_SESSION = `## Differences that no session shows

- **The policy language** is not nats-server's \`permissions\`: an absent \`allow\` allows nothing, a peer without any allowing
  rule is refused at connect (\`Authorization Violation\`), \`replies: OWN\` (the default) refuses a reply subject that the
  peer may not itself receive on, and \`Nats-Rollup: all\`, or any rollup of a
  subject with wildcards, needs \`rollup: ALL\`. For the comparison a \`permissions\` block
  becomes a rule with \`replies: ANY\` and \`rollup: ALL\` (test/conformance/nats-permissions.ts). Stricter: filter.
- **A policy that changes while a payload is on its way** applies from the next operation on; nats-server decides at the
  payload's last byte. Stricter: neither.
- **nats-server's own view.** A refused publish does not count in its \`in_msgs\`, and its log has no violation lines; the
  filter counts and audits instead. Stricter: neither.
- **Time.** A refusal costs a PING to nats-server and back, so its text comes a round trip later than from nats-server
  itself, in the same order. The second INFO, with which nats-server answers the first PING after CONNECT, is held until
  the client's own first PONG when that PING was ours. nats-server may begin to measure the round trip by its own PINGs
  earlier. Stricter: neither.
- **Pedantic mode** makes nats-server complain about a publish (\`Invalid Publish Subject\`) once more for each read that
  the publish is cut into (parser.go \`clonePubArg\`). A refused publish draws one complaint. Stricter: neither.
- **What comes behind a bad line.** nats-server closes with bytes unread, and a TCP reset may then take away what the
  client has not read yet. Through Envoy the last texts arrive more often. Stricter: neither.
- **When a maximum is reached**, the filter sends an \`UNSUB\` without a maximum. nats-server has no subscription for it any more,
  unless an account imports the subject: there it delivers on without bound, and here the subscription ends. Stricter: filter.
- **JetStream's deliveries over a deny entry.** A consumer delivers under the subject that a message was stored with. Where
  deliveries are filtered and a deny entry keeps one back, nats-server leaves it to another member of the deliver group, or
  delivers it anew at once to whoever pulls next. An unrestricted nats-server has delivered it: without acknowledgements it
  is lost for the other clients of the consumer, and with them it comes again only after \`ack_wait\`. For a member of the group
  it counts for the maximum of an \`UNSUB\`, too (docs/adr/0011). Let a consumer that clients with different rights share take
  (\`filter_subject\`) only what all of them may read. Stricter: filter.
- **A \`max_payload\` that a reload of nats-server raises** holds there for open connections, too, but no INFO tells them. For
  the filter, as for client libraries, the one of the last INFO holds: a larger payload ends the connection, until the client
  connects again. A lowered one nats-server enforces itself, except for a publish that the filter refuses first.
  Stricter: filter.
- **A message with the bytes of nats-server's answer that nobody listens** (\`NATS/1.0 503\` without a body) counts for no
  maximum here, since nats-server's own does not. One that a client has sent counts there. So a maximum that is counted here
  (docs/adr/0011) is reached a message later, and a subscription that nats-server has ended with such a message counts here
  until the client's UNSUB. Stricter: neither.
- **A publish that is refused before CONNECT**, where nats-server has users of its own: it ends the connection at the control
  line with \`Authorization Violation\`. The filter's PING goes behind the payload, so a client that does not send the rest
  reads \`Authentication Timeout\` instead, when nats-server has waited long enough. Stricter: neither.
- **An HPUB above \`max_payload\` with \`Nats-Trace-Dest\`** draws a \`Permissions Violation\` before the \`Maximum Payload
  Violation\` from nats-server if the header was in the bytes that it read together with the control line. Here it draws only
  the latter, however the bytes were cut. Either way the connection ends. Stricter: neither.
- **Reply grants when permissions change.** nats-server forgets all of them at a reload of its users; here they stay while
  the peer may answer at all (docs/adr/0008). Stricter: nats-server.
- **JetStream's domain.** Where nats-server's JetStream has a domain (\`jetstream { domain: hub }\`), nats-server takes it out of
  a publish before it judges it: \`$JS.hub.API.STREAM.PURGE.S\` is \`$JS.API.STREAM.PURGE.S\` to it, and
  \`$JS.hub.API.$KV.b.k\` is \`$KV.b.k\`. Here the subject is judged, and named in the text, as the client writes it, and a deny
  entry that begins \`$JS.API.\`, \`$JS.*.\`, \`$KV.\` or \`$OBJ.\` counts for every domain as well. So \`allow: [$JS.API.>]\` does not admit
  a client that names the domain, and \`deny: [$JS.API.>]\` refuses those of other domains, too. One that begins with \`*\` does not.
  Where a stream is called \`API\`, such a deny refuses its acknowledgements (\`$JS.ACK.API.…\`), too: give it another name.
  With \`default_js_domain\` nats-server writes a domain in before it judges: \`$JS.API.STREAM.PURGE.S\` is
  \`$JS.hub.API.STREAM.PURGE.S\` to it, and \`$KV.b.k\` is \`$JS.hub.API.$KV.b.k\`. Here a deny entry with the domain keeps nobody from
  what is written without it, so write entries without. Stricter: neither.
- **A line of more than 262,144 bytes from nats-server** ends the connection here, since it is held until it is judged. A mapping
  or transform that writes a token of MQTT's longest topics twice makes one. Stricter: filter.
- **What nats-server says about permissions.** The answer to \`$SYS.REQ.USER.INFO\` (\`nats account info\`) names none. A publish
  that is refused here draws no trace event to its \`Nats-Trace-Dest\`, and in that of a message that the filter keeps back the
  subscription counts as served. Stricter: neither.
- **\`$NRG.\` in the system account.** nats-server lets users of that account publish there, and the filter, which does not know
  the account, nobody. Stricter: filter.
- **A sid that was used again after a maximum** of nats-server's makes the connection end with the next policy, and a further
  CONNECT does not end the filter of deliveries then: nats-server may go on with a subscription that it has forgotten (docs/adr/0008).
  A reload of its own users does not end that. Where the maximum was told or reached in DRY_RUN, and the filter has forgotten the
  subscription, the connection ends under ENFORCE with the SUB itself (docs/adr/0006). Stricter: filter.
- **A subscription that nats-server refuses**, by permissions or a limit of its own, counts here until the client ends it: nats-server's
  text names no sid. nats.js sends no UNSUB for it. So where nats-server's permissions leave out a client's inbox, each of its requests
  makes one more, and when these are \`limits.subscriptions\`, the client gets no further subscription until it connects again. Let
  nats-server allow what the policy allows. Stricter: filter.
- **Ended subscriptions** are remembered for a while only (docs/adr/0006); a message for one that is forgotten is judged as
  if it belonged to every queue. One that comes when another subscription has taken the sid is judged by that one's queue. No client
  library uses a sid again. Stricter: filter.

## Limits

nats-server has none of these, or does not tell them to its clients. Each is configured in \`limits\`.`;

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
  const own = `Sessions whose names begin with \`own-\` are in test/conformance/own-sessions.ts (${OWN_SESSIONS.length} of them), the others are recorded.`;
  const parts = [
    intro(),
    `## Differences\n\n${own}`,
    ...DIFFERENCES.map(section),
    WITHOUT_SESSION,
    limitsTable(limits),
    "A control line with as many argument bytes as nats-server's `max_control_line` allows must fit in `controlLine`: set both alike.",
  ];
  return format(`${parts.join("\n\n")}\n`, { parser: "markdown", printWidth: 120 });
}

/** `npm run docs:parity`. Returns an exit status. */
export async function writeParityPage(): Promise<number> {
  await writeFile(PAGE, await parityPage());
  return 0;
}
