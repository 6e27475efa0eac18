import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { run } from "./command.ts";
import { Fault } from "./fault.ts";
import { filesUnder } from "./files-under.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

/** The filter as proxies load it. Its path and name are an interface: other projects' build scripts copy it from here. */
export const filterWasm = inRoot("build", "istio-nats.wasm");

/** Everything that the module is made from. */
const FILTER_SOURCES = ["asconfig.json", "asconfig.options.json", "package-lock.json", "assembly", "shims"];

/** Transforms that make the filter smaller and do not change what it does, so that only the module that proxies load needs them. */
const SMALLER = ["tools/stack-overflow.mjs", "tools/static-strings.mjs", "tools/called-functions.mjs"];

/** A hash that changes whenever a module made from these files and folders may change. */
function hashOf(sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of sources.flatMap((source) => filesUnder(inRoot(source)))) {
    hash.update(relative(inRoot(), file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/** The compiler prints news besides, such as "Last converge was suboptimal." */
const COMPLAINT = /^(?:WARNING|ERROR|FAILURE)\b/m;

/** Runs the compiler. Its warnings are errors too. `outFile` appears complete or not at all. */
async function compile(what: string, args: readonly string[], outFile: string): Promise<void> {
  mkdirSync(dirname(outFile), { recursive: true });
  const compiler = inRoot("node_modules", "assemblyscript", "bin", "asc.js");
  const unfinished = `${outFile}.${process.pid}`;
  // Without the option the compiler starts itself anew with it, and the new process outlives a signal that ends the first.
  const { status, output } = await run(
    process.execPath,
    ["--enable-source-maps", compiler, ...args, "--outFile", unfinished],
    { cwd: inRoot() },
  );
  const complains = status !== 0 || COMPLAINT.test(output);
  // Where the disk is full, the compiler leaves half a module and says nothing.
  if (complains || !WebAssembly.validate(readFileSync(unfinished))) {
    rmSync(unfinished, { force: true });
    if (complains) throw new Fault(`${what} does not compile without complaint:\n\n${output}`);
    throw new Fault(`${relative(inRoot(), outFile)} could not be written whole. Is the disk full?`);
  }
  // The file is renamed into place, so that a proxy that loads it meanwhile reads the old module or the new one.
  renameSync(unfinished, outFile);
}

/** Compiles unless `outFile` was already made from exactly these sources. */
async function compileOnce(what: string, args: string[], sources: readonly string[], outFile: string): Promise<void> {
  const stamp = `${outFile}.sources`;
  const wanted = hashOf(sources);
  if (existsSync(outFile) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await step(`${relative(inRoot(), outFile)}, from ${what}`, () => compile(what, args, outFile));
  writeFileSync(stamp, wanted);
}

let filterBuild: Promise<void> | undefined;

/** Makes build/istio-nats.wasm from assembly/ if it is not up to date, at most once in a process. Returns its path. */
export async function buildFilter(): Promise<string> {
  const args = ["--target", "release", ...SMALLER.flatMap((transform) => ["--transform", inRoot(transform)])];
  filterBuild ??= compileOnce("assembly/", args, [...FILTER_SOURCES, ...SMALLER], filterWasm);
  await filterBuild;
  return filterWasm;
}

/** Makes build/debug/istio-nats.wasm with names, a source map and its text form. Returns its path. */
export async function buildDebugFilter(): Promise<string> {
  const outFile = inRoot("build", "debug", "istio-nats.wasm");
  await step("build/debug/istio-nats.wasm, from assembly/", () => compile("assembly/", ["--target", "debug"], outFile));
  return outFile;
}

/** Less optimised, which takes a quarter of the time and does not change what the module does. */
async function buildTransformed(name: string, what: string): Promise<string> {
  const outFile = inRoot("build", name, "istio-nats.wasm");
  const transform = `tools/${name}.mjs`;
  const args = ["--target", "release", "--optimizeLevel", "1", "--transform", inRoot(transform)];
  await compileOnce(`assembly/, ${what}`, args, [...FILTER_SOURCES, transform], outFile);
  return outFile;
}

/**
 * Makes build/count-allocations/istio-nats.wasm. It exports how often (`allocations`) and how much (`allocated_bytes`) its runtime
 * has allocated, how much of that is in use (`live_bytes`), and the most that ever was before the last allocation
 * (`most_live_bytes`), in bytes. Optimisation neither removes an allocation nor adds one. Returns the module's path.
 */
export function buildCountingFilter(): Promise<string> {
  return buildTransformed("count-allocations", "with its allocations counted");
}

/**
 * Makes build/count-steps/istio-nats.wasm, which exports as `steps` how much it has worked: functions entered, rounds of loops and
 * bytes copied. Returns the module's path.
 */
export function buildStepCountingFilter(): Promise<string> {
  return buildTransformed("count-steps", "with its steps counted");
}

/** Makes build/without-short-ways/istio-nats.wasm, which never takes a short way. Returns its path. */
export function buildLongFilter(): Promise<string> {
  return buildTransformed("without-short-ways", "without its short ways");
}

/**
 * Makes a separate module from one file, with the filter's options: for example a module that traps, or an empty one to measure
 * against. `entry` is relative to the clone, and may import from its own folder. Returns build/modules/<name>.wasm.
 */
export async function buildModule(entry: string): Promise<string> {
  const outFile = inRoot("build", "modules", `${basename(entry, ".ts")}.wasm`);
  const args = [entry, "--config", "asconfig.options.json", "--target", "release"];
  await compileOnce(entry, args, [...FILTER_SOURCES, dirname(entry)], outFile);
  return outFile;
}
