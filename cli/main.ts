/** The bundle's entry. Node alone cannot import a module of Wasm; esbuild puts its bytes here. */
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

// Every write fails anew; one line says it.
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  // A pager that was closed, or `head`: whoever reads wants no more, and that is no error.
  if (code === "EPIPE" || isCut) return;
  isCut = true;
  const reason = code === "ENOSPC" ? "no space left on device" : message;
  process.stderr.write(`istio-nats: the findings could not be written: ${reason}\n`);
  process.exitCode = ExitStatus.USAGE;
});

try {
  process.exitCode = run(process.argv.slice(2), {
    version: about.version,
    filter: () => (filter ??= new Filter(wasm)),
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    readStandardInput,
    // What a pipeline reads must not depend on its environment, so neither CI nor FORCE_COLOR have a say.
    colors: pc.createColors(isatty(STANDARD_OUTPUT) && process.env["NO_COLOR"] === undefined),
  });
} catch (error) {
  process.stderr.write(
    `istio-nats: this is a fault of istio-nats itself, please report it\n${String((error as Error).stack)}\n`,
  );
  process.exitCode = ExitStatus.USAGE;
}
