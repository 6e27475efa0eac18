import { build, type BuildOptions } from "esbuild";
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";
import { buildFilter } from "./wasm.ts";

/** The command line tool as one file that needs nothing but Node. The compiled filter is part of it. */
const commandFile = inRoot("build", "istio-nats.cjs");

/** The packages of node_modules that own these files. */
function packagesOf(files: readonly string[]): string[] {
  const names = files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/** The licences of these packages, which require that their text goes along with their code. */
function licensesOf(packages: readonly string[]): string {
  const texts = packages.map((name) => {
    const folder = inRoot("node_modules", name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence text to be bundled`);
    return `${name}\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}`;
  });
  return `/*\nThis file contains:\n\n${texts.join("\n\n").replaceAll("*/", "* /")}\n*/`;
}

async function bundle(): Promise<void> {
  const unfinished = `${commandFile}.${process.pid}`;
  const options: BuildOptions = {
    entryPoints: [inRoot("cli", "main.ts")],
    bundle: true,
    platform: "node",
    target: "node20",
    // In an ESM bundle a dependency's `require("process")` fails at the start.
    format: "cjs",
    loader: { ".wasm": "binary" },
    minifySyntax: true,
    minifyWhitespace: true,
    outfile: unfinished,
    logLevel: "warning",
    absWorkingDir: inRoot(),
    banner: { js: "#!/usr/bin/env node" },
  };
  const { metafile } = await build({ ...options, metafile: true, write: false });
  const footer = { js: licensesOf(packagesOf(Object.keys(metafile.inputs))) };
  // esbuild itself has told why.
  await build({ ...options, footer }).catch(() => {
    rmSync(unfinished, { force: true });
    throw new Fault("build/istio-nats.cjs could not be written. Is the disk full, or may build/ not be written?");
  });
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, commandFile);
}

/** Makes build/istio-nats.cjs, with the filter of the same sources in it. Returns its path. */
export async function buildCommand(): Promise<string> {
  await buildFilter();
  await step("build/istio-nats.cjs, from cli/", bundle);
  return commandFile;
}
