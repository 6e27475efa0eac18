import { format, resolveConfig } from "prettier";
import { isUnsteady } from "./figures.ts";
import { failureList, remedyOf } from "./failures.ts";
import { looksAfter } from "./looks.ts";
import { isDisturbed } from "./machine.ts";
import type { Measured } from "./measure.ts";
import {
  hostCallTable,
  languageTable,
  machineTable,
  peerLines,
  permissionsTable,
  shareTable,
  slowLines,
  targetTable,
  workloadTable,
  type Results,
} from "./report.ts";
import { toMarkdown } from "./table.ts";

/** A text like "5, 10 and 20". */
const listOf = new Intl.ListFormat("en-GB", { type: "conjunction" });

const HEAD = `# Results of \`npm run bench\`

The bench writes this file. Run it to get the figures of your machine.
`;

/** The head of a file that must not be taken for one with everything. */
function incompleteHead({ workloads, failures }: Results): string {
  const wanted = workloads.length + failures.filter(({ workload }) => workload !== undefined).length;
  const figures = wanted > workloads.length ? `Only ${workloads.length} of ${wanted} works have` : "All work has";
  return `# Results of an incomplete run of \`npm run bench\`

**${figures} figures here. What follows failed, and its targets are not measured:**

${failureList(failures)}
${remedyOf(failures)}
`;
}

/** The first section of RESULTS.md, which says how to read the rest. The run gave `rounds` rounds to all work at first. */
export function resultsIntroduction(rounds: number): string {
  const looks = listOf.format([rounds, ...looksAfter(rounds)].map(String));
  return `## How to read this

One load generator (\`bench/load\`, Go) sends the same number of messages to one nats-server, directly and through one
Envoy that has a listener for each setup. The setups take turns. A figure is the median over the rounds. A comparison is
made within each round, and the median of these is given. The value after ± is the median distance from that median.

In the table of targets, the interval in parentheses holds the median of ever more rounds with 95 % certainty. It comes
from order statistics. Where two added costs are divided, it holds every factor that the rounds do not rule out (Fieller's
method). If the target lies inside the interval, the verdict is _within the noise_, and that work got further rounds while
there was time. If the host's share alone exceeds a target, the target binds only what comes on top of that share. If that
is in doubt for a missed target, its verdict is within the noise too.

Targets are looked at after ${looks} rounds. Work whose targets are all certain by then gets no more rounds.
When the time is up, there is one last look, at whatever round the run has reached. It replaces the looks that there was no
time for. Each look may mislead: with five rounds, the interval holds the median in 94 % of cases. So a target that is exactly
the true median is called certain in 13 % of runs that begin with five rounds, not in 5 %, and in fewer of those that begin with
more. That is for one target, and there are many, so a run may
well have a wrong verdict. With fewer than five rounds nothing is certain.

Each table says how many rounds its figures have, because further rounds go only to the setups that decide a target. A
comparison uses the rounds that both setups had. If these are fewer than the rounds of its row, their number follows in
parentheses. The three publishes of 128 B are compared with each other, so they take their turns together. Work has no figures
if one of its rounds delivers too many or too few messages, or if nats-server has had too many or too few publishes of it. So
whatever should be refused was refused, and nothing else was. The filter's stats and audit are looked at too. A run in which
work failed does not write bench/RESULTS.md.

**Trust CPU times more than rates.** A CPU time is what the kernel counted for all threads of a process (in nanoseconds,
\`/proc/PID/task/*/schedstat\`) between the first byte and the answer to the last, divided by the operations. A rate depends
on what else runs, and on which of the three processes is the slowest: for small publishes that is nats-server. The load
generator's own CPU time shows that it is not the slowest, except for requests, which take as much of it as of nats-server.
For requests and JetStream the load generator is a real nats.go; for all other work it only writes and counts bytes.

- _nats-server_ is reached directly over plain TCP. Its _permissions_ are the same policy, written as permissions of a
  user. Both are compared with plain Envoy alone, if that had its turns.
- _mTLS_ is Istio's STRICT listener. _Plain_ is a waypoint's listener, where the principal is in filter state. Both are
  without Istio's own filters for metadata and stats, which are in its build of Envoy alone. So _Envoy alone_ costs less here
  than in a mesh.
- The _empty filter_ is AssemblyScript that answers every callback and looks at nothing. The _reading filter_ reads each
  chunk once, which is the least that the host charges a filter that looks at bytes. The _line-reading filter_ reads the
  protocol's lines and skips payloads by arithmetic, the least for a filter that must know where a message begins.
- _istio-nats_ enforces 20 rules that all match the peer (\`bench/policy.ts\`), with audit and stats by six classes of
  subjects on. The audit has each connection, and of refused publishes as many as its limits let through: a hundred at once,
  and ten a second. The others are counted.
- All listeners belong to one Envoy, which always runs the filter's tick, twice a second in each VM. So _Envoy alone_ pays
  for that too, which is a thousandth of a core.
- An operation is a publish, a delivery (with its publish, if that went through the same setup), or a request with its
  reply. Columns in ns are CPU time for each operation: of Envoy, beyond Envoy alone, beyond Envoy with the empty filter,
  of nats-server, of the load generator.
`;
}

const WARNING = `
**Other processes were busy during this run: its rates say little, and its CPU times are a little too high. Repeat the run
on an idle machine.**
`;

const UNSTEADY_WARNING = `
**The CPU time of Envoy alone changed from round to round for the same work, although the machine reported hardly any other
load: the speed of the machine changed. Figures below that have a wide interval say little. Repeat the run on a machine whose
speed is steady.**
`;

/** The same where the other load alone may be the cause. */
const UNSTEADY_BESIDE_OTHERS = `
**The CPU time of Envoy alone changed from round to round for the same work. Figures below that have a wide interval say
little.**
`;

/** Why the figures of a run deserve less trust than others. */
export function warnings({ disturbance, workloads }: Pick<Results, "disturbance" | "workloads">): string[] {
  const disturbed = isDisturbed(disturbance);
  return [
    ...(disturbed ? [WARNING] : []),
    ...(isUnsteady(workloads) ? [disturbed ? UNSTEADY_BESIDE_OTHERS : UNSTEADY_WARNING] : []),
  ];
}

const LANGUAGES = `## What the language costs

CPU time that a filter adds to Envoy alone, with mTLS, for each operation: istio-nats beside two small filters in Rust and
Go (\`bench/peers\`, compiled with all the optimisation that their toolchains have). A ratio divides the two added costs. The
parentheses hold every ratio that the rounds do not rule out. Above 1 the peer takes longer.

The peers do the core of the same work: they read both directions, skip payloads by arithmetic, check each subject against
the same allow and deny lists, remember verdicts, and count. **They do not** look at the peer's identity, refuse anything
(they only count it), name the rule that decided, read headers, judge replies, track subscriptions, filter deliveries, write
an audit, or hold to nats-server's exact grammar. So the comparison flatters them.
`;

const HOST_CALLS = `## What a call to the host costs

CPU time of Envoy's worker for each call. A module of the bench (\`bench/modules/host-calls.ts\`) makes 20,000 calls in one
callback, and the time of a callback that makes none is subtracted. The kinds of call take turns for fifteen rounds. The
interval holds the median with 95 % certainty. The bytes are the same each time, so they lie in the cache. A call that hands
over bytes takes the memory for them from the module's allocator, which is a callback in itself. An absent property hands
over no bytes.
`;

const PERMISSIONS = `## Beside nats-server's own permissions

A team that does not use istio-nats would write the same policy as permissions of a user. For each operation, the table sets
two costs side by side: the CPU time of Envoy and nats-server that istio-nats adds to Envoy alone, with mTLS, and the CPU time
that its own permissions add to nats-server, directly over plain TCP. Both are differences within each round. Permissions know
no mesh identity, so each client needs credentials of its own. nats-server does not write a delivery that its permissions
deny. It does write a delivery that istio-nats then withholds.
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

/** How many messages each setup got in a round. */
function amounts(measured: Measured): string {
  const { operation, messages } = measured;
  const all = `${messages.toLocaleString("en-US")} messages a round; an operation is a ${operation}.`;
  return [all, ...slowLines(measured)].join(" ");
}

/** The content of RESULTS.md, or of the file in its place if work has failed, formatted by the project's own rules. */
export async function resultsMarkdown(results: Results, file: string): Promise<string> {
  const sections = [
    results.failures.length > 0 ? incompleteHead(results) : HEAD,
    resultsIntroduction(results.plan.rounds),
    "## The machine\n",
    toMarkdown(machineTable(results)),
    ...warnings(results),
    "## Targets\n\nmTLS, the full policy, stats and audit, against Envoy alone. A missed target is reported and fails nothing.\n",
    toMarkdown(targetTable(results.targets)),
    `## Where the time goes

With mTLS, for each operation. The calls, and the bytes that each of them brings, were counted in the first round of the
empty filter alone. Another round or another filter may get other chunks. What the filter adds to Envoy alone has three
parts: _calling_ any filter (the empty one), _reading_ what the calls bring (the reading filter beyond the empty one) and
what happens _inside Wasm_ (istio-nats beyond the reading filter). All of them use the rounds that each of these setups had.
Each part is the median of its own differences, and medians need not add up to the median of the whole. _Reads, by unit
costs_ is an estimate of what the reads alone take: the same calls, each at the cost of a read and of its bytes. This run
measured these costs ([below](#what-a-call-to-the-host-costs)) with 16 KiB that lie in the cache. Chunks that come from
memory take more.

Where payloads fill whole callbacks, istio-nats reads less than the reading filter, so the part inside Wasm may be negative.
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
