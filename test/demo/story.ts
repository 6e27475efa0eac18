import { colours } from "./colours.ts";

/** What came of something that was tried. */
export interface Outcome {
  verdict: "allowed" | "refused";
  /** What was seen: a client's error or what arrived, in its words. */
  seen: string;
}

/** Something that the policy refused, or in DRY_RUN would have. */
export interface Refusal {
  principal: string;
  /** As stats and audit call it: PUB, SUB, MSG, CONNECT. */
  operation: string;
  reason: string;
  dryRun: boolean;
}

interface Attempt {
  /** What is tried. */
  tries: string;
  /** What the policy says must come of it. */
  expected: Outcome;
  /** How stats and audit must tell it, if the policy refuses it. */
  refusal?: Refusal;
  /** Whose publish this is, if it is one that must pass. */
  publisher?: string;
  does: () => Promise<Outcome>;
}

const MARKS = { allowed: colours.green("allowed"), refused: colours.yellow("refused") };
const TRIES_WIDTH = 58;

/** Prints what happens as it happens, and holds it against what the policy says. */
export class Story {
  /** Every refusal that was seen, in order. */
  readonly refusals: Refusal[] = [];
  /** The principals of publishes that passed, once for each. */
  readonly publishers: string[] = [];
  readonly #write: (text: string) => void;
  #wrong = 0;
  #kept = 0;

  constructor(write: (text: string) => void = (text) => void process.stdout.write(text)) {
    this.#write = write;
  }

  /** Things that did not go as the policy says. */
  get wrong(): number {
    return this.#wrong;
  }

  /** Things that did. */
  get kept(): number {
    return this.#kept;
  }

  line(text = ""): void {
    this.#write(`${text}\n`);
  }

  heading(title: string, aside = ""): void {
    this.line(`\n${colours.bold(`── ${title}`)}${aside === "" ? "" : `  ${colours.dim(aside)}`}`);
  }

  /** Something told beside the events. */
  note(text: string): void {
    this.line(`   ${colours.dim(text)}`);
  }

  /** A line that was read somewhere, as it stands. */
  quote(text: string): void {
    this.line(`   ${text}`);
  }

  async attempt({ tries, expected, refusal, publisher, does }: Attempt): Promise<void> {
    const outcome = await does();
    if (refusal) this.refusals.push(refusal);
    if (publisher !== undefined) this.publishers.push(publisher);
    this.line(`   ${MARKS[outcome.verdict]}  ${tries.padEnd(TRIES_WIDTH)} ${colours.cyan(outcome.seen)}`);
    this.#judge(outcome.verdict === expected.verdict && outcome.seen === expected.seen, () =>
      [`the policy says: ${expected.verdict}`, expected.seen].join(", "),
    );
  }

  /** Holds two values against each other; says so only if they differ. */
  check(what: string, seen: unknown, expected: unknown): void {
    const [is, should] = [JSON.stringify(seen), JSON.stringify(expected)];
    this.#judge(is === should, () => `${what}: ${is}, and should be ${should}`);
  }

  #judge(right: boolean, fault: () => string): void {
    if (right) {
      this.#kept += 1;
      return;
    }
    this.#wrong += 1;
    this.line(`   ${colours.red(`✖ ${fault()}`)}`);
  }
}
