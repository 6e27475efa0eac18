import { stripVTControlCharacters } from "node:util";
import { run } from "../command.ts";
import { inRoot } from "../paths.ts";
import { noResult, type RunSuite } from "./result.ts";

/** as-pect's last lines: `[Tests]: 12 / 13`. */
const SUMMARY = /\[Tests\]: (\d+) \/ (\d+)/;

/** A failing spec's line. The file's own line has the same mark, but with its counts after the name. */
const FAILING = /^\s+❌ (.*?)(?: - .*)?$/;

/** The specs of test/unit, compiled and run by as-pect, with the coverage of assembly/. */
export const unitSuite: RunSuite = async (write, files) => {
  const runner = inRoot("node_modules", "@as-pect", "cli", "lib", "test.js");
  const { status, output } = await run(process.execPath, ["--enable-source-maps", runner], {
    cwd: inRoot(),
    env: { ISTIO_NATS_SPECS: files.join(","), ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}) },
  });
  // as-pect 8.1 prints its logo with and without --no-logo.
  write(output.replace(/^[^⚡]*(?=⚡)/u, ""));

  const plain = stripVTControlCharacters(output);
  const [, passed, total] = SUMMARY.exec(plain) ?? [];
  const failed = plain
    .split("\n")
    .map((line) => FAILING.exec(line)?.[1])
    .filter((name) => name !== undefined);
  const missing = Number(total ?? 0) - Number(passed ?? 0) - failed.length;
  for (let i = 0; i < missing; i++) failed.push("a spec that as-pect does not name");
  if (status !== 0 && failed.length === 0) failed.push(`as-pect ended with status ${status}`);
  return { ...noResult(), passed: Number(passed ?? 0), failed };
};
