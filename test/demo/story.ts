import { colours } from "./colours.ts";

/** The outcome of something that was tried. */
export interface Outcome {
  verdict: "allowed" | "refused";
  /** What was seen: a client's error or what arrived, in its own words. */
  seen: string;
}

/** Something that the policy refused, or in DRY_RUN would have. */
export interface Refusal {
  principal: string;
  /** The operation's name in stats and audit: PUB, SUB, MSG, CONNECT. */
  operation: string;
  reason: string;
  dryRun: boolean;
}

interface Attempt {
  /** What is tried. */
  tries: string;
  /** What must come of it according to the policy. */
  expected: Outcome;
  /** How stats and audit must report it, if the policy refuses it. */
  refusal?: Refusal;
  /** The principal of a publish that must pass. */
  publisher?: string;
  does: () => Promise<Outcome>;
}

const MARKS = { allowed: colours.green("allowed"), refused: colours.yellow("refused") };
const TRIES_WIDTH = 58;

/** Prints what happens as it happens, and compares it with what the policy says. */
export class Story {
  /** Every refusal that was seen, in order. */
  readonly refusals: Refusal[] = [];
  /** The principals of publishes that passed, one entry for each publish. */
  readonly publishers: string[] = [];
  readonly #write: (text: string) => void;
  #wrong = 0;
  #kept = 0;

  constructor(write: (text: string) => void = (text) => void process.stdout.write(text)) {
    this.#write = write;
  }

  /** How many things did not go as the policy says. */
  get wrong(): number {
    return this.#wrong;
  }

  /** How many things did. */
  get kept(): number {
    return this.#kept;
  }

  line(text = ""): void {
    this.#write(`${text}\n`);
  }

  heading(title: string, aside = ""): void {
    this.line(`\n${colours.bold(`── ${title}`)}${aside === "" ? "" : `  ${colours.dim(aside)}`}`);
  }

  /** A remark beside the events. */
  note(text: string): void {
    this.line(`   ${colours.dim(text)}`);
  }

  /** A line that was read somewhere, verbatim. */
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

  /** Compares two values, and reports them only if they differ. */
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
