import { existsSync } from "node:fs";
import { run } from "../command.ts";
import { inRoot } from "../paths.ts";
import { isNightly } from "./counts.ts";
import { noResult, type RunSuite } from "./result.ts";

interface Check {
  title: string;
  command: readonly [program: string, ...args: string[]];
  /** The folder in which it runs, relative to the clone. */
  folder?: string;
}

/** A program of node_modules. */
function nodeProgram(...path: string[]): [string, string] {
  return [process.execPath, inRoot("node_modules", ...path)];
}

const PRETTIER = nodeProgram("prettier", "bin", "prettier.cjs");
const ESLINT = nodeProgram("eslint", "bin", "eslint.js");
const TSC = nodeProgram("typescript", "bin", "tsc");
const GO_FOLDERS = ["test", "tools", "bench"].filter((folder) => existsSync(inRoot(folder)));

/**
 * Our own Go modules. test/istio is left out, because `go test` vets its packages when it compiles Istio for them, which takes
 * minutes. The modules of tools/ are left out too: nearly everything in them is compiled for other modules' commands.
 */
export const VETTED: readonly string[] = ["bench/load", "test/e2e/clients/go"];

/**
 * What these options add has a check look only at files that have changed since it last passed. eslint's rules about types do not
 * see when another file's types have changed, so each night all of it is looked at anew.
 */
function withCache(name: string, ...options: string[]): string[] {
  return isNightly ? [] : [...options, inRoot("build", "lint", name)];
}
const PRETTIER_CACHE = withCache("prettier", "--cache", "--cache-strategy", "content", "--cache-location");
const ESLINT_CACHE = withCache("eslint", "--cache", "--cache-strategy", "content", "--cache-location");
const TSC_CACHE = withCache("tsc", "--incremental", "--tsBuildInfoFile");

const CHECKS: readonly Check[] = [
  {
    title: "prettier: every file is formatted",
    command: [...PRETTIER, "--check", "--log-level", "warn", ...PRETTIER_CACHE, "."],
  },
  { title: "eslint: no fault and no warning", command: [...ESLINT, "--max-warnings", "0", ...ESLINT_CACHE, "."] },
  { title: "tsc: the TypeScript is sound", command: [...TSC, "--noEmit", ...TSC_CACHE, "--project", "."] },
  { title: "gofmt: the Go is formatted", command: ["gofmt", "-l", ...GO_FOLDERS] },
  ...VETTED.map((folder): Check => ({ title: `go vet: ${folder} is sound`, command: ["go", "vet", "./..."], folder })),
];

const FIXES: readonly Check[] = [
  { title: "eslint --fix", command: [...ESLINT, "--fix", "--max-warnings", "0", "."] },
  { title: "prettier --write", command: [...PRETTIER, "--write", "--log-level", "warn", "."] },
  { title: "gofmt -w", command: ["gofmt", "-w", ...GO_FOLDERS] },
];

/**
 * Runs a check. All of them print nothing on success, except for go's downloads. gofmt has to print nothing, because it exits with
 * 0 even if files are not formatted.
 */
async function runCheck({
  command: [program, ...args],
  folder = ".",
}: Check): Promise<{ passed: boolean; output: string }> {
  const { status, output: said } = await run(program, args, { cwd: inRoot(folder) });
  const output = said.replaceAll(/^go: downloading .*\n/gm, "");
  return { passed: status === 0 && output.trim() === "", output };
}

/** Formatting, lint and types of the whole clone, as tests. */
export const lintSuite: RunSuite = async (write) => {
  const outcomes = await Promise.all(CHECKS.map(async (check) => ({ check, ...(await runCheck(check)) })));
  for (const { check, passed, output } of outcomes) write(`${passed ? "✔" : "✖"} ${check.title}\n${output}`);
  const failed = outcomes.filter(({ passed }) => !passed).map(({ check }) => check.title);
  return { ...noResult(), passed: CHECKS.length - failed.length, failed };
};

/** Repairs in place what can be repaired. Returns an exit status. */
export async function format(): Promise<number> {
  let status = 0;
  for (const fix of FIXES) {
    const { passed, output } = await runCheck(fix);
    process.stdout.write(`${fix.title}\n${output}`);
    if (!passed) status = 1;
  }
  return status;
}
