// `npm run bench:soak` lets real clients work through a real Envoy for hours, and looks whether anything is lost, miscounted or grows.

import { Command } from "commander";
import { freshSeed } from "../../test/host/random.ts";
import { exitStatusOf } from "../../tools/exit-status.mjs";
import { messageOf } from "../../tools/fault.ts";
import { announce } from "../../tools/progress.ts";
import { positive, wholeNumber } from "../options.ts";
import { toTerminal } from "../table.ts";
import { growthsOf, HELD, LEAST, type Growth, type Held } from "./growth.ts";
import { soak, type Round } from "./soak.ts";

const MINUTE = 60_000;
const WORKERS = 2;
/** Milliseconds between two bursts of a kind of traffic, so that two cores suffice. */
const PAUSE = 20;

const options = new Command("npm run bench:soak --")
  .description(
    "Publishes, requests, a stream, refusals, clients that come and go and hostile ones, through a real Envoy, while the policy " +
      "changes. Nothing may be lost, stats must count what clients have seen, and no memory may grow. Linux only.",
  )
  .option("--minutes <number>", "how long", positive, 60)
  .option("--round <seconds>", "of traffic, after which everything is counted", positive, 20)
  .option("--renewal <rounds>", "after so many Envoy gets new VMs, and nats-server starts anew", wholeNumber(1), 60)
  .option("--seed <number>", "repeats what is chosen at random", wholeNumber(0), freshSeed())
  .parse()
  .opts<{ minutes: number; round: number; renewal: number; seed: number }>();

const COLUMNS = ["round>", "minutes>", "messages>", "connections>", "revoked, ms>", "request p99, ms>"];
const HELD_COLUMNS: Record<keyof Held, string> = {
  resident: "resident, MiB>",
  own: "own>",
  wasm: "Wasm, written to>",
  allocated: "allocated>",
  beyondTwin: "beyond an empty filter>",
  spare: "spare>",
  stats: "stats>",
  vms: "VMs>",
  wakeUps: "wake-ups/s>",
  files: "files>",
};
const COUNTS: readonly (keyof Held)[] = ["stats", "vms", "wakeUps", "files"];

function shown(what: keyof Held, value: number): string {
  return COUNTS.includes(what) ? `${Math.round(value)}` : (value / 2 ** 20).toFixed(1);
}

const began = performance.now();
const rounds: (Round & { minutes: number })[] = [];

function table(): string {
  // Of many rounds some stand for all, the first and the last among them.
  const every = Math.ceil(rounds.length / 30);
  const rows = rounds
    .map(({ minutes, messages, connections, revoked, p99, held }, i) => [
      `${i + 1}`,
      minutes.toFixed(1),
      messages.toLocaleString("en-US"),
      connections.toLocaleString("en-US"),
      revoked.toFixed(0),
      p99.toFixed(1),
      ...HELD.map((what) => shown(what, held[what])),
    ])
    .filter((_, i) => i === 0 || (rounds.length - 1 - i) % every === 0);
  return toTerminal({ columns: [...COLUMNS, ...HELD.map((what) => HELD_COLUMNS[what])], rows });
}

/** The rounds of the VMs that followed each other. */
function lives(): Held[][] {
  const all: Held[][] = [];
  for (const { life, held } of rounds) (all[life] ??= []).push(held);
  return all;
}

/** Says what has grown, and whether nothing has. */
function judge(when: string, growths: readonly Growth[] | undefined, remedy: string): boolean {
  if (!growths) {
    process.stdout.write(
      `Whether anything grows ${when} cannot be told from fewer than ${LEAST} of them: ${remedy} gives more.\n`,
    );
    return true;
  }
  process.stdout.write(`Growth ${when}, from the second third to the last:\n`);
  for (const { what, second, last, isPlateau } of growths) {
    const change = `${shown(what, second)} → ${shown(what, last)}, ×${(last / second).toFixed(4)}`;
    process.stdout.write(`  ${isPlateau ? "✔" : "✖"} ${HELD_COLUMNS[what].replace(/>$/, "")}: ${change}\n`);
  }
  return growths.every(({ isPlateau }) => isPlateau);
}

// What has been seen so far is worth judging. In a terminal Ctrl-C reaches the proxies, too, so that the round may fail.
const interruption = new AbortController();
process.once("SIGINT", () => {
  interruption.abort();
  process.exitCode = exitStatusOf("SIGINT");
  announce("the end of the soak; once more ends at once");
});

const { minutes, round, renewal, seed } = options;
process.stdout.write(`seed ${seed}\n`);
try {
  const end = began + minutes * MINUTE;
  await soak(
    {
      seed,
      workers: WORKERS,
      pause: PAUSE,
      renewal,
      // Nobody asks for a round that takes longer than all of them.
      round: Math.min(round * 1000, minutes * MINUTE),
      goesOn: () => performance.now() < end,
      interruption: interruption.signal,
    },
    (one) => {
      rounds.push({ ...one, minutes: (performance.now() - began) / MINUTE });
      announce(`round ${rounds.length}`);
    },
  );
} catch (error) {
  if (!interruption.signal.aborted) {
    process.stderr.write(`seed ${seed}, round ${rounds.length + 1}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
if (rounds.length > 0) {
  process.stdout.write(`\n${table()}\n`);
  const { within, between } = growthsOf(lives());
  const verdicts = [
    judge("in rounds of the same VMs", within, "a greater --renewal, or more --minutes,"),
    judge("from VMs to the next ones", between, "a smaller --renewal, or more --minutes,"),
  ];
  if (verdicts.includes(false)) process.exitCode = 1;
}
