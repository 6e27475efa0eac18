import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { run } from "./command.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

/** The filter as proxies load it. Path and name are an interface: others' build scripts copy it from here. */
export const filterWasm = inRoot("build", "istio-nats.wasm");

/** Everything that the module is made from. */
const FILTER_SOURCES = ["asconfig.json", "asconfig.options.json", "package-lock.json", "assembly", "shims"];

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Changes whenever a module made from these files and folders may. */
function hashOf(sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of sources.flatMap((source) => filesUnder(inRoot(source)))) {
    hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/** What the compiler says beside this is news ("Last converge was suboptimal."). */
const COMPLAINT = /^(?:WARNING|ERROR|FAILURE)\b/m;

/** Runs the compiler; its warnings are faults too. `outFile` appears whole or not at all. */
async function compile(what: string, args: readonly string[], outFile: string): Promise<void> {
  mkdirSync(dirname(outFile), { recursive: true });
  const compiler = inRoot("node_modules", "assemblyscript", "bin", "asc.js");
  const unfinished = `${outFile}.${process.pid}`;
  const { status, output } = await run(process.execPath, [compiler, ...args, "--outFile", unfinished], {
    cwd: inRoot(),
  });
  if (status !== 0 || COMPLAINT.test(output)) {
    rmSync(unfinished, { force: true });
    throw new Fault(`${what} does not compile without complaint:\n\n${output}`);
  }
  // Renamed, so that a proxy that loads the module meanwhile reads the old one or the new one.
  renameSync(unfinished, outFile);
}

/** Compiles unless `outFile` already is of these very sources. */
async function compileOnce(what: string, args: string[], sources: readonly string[], outFile: string): Promise<void> {
  const stamp = `${outFile}.sources`;
  const wanted = hashOf(sources);
  if (existsSync(outFile) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await step(`${relative(inRoot(), outFile)}, from ${what}`, () => compile(what, args, outFile));
  writeFileSync(stamp, wanted);
}

let filterBuild: Promise<void> | undefined;

/** Makes build/istio-nats.wasm from assembly/ where it is not up to date, at most once in a process; returns its path. */
export async function buildFilter(): Promise<string> {
  filterBuild ??= compileOnce("assembly/", ["--target", "release"], FILTER_SOURCES, filterWasm);
  await filterBuild;
  return filterWasm;
}

/** Makes build/debug/istio-nats.wasm with names, a source map and its text form; returns its path. */
export async function buildDebugFilter(): Promise<string> {
  const outFile = inRoot("build", "debug", "istio-nats.wasm");
  await step("build/debug/istio-nats.wasm, from assembly/", () => compile("assembly/", ["--target", "debug"], outFile));
  return outFile;
}

/** Less optimised: that takes a quarter of the time and changes nothing of what the module does. */
async function buildTransformed(name: string, what: string): Promise<string> {
  const outFile = inRoot("build", name, "istio-nats.wasm");
  const transform = `tools/${name}.mjs`;
  const args = ["--target", "release", "--optimizeLevel", "1", "--transform", inRoot(transform)];
  await compileOnce(`assembly/, ${what}`, args, [...FILTER_SOURCES, transform], outFile);
  return outFile;
}

/**
 * Makes build/count-allocations/istio-nats.wasm, which exports how often (`allocations`) and how much (`allocated_bytes`) its
 * runtime has allocated, and how much of it is in use (`live_bytes`); returns its path. No optimisation takes an allocation away or
 * adds one.
 */
export function buildCountingFilter(): Promise<string> {
  return buildTransformed("count-allocations", "with its allocations counted");
}

/** Makes build/without-short-ways/istio-nats.wasm, which does all by the long way; returns its path. */
export function buildLongFilter(): Promise<string> {
  return buildTransformed("without-short-ways", "without its short ways");
}

/**
 * Makes a module of its own from one file, with the options of the filter: a module that traps, an empty one to measure
 * against. `entry` is relative to the clone; returns build/modules/<name>.wasm.
 */
export async function buildModule(entry: string): Promise<string> {
  const outFile = inRoot("build", "modules", `${basename(entry, ".ts")}.wasm`);
  const args = [entry, "--config", "asconfig.options.json", "--target", "release"];
  await compileOnce(entry, args, [...FILTER_SOURCES, entry], outFile);
  return outFile;
}
