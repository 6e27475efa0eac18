import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../tools/command.ts";
import type { SuiteCopy } from "./copy.ts";
import type { ForeignSuite } from "./suites.ts";

export type Verdict = "pass" | "fail" | "skip";

export interface Results {
  /** Verdicts by test. A test that is missing did not end. */
  verdicts: Map<string, Verdict>;
  /** Tests that connected through the filter. */
  witnesses: Set<string>;
  /** What each test wrote. */
  output: Map<string, string>;
  /** Output that belongs to no test: a build's errors, a panic. */
  rest: string;
}

/** One line of `go test -json`. */
interface Event {
  Action: string;
  Test?: string;
  Output?: string;
}

/** Through the filter: Envoy's listener, and the users' addresses. Undefined means directly. */
export interface Front {
  address: string;
  users: Record<string, string>;
}

/** Runs tests of a copy one after the other, each once. */
export async function goTest(
  copy: SuiteCopy,
  suite: ForeignSuite,
  tests: readonly string[],
  front: Front | undefined,
): Promise<Results> {
  const witness = join(copy.folder, "istio-nats-witness");
  rmSync(witness, { force: true });
  const environment = front && {
    ISTIO_NATS_FRONT: front.address,
    ISTIO_NATS_USERS: JSON.stringify(front.users),
    ISTIO_NATS_WITNESS: witness,
  };
  const fixed = ["-json", "-count=1", "-vet=off", "-p=1", "-parallel=1", "-timeout=10m"];
  const args = ["test", ...fixed, ...suite.goFlags, "-run", `^(${tests.join("|")})$`, `./${suite.package}`];
  const { output } = await run("go", args, { cwd: copy.folder, env: { ...environment, GOFLAGS: "-buildvcs=false" } });

  const results: Results = { verdicts: new Map(), witnesses: new Set(), output: new Map(), rest: "" };
  for (const line of output.split("\n")) {
    const event = eventOf(line);
    if (!event) {
      results.rest += `${line}\n`;
      continue;
    }
    // A subtest counts as part of its test.
    const test = event.Test?.split("/")[0];
    if (test === undefined) {
      results.rest += event.Output ?? "";
      continue;
    }
    if (event.Output !== undefined) results.output.set(test, (results.output.get(test) ?? "") + event.Output);
    if (event.Test === test && isVerdict(event.Action)) results.verdicts.set(test, event.Action);
  }
  if (existsSync(witness)) {
    for (const test of readFileSync(witness, "utf8").split("\n")) results.witnesses.add(test);
  }
  return results;
}

function isVerdict(action: string): action is Verdict {
  return action === "pass" || action === "fail" || action === "skip";
}

function eventOf(line: string): Event | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Event;
  } catch {
    return undefined;
  }
}
