/** Inputs of clients by the hundred thousand through one VM. Each is judged, together with the filter's own counters. */
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { Random } from "../host/random.ts";
import { forward, runClientCase } from "./client-case.ts";
import { chunksOf, clientStream, limitStream } from "./inputs.ts";
import { LINE_TOO_LONG, PAYLOAD_TOO_LARGE, type NatsParser } from "./nats-parser.ts";
import { minimise, type Chunks } from "./minimise.ts";
import { NaivePolicy } from "./naive-policy.ts";
import { LIMITS, pluginConfig, POLICIES } from "./policies.ts";

/** An input that the filter answered wrongly, made as small as possible. */
export interface Failure {
  policy: string;
  chunks: Chunks;
  problem: string;
}

export interface ClientRun {
  inputs: number;
  /** Different sequences of operations and endings that nats-server would have seen. */
  outcomes: number;
  /** Operations that were forwarded, by verb. */
  operations: Record<string, number>;
  failure: Failure | undefined;
}

/** Inputs with an outcome that was new. Further inputs are made from them. */
const MOST_POOLED = 4096;
/**
 * Pages of 64 KiB that one VM may have grown to, whatever was sent to it. It begins with 50 and can only double. It uses 2.7 MiB at
 * first, and full tables of decisions take 3.5 MiB more (decision-cache.ts), which 100 pages do not always have in pieces of a
 * mebibyte.
 */
const MOST_PAGES = 200;
/** So many bytes `limits.controlLine` has at most. */
const LONGEST_LINE = 65_536;
/** Of so many inputs one is at a limit, and of so many of those one at this, since it takes as long as a hundred others. */
const ONE_AT_LIMIT = 64;
const ONE_IS_LONG = 64;
/** Verbs that are counted as allowed exactly when the server gets them. */
const COUNTED = ["PUB", "HPUB", "SUB"];

function bytesOf(chunks: Chunks): Uint8Array[] {
  return chunks.map((chunk) => Buffer.from(chunk, "latin1"));
}

function textsOf(chunks: readonly Uint8Array[]): Chunks {
  return chunks.map((chunk) => Buffer.from(chunk).toString("latin1"));
}

function configured(mode: "ENFORCE" | "DRY_RUN", controlLine: number): { host: Host; roots: number[] } {
  const host = new Host(filterModule());
  const roots = POLICIES.map((policy, number) =>
    configure(host, pluginConfig(policy, mode, controlLine), `policy-${number}`),
  );
  return { host, roots };
}

/** The raw name of the counter of an operation that was let through. */
function findCounter(host: Host, verb: string): string | undefined {
  const end = `operation=.=${verb};.;verdict=.=allowed;.;istio_nats_messages_total`;
  return [...host.metrics.keys()].find((name) => name.endsWith(end));
}

/** A VM with every policy, and another where all are in DRY_RUN, so that the counters of the first are not mixed. */
export class FuzzVm {
  readonly #enforcing: ReturnType<typeof configured>;
  readonly #observing: ReturnType<typeof configured>;
  readonly #counters: (string | undefined)[] = [];
  readonly #totals = COUNTED.map(() => 0);
  readonly #policies = POLICIES.map((policy) => new NaivePolicy(policy));

  /** Where a control line may have so many bytes. */
  constructor(private readonly controlLine: number = LIMITS.controlLine) {
    this.#enforcing = configured("ENFORCE", controlLine);
    this.#observing = configured("DRY_RUN", controlLine);
  }

  /** Memory of the VM, in pages of 64 KiB. */
  get pages(): number {
    return Math.max(this.#enforcing.host.memoryPages, this.#observing.host.memoryPages);
  }

  /** A gauge that is not 0 again once all connections have ended. */
  get left(): string | undefined {
    for (const { host } of [this.#enforcing, this.#observing]) {
      host.tick();
      for (const [name, value] of host.metrics) {
        if (value !== 0 && /istio_nats_(?:connections|subscriptions)_active$/.test(name)) return `${name} is ${value}`;
      }
    }
    return undefined;
  }

  /** Sends one input under the policy with that number. A trap is a problem like any other. */
  run(
    policy: number,
    chunks: readonly Uint8Array[],
  ): ReturnType<typeof runClientCase> | { problem: string; forwarded?: undefined } {
    try {
      const { host, roots } = this.#enforcing;
      const limits = { ...LIMITS, controlLine: this.controlLine };
      const result = runClientCase(host, roots[policy]!, this.#policies[policy]!, chunks, limits);
      const { forwarded, problem = this.#miscounted(forwarded.read) } = result;
      return { forwarded, problem };
    } catch (error) {
      return { problem: `the filter trapped: ${String(error)}` };
    }
  }

  /** DRY_RUN must not change anything. */
  observe(policy: number, chunks: readonly Uint8Array[]): string | undefined {
    try {
      const passed = Buffer.concat(forward(this.#observing.host, this.#observing.roots[policy]!, chunks));
      return passed.equals(Buffer.concat(chunks))
        ? undefined
        : `in DRY_RUN ${JSON.stringify(passed.toString("latin1"))} passed`;
    } catch (error) {
      return `the filter trapped in DRY_RUN: ${String(error)}`;
    }
  }

  /** How many operations of each counted verb the filter reports as let through, since the last call. */
  #counted(): number[] {
    const { host } = this.#enforcing;
    host.tick();
    return COUNTED.map((verb, i) => {
      this.#counters[i] ??= findCounter(host, verb);
      const name = this.#counters[i];
      const total = name === undefined ? 0 : host.metrics.get(name)!;
      const since = total - this.#totals[i]!;
      this.#totals[i] = total;
      return since;
    });
  }

  /** What passed and what was counted must be the same operations, except after an end that only the server knows. */
  #miscounted({ operations, error }: NatsParser): string | undefined {
    const counted = this.#counted();
    for (const [i, verb] of COUNTED.entries()) {
      const seen = operations.filter((operation) => operation.verb === verb).length;
      const fits = error === undefined ? counted[i] === seen : counted[i]! >= seen;
      if (!fits) return `${seen} ${verb} passed, ${counted[i]!} were counted`;
    }
    return undefined;
  }
}

/** Whether this input, alone in a VM of its own, shows a problem. */
export function problemOf(policy: number, chunks: readonly Uint8Array[]): string | undefined {
  const vm = new FuzzVm();
  return vm.run(policy, chunks).problem ?? vm.observe(policy, chunks);
}

/** A run from one seed, which always makes the same inputs. */
export class ClientFuzz {
  readonly #random: Random;
  readonly #vm = new FuzzVm();
  readonly #longVm = new FuzzVm(LONGEST_LINE);
  readonly #pool: string[] = [];
  readonly #outcomes = new Set<string>();
  readonly #operations: Record<string, number> = {};

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Makes and judges `inputs` inputs, and stops at the first failure. `take` gets what passed. */
  run(inputs: number, take: (chunks: readonly Uint8Array[]) => void = () => undefined): ClientRun {
    let done = 0;
    let failure: Failure | undefined;
    for (; done < inputs && failure === undefined; done++) failure = this.#one(take);
    if (this.#vm.pages > MOST_PAGES) {
      failure ??= { policy: "", chunks: [], problem: `the VM has grown to ${this.#vm.pages} pages` };
    }
    const left = failure === undefined ? this.#vm.left : undefined;
    if (left !== undefined) failure = { policy: "", chunks: [], problem: left };
    return { inputs: done, outcomes: this.#outcomes.size, operations: this.#operations, failure };
  }

  #one(take: (chunks: readonly Uint8Array[]) => void): Failure | undefined {
    const random = this.#random;
    const policy = random.below(POLICIES.length);
    if (random.below(ONE_AT_LIMIT) === 0) return this.#atLimit(policy, take);
    const text = clientStream(random, this.#pool);
    const chunks = chunksOf(text, random);
    if (random.below(16) === 0) {
      const problem = this.#vm.observe(policy, chunks);
      if (problem !== undefined) return this.#minimised(policy, chunks, problem);
    }
    const { problem, forwarded } = this.#vm.run(policy, chunks);
    if (problem !== undefined) return this.#minimised(policy, chunks, problem);
    take(forwarded!.chunks);
    let outcome = `${policy} ${forwarded!.read.error ?? ""}`;
    for (const { verb } of forwarded!.read.operations) {
      this.#operations[verb] = (this.#operations[verb] ?? 0) + 1;
      outcome += ` ${verb}`;
    }
    if (!this.#outcomes.has(outcome)) {
      this.#outcomes.add(outcome);
      if (this.#pool.length < MOST_POOLED) this.#pool.push(text);
    }
    return undefined;
  }

  /** One that is as long as it may be passes, and one that is longer ends the connection here, before nats-server could. */
  #atLimit(policy: number, take: (chunks: readonly Uint8Array[]) => void): Failure | undefined {
    const controlLine = this.#random.below(ONE_IS_LONG) === 0 ? LONGEST_LINE : LIMITS.controlLine;
    const { chunks, ends } = limitStream(this.#random, controlLine);
    const vm = controlLine === LONGEST_LINE ? this.#longVm : this.#vm;
    const { problem, forwarded } = vm.run(policy, chunks);
    const error = forwarded?.read.error;
    const hasEnded = error !== undefined && error !== LINE_TOO_LONG && error !== PAYLOAD_TOO_LARGE;
    const said =
      problem ??
      (hasEnded === ends ? undefined : hasEnded ? "a good stream is ended" : "a longer one reaches nats-server");
    if (said !== undefined) return { policy: POLICIES[policy]!.name, chunks: textsOf(chunks), problem: said };
    // The nats-server that reads what has passed takes none that is longer.
    if (controlLine === LIMITS.controlLine) take(forwarded!.chunks);
    return undefined;
  }

  #minimised(policy: number, chunks: readonly Uint8Array[], problem: string): Failure {
    const smallest = minimise(textsOf(chunks), (candidate) => problemOf(policy, bytesOf(candidate)) !== undefined);
    const said = problemOf(policy, bytesOf(smallest)) ?? `only after other inputs: ${problem}`;
    return { policy: POLICIES[policy]!.name, chunks: smallest, problem: said };
  }
}
