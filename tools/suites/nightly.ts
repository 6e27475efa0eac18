import pc from "picocolors";
import { run } from "../command.ts";
import { inRoot } from "../paths.ts";

/** What runs each night, as arguments of `npm run`. Each with its own oracle; the first is all of `npm test` with full counts. */
const COMMANDS: readonly (readonly string[])[] = [
  ["test"],
  ...["clients", "changes", "answers", "floods", "grants", "reloads", "shedding"].map((of) => ["fuzz", `--of=${of}`]),
  ["test:foreign"],
  ["test:matrix"],
  ["test:clients"],
  ["test:apiserver"],
  ["bench:soak"],
];

/**
 * `npm run test:nightly`: everything with full counts, one command after the other, going on after a failing one. The last line of
 * stdout is `N passed, N failed`, of commands. Returns an exit status.
 */
export async function runNightly(): Promise<number> {
  const outcomes: { title: string; failed: boolean; minutes: number }[] = [];
  for (const [name = "", ...args] of COMMANDS) {
    const title = `npm run ${[name, ...(args.length > 0 ? ["--", ...args] : [])].join(" ")}`;
    process.stdout.write(`\n${pc.bold(`══ ${title}`)}\n`);
    const began = performance.now();
    const { status } = await run(process.execPath, [inRoot("tools", "run.mjs"), name, ...args], {
      cwd: inRoot(),
      env: { ISTIO_NATS_NIGHTLY: "1" },
      inherit: true,
    });
    outcomes.push({ title, failed: status !== 0, minutes: (performance.now() - began) / 60_000 });
  }
  process.stdout.write(`\n${pc.bold("══ tonight")}\n\n`);
  for (const { title, failed, minutes } of outcomes)
    process.stdout.write(`${failed ? pc.red("✖") : pc.green("✔")} ${title} ${pc.dim(`(${minutes.toFixed(0)} min)`)}\n`);
  const failed = outcomes.filter((outcome) => outcome.failed).length;
  process.stdout.write(`\n${outcomes.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
