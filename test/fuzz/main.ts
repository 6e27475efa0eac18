/**
 * `npm run fuzz -- --inputs=10000000 --seed=1` sends client streams through the filter until an input fails or all are done. With
 * `--of` the inputs are cases of something else: `changes` of policies, `answers` to a verbose client meanwhile, `grants` of what it
 * may answer itself, `reloads` of nats-server with the same changes, `floods` of what a client sends at once and reads slowly, or
 * `shedding` of what clients hold.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { freshSeed } from "../host/random.ts";
import { fuzzAnswers } from "./answers-fuzz.ts";
import type { Run } from "./by-seed.ts";
import { fuzzChanges } from "./changes-fuzz.ts";
import { fuzzFloods } from "./floods-fuzz.ts";
import { fuzzGrants } from "./grants-fuzz.ts";
import { fuzzClients } from "./parallel.ts";
import { fuzzReloads } from "./reloads-fuzz.ts";
import { explain } from "./saved.ts";
import { fuzzShedding } from "./shedding-fuzz.ts";

type Round = (seed: number, inputs: number) => Promise<{ done: number; failures: string[] }>;

const clients: Round = async (seed, inputs) => {
  const runs = await fuzzClients(seed, inputs);
  return {
    done: runs.reduce((sum, run) => sum + run.inputs, 0),
    failures: runs.flatMap(({ failure }) => (failure === undefined ? [] : [explain(failure, seed)])),
  };
};

function inCases(fuzz: (seed: number, cases: number) => Promise<Run>): Round {
  return async (seed, inputs) => {
    const { cases, failure } = await fuzz(seed, inputs);
    return { done: cases, failures: failure === undefined ? [] : [failure] };
  };
}

/** `inputs` is the default number; `most` is how many there are between two lines of progress. */
const KINDS = {
  clients: { round: clients, inputs: 10_000_000, most: 500_000 },
  changes: { round: inCases(fuzzChanges), inputs: 10_000, most: 100 },
  answers: { round: inCases(fuzzAnswers), inputs: 10_000, most: 100 },
  floods: { round: inCases(fuzzFloods), inputs: 10_000, most: 100 },
  grants: { round: inCases(fuzzGrants), inputs: 10_000, most: 100 },
  reloads: { round: inCases(fuzzReloads), inputs: 10_000, most: 100 },
  shedding: { round: inCases(fuzzShedding), inputs: 10_000, most: 100 },
};

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("write a whole number");
  return value;
}

const { of, seed, ...options } = new Command("npm run fuzz --")
  .description(
    "Sends random and mutated client streams through the filter, or changes its policy, and judges what passes.",
  )
  .addOption(new Option("--of <what>", "what is made up").choices(Object.keys(KINDS)).default("clients"))
  .option("--inputs <count>", "how many; unless said 10,000,000 streams, or 10,000 cases of anything else", wholeNumber)
  .option("--seed <number>", "repeats a run of the same count; a fresh one unless said", wholeNumber, freshSeed())
  .parse()
  .opts<{ of: keyof typeof KINDS; inputs?: number; seed: number }>();

const { round, most, inputs } = { ...KINDS[of], ...options };
process.stdout.write(`seed ${seed}\n`);
const began = performance.now();
for (let rounds = 0, all = 0; all < inputs; rounds++) {
  // The seeds of rounds are far apart, because each core, or each case, of a round uses the next seed.
  const { done, failures } = await round((seed + rounds * 1000) >>> 0, Math.min(most, inputs - all));
  all += done;
  const rate = Math.round((all / (performance.now() - began)) * 1000);
  process.stdout.write(`${all} inputs, ${rate} a second\n`);
  for (const failure of failures) process.stdout.write(`\n${failure}\n`);
  if (failures.length > 0) process.exit(1);
}
