import { existsSync } from "node:fs";
import { binaries, binariesEnvironment } from "./binaries.ts";
import { writeReference } from "./cli-reference.ts";
import { buildCommand } from "./cli.ts";
import { endCommands, run } from "./command.ts";
import { Fault, messageOf } from "./fault.ts";
import { image } from "./image.ts";
import { inRoot } from "./paths.ts";
import { writePolicySchema } from "./policy-schema-files.ts";
import { format } from "./suites/lint-suite.ts";
import { runNightly } from "./suites/nightly.ts";
import { runSuites } from "./suites/run.ts";
import { SUITES } from "./suites/table.ts";
import { buildDebugFilter, buildFilter } from "./wasm.ts";

/** Does the work of one npm script. Returns an exit status. One that declares no parameter takes no arguments. */
type Task = (args: string[]) => Promise<number>;

/** Runs a TypeScript program of the clone, with the filter built and the real commands in its environment. */
function program(...path: string[]): Task {
  return async (args) => {
    const file = inRoot(...path);
    if (!existsSync(file)) throw new Fault(`${path.join("/")} is not there.`);
    const [environment] = await Promise.all([binariesEnvironment(), buildFilter()]);
    const { status } = await run(process.execPath, ["--import", "tsx", file, ...args], {
      env: environment,
      inherit: true,
    });
    return status;
  };
}

const TASKS: Record<string, Task> = {
  setup: async () => {
    const { envoy, natsServer, nats } = await binaries();
    const filter = await buildFilter();
    process.stdout.write(
      `envoy        ${envoy}\nnats-server  ${natsServer}\nnats         ${nats}\nfilter       ${filter}\n`,
    );
    return 0;
  },
  build: async () => {
    process.stdout.write(`${await buildFilter()}\n`);
    return 0;
  },
  "build:debug": async () => {
    process.stdout.write(`${await buildDebugFilter()}\n`);
    return 0;
  },
  "build:cli": async () => {
    process.stdout.write(`${await buildCommand()}\n`);
    return 0;
  },
  "docs:cli": writeReference,
  // Imported only on demand: the recorded sessions take long to read, and the dashboards load half of Grafana.
  "docs:parity": async () => (await import("../test/conformance/parity-page.ts")).writeParityPage(),
  "docs:telemetry": async () => (await import("./telemetry-page.ts")).writeTelemetryPages(),
  "generate:istio": async () => (await import("./istio-crds.ts")).writeIstioCrds(),
  "generate:dashboards": async () => (await import("./dashboards/generate.ts")).generate(),
  test: () => runSuites([], []),
  "test:nightly": () => runNightly(),
  lint: () => runSuites(["lint"], []),
  format,
  fuzz: program("test", "fuzz", "main.ts"),
  demo: program("test", "demo", "main.ts"),
  image,
  schema: writePolicySchema,
  bench: program("bench", "main.ts"),
  "bench:micro": program("bench", "micro", "main.ts"),
  "bench:memory": program("bench", "memory", "main.ts"),
  "bench:soak": program("bench", "soak", "main.ts"),
  "test:foreign": program("test", "foreign", "main.ts"),
  "test:matrix": program("test", "matrix", "main.ts"),
  "test:clients": program("test", "clients", "main.ts"),
  "test:apiserver": program("test", "apiserver", "main.ts"),
};
for (const { name } of SUITES) if (name !== "lint") TASKS[`test:${name}`] = (args) => runSuites([name], args);

async function main([name = "", ...args]: string[]): Promise<number> {
  const task = TASKS[name];
  if (!task) throw new Fault(`There is no task "${name}". There are: ${Object.keys(TASKS).join(", ")}`);
  if (args.length > 0 && task.length === 0) throw new Fault(refusalOf(name, args));
  return task(args);
}

/** Nothing runs then: whoever asks `npm test` for one file, or `npm run build` for help, does not want all of it. */
function refusalOf(name: string, args: readonly string[]): string {
  const instead = name === "test" ? "; for one suite, or a file of it: npm run test:SUITE -- FILE" : "";
  return `npm run ${name} takes no arguments, and was given ${args.join(" ")}${instead}`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
  // What was begun beside the step that failed, such as a build of a minute, would keep the task from ending.
  endCommands();
}
