/** The bundle's entry. Node by itself cannot import a Wasm module, so esbuild puts its bytes here. */
import { isatty } from "node:tty";
import pc from "picocolors";
import wasm from "../build/istio-nats.wasm";
import about from "../package.json" with { type: "json" };
import { ExitStatus } from "./exit-status.ts";
import { Filter } from "./filter-host.ts";
import { run } from "./program.ts";
import { readStandardInput } from "./standard-input.ts";

const STANDARD_OUTPUT = 1;

let filter: Filter | undefined;

let isCut = false;

// Every further write fails too; one line is enough.
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  // A closed pager, or `head`: the reader wants no more, which is not an error.
  if (code === "EPIPE" || isCut) return;
  isCut = true;
  const reason = code === "ENOSPC" ? "no space left on device" : message;
  process.stderr.write(`istio-nats: the findings could not be written: ${reason}\n`);
  process.exitCode = ExitStatus.USAGE;
});

// Nobody is left to be told. The exit status still says it.
process.stderr.on("error", () => undefined);

try {
  process.exitCode = run(process.argv.slice(2), {
    version: about.version,
    filter: () => (filter ??= new Filter(wasm)),
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    readStandardInput,
    // What a pipeline reads must not depend on its environment, so CI and FORCE_COLOR are ignored.
    colors: pc.createColors(isatty(STANDARD_OUTPUT) && process.env["NO_COLOR"] === undefined),
  });
} catch (error) {
  process.stderr.write(
    `istio-nats: this is a bug in istio-nats, please report it\n${String((error as Error).stack)}\n`,
  );
  process.exitCode = ExitStatus.USAGE;
}
