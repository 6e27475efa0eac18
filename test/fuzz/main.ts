/** `npm run fuzz -- --inputs=10000000 --seed=1`: client streams through the filter until an input fails or all are done. */
import { Command, InvalidArgumentError } from "commander";
import { freshSeed } from "../host/random.ts";
import { fuzzClients } from "./parallel.ts";
import { explain } from "./saved.ts";

/** Inputs between two lines of progress. */
const ROUND = 500_000;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("write a whole number");
  return value;
}

const { inputs, seed } = new Command("npm run fuzz --")
  .description("Sends random and mutated client streams through the filter and judges what passes.")
  .option("--inputs <count>", "how many", wholeNumber, 10_000_000)
  .option("--seed <number>", "repeats a run of the same count; a fresh one unless said", wholeNumber, freshSeed())
  .parse()
  .opts<{ inputs: number; seed: number }>();

process.stdout.write(`seed ${seed}\n`);
const began = performance.now();
let done = 0;
for (let round = 0; done < inputs; round++) {
  // Rounds lie far apart, since each core of a round takes the next seed.
  const roundSeed = (seed + round * 1000) >>> 0;
  const runs = await fuzzClients(roundSeed, Math.min(ROUND, inputs - done));
  done += runs.reduce((sum, run) => sum + run.inputs, 0);
  const rate = Math.round((done / (performance.now() - began)) * 1000);
  process.stdout.write(`${done} inputs, ${rate} a second\n`);
  const failures = runs.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  for (const failure of failures) process.stdout.write(`\n${explain(failure, roundSeed)}\n`);
  if (failures.length > 0) process.exit(1);
}
