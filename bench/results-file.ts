import { format, resolveConfig } from "prettier";
import { isUnsteady } from "./figures.ts";
import { isDisturbed } from "./machine.ts";
import type { Measured } from "./measure.ts";
import {
  hostCallTable,
  languageTable,
  machineTable,
  peerLines,
  permissionsTable,
  shareTable,
  targetTable,
  workloadTable,
  type Results,
} from "./report.ts";
import { setupOf, type SetupName } from "./setups.ts";
import { toMarkdown } from "./table.ts";

/** How to read what follows. */
export const resultsIntroduction = `# Results of \`npm run bench\`

Written by the bench; run it to have figures of your machine.

## How to read this

One load generator (\`bench/load\`, Go) gives the same number of messages to one nats-server, directly and through one
Envoy with a listener for each setup. Setups take turns; a figure is the median of the rounds, a comparison the median of
the comparisons within each round, and what follows ± is the median distance from it. In the table of targets stands in
parentheses where the median of ever more rounds would lie, with 95 % certainty (order statistics; where two added costs
are divided, all factors that the rounds do not rule out, as by Fieller); a target in there is _within the noise_, and got
further rounds while there was time. A target that the host's share passes alone binds what is beyond that; a missed one
of which this is in doubt is within the noise too. The targets are looked at after 5, 10, 20, 40 and 60 rounds, and work
whose targets are all certain by then gets no more rounds. The end of the time is a last look, at whichever round it
comes, in place of those that there was no time for. Each look may mislead (of five rounds the interval holds in 94 % of
cases), so a target that is exactly the true median is called certain in 13 % of runs, not in 5 %; that is for one target,
and there are many of them, so some verdict of a run may well be misled. Of fewer than five rounds nothing is certain.
Each table says how many rounds its figures have: further ones go to what decides a target alone. A comparison is made of
the rounds that both setups had; where these are fewer than those of its row, their number stands behind it in
parentheses. What is compared with each other, the three publishes of 128 B, takes its turns together. A round that
delivers too many or too few messages fails the run: what should be refused was refused.

**CPU times are to be trusted more than rates.** They are what the kernel counted for all threads of a process (in
nanoseconds, \`/proc/PID/task/*/schedstat\`) between the first byte and the answer to the last, for each operation. Rates
depend on what else runs, and on which of three processes is the slowest: for small publishes it is nats-server. The load
generator's own CPU time shows that it is not the slowest. For requests and JetStream it is a real nats.go, else it writes
and counts bytes.

- _nats-server_ is reached directly over plain TCP; its _permissions_ are the same policy as permissions of a user. Both are
  held against plain Envoy alone, where that had its turns.
- _mTLS_ is Istio's STRICT listener, _plain_ a waypoint's, where the principal is in filter state.
- The _empty filter_ is AssemblyScript that answers every callback and looks at nothing; the _reading filter_ reads each
  chunk once, which is the least that the host charges a filter that looks at bytes.
- _istio-nats_ enforces 20 rules that all match the peer (\`bench/policy.ts\`), with audit and stats by six classes of
  subjects on.
- An operation is a publish, a delivery (with its publish, where that went through the same setup), a request with its
  reply. Columns in ns are CPU time for each operation: of Envoy, beyond Envoy alone, beyond Envoy with the empty filter, of
  nats-server, of the load generator.
`;

const WARNING = `
**Other processes were busy during this run: its rates say little, its CPU times are a little too high. Repeat it on an idle
machine.**
`;

const UNSTEADY_WARNING = `
**Envoy alone took now more, now less for the same work, though hardly anybody else was on the machine by its own account: its
speed changed. Of the figures below those with a wide interval say little. Repeat it on a machine whose speed does not.**
`;

const LANGUAGES = `## What the language costs

CPU time that a filter adds to Envoy alone, with mTLS, for each operation: istio-nats beside two small filters in Rust and
Go (\`bench/peers\`, compiled with all optimisation that their toolchains have). A ratio is that of the two added costs,
with all that the rounds do not rule out in parentheses; above 1 the peer takes longer.

The peers do the core of the same work: they read both directions, skip payloads by arithmetic, hold each subject against
the same allow and deny lists, remember verdicts, and count. **They do not** look at the peer's identity, refuse anything
(they count it), name the rule that decided, read headers, judge replies, track subscriptions, filter deliveries, write an
audit, or hold to nats-server's exact grammar. So the comparison flatters them.
`;

const HOST_CALLS = `## What a call to the host costs

CPU time of Envoy's worker for each call, by a module of the bench (\`bench/modules/host-calls.ts\`) that makes 20,000 of
them in one callback, beyond callbacks that make none; fifteen rounds in turns, with where the median lies with 95 %
certainty. Bytes are the same each time, so they lie in the cache. A call that hands over bytes takes its memory from the
module's allocator, which is a callback in itself; an absent property hands over none.
`;

const PERMISSIONS = `## Beside nats-server's own permissions

Who does not use istio-nats would write the same policy as permissions of a user. For each operation: the CPU time of Envoy and
nats-server that istio-nats adds to Envoy alone, with mTLS, beside the CPU time of nats-server that its own permissions add to
it, directly over plain TCP; both within each round. Permissions know no mesh identity: each client needs credentials of its
own. Deliveries that permissions deny nats-server does not write; those that istio-nats keeps back it does.
`;

function permissionsSection({ workloads }: Results): string[] {
  const table = permissionsTable(workloads);
  return table.rows.length > 0 ? [PERMISSIONS, toMarkdown(table)] : [];
}

function languageSection({ workloads, peers }: Results): string[] {
  if (peers.length === 0) return [];
  const table = languageTable(workloads);
  const lines = peerLines(peers).join("\n");
  return [LANGUAGES, ...(table.rows.length > 0 ? [toMarkdown(table)] : []), `${lines}\n`];
}

/** How much each setup was given. */
function amounts({ operation, messages, fewer }: Measured): string {
  const all = `${messages.toLocaleString("en-US")} messages a round; an operation is a ${operation}.`;
  const slow = Object.entries(fewer).map(
    ([name, count]) => ` ${setupOf(name as SetupName).title}, being slow, got ${count.toLocaleString("en-US")}.`,
  );
  return all + slow.join("");
}

/** What RESULTS.md holds, formatted as the rest of the project is. */
export async function resultsMarkdown(results: Results, file: string): Promise<string> {
  const sections = [
    resultsIntroduction,
    "## The machine\n",
    toMarkdown(machineTable(results)),
    ...(isDisturbed(results.disturbance) ? [WARNING] : []),
    ...(isUnsteady(results.workloads) ? [UNSTEADY_WARNING] : []),
    "## Targets\n\nmTLS, the full policy, stats and audit, against Envoy alone. A missed target is told and fails nothing.\n",
    toMarkdown(targetTable(results.targets)),
    `## Where the time goes

With mTLS, for each operation. Calls and the bytes that each of them brings were counted in the first round of the empty
filter alone; another round or another filter may bring other chunks. What the filter adds to Envoy alone is made of
_calling_ any filter (the empty one), _reading_ what the calls bring (the reading filter beyond the empty one) and what
happens _inside Wasm_ (istio-nats beyond the reading filter), all from the rounds that each of these setups had. Each part
is the median of its own differences, and medians need not add up to that of the whole. _Reads, by unit costs_ is an
estimate of what the reads alone take: those calls, each at the cost of a read and of its bytes that this run has measured
([below](#what-a-call-to-the-host-costs)) where 16 KiB lie in the cache. Chunks that come from memory take more.

Where payloads fill whole callbacks the filter reads less than the reading filter, and the rest may be negative.
`,
    toMarkdown(shareTable(results.workloads, results.hostCalls)),
    HOST_CALLS,
    toMarkdown(hostCallTable(results.hostCalls)),
    ...permissionsSection(results),
    ...languageSection(results),
    "## All work\n",
    ...results.workloads.flatMap((measured) => [
      `### ${measured.title}\n\n${amounts(measured)}\n`,
      toMarkdown(workloadTable(measured)),
    ]),
  ];
  return format(sections.join("\n"), { ...(await resolveConfig(file)), filepath: file });
}
