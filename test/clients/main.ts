import { Command, Option } from "commander";
import { buildCargo } from "../../tools/cargo.ts";
import { run } from "../../tools/command.ts";
import { messageOf } from "../../tools/fault.ts";
import { buildMaven } from "../../tools/maven.ts";
import { nodeSuite } from "../../tools/suites/node-suite.ts";
import { JAVA_END, RUST_END } from "./ends.ts";

/**
 * `npm run test:clients` plays the scenarios of test/e2e with client libraries in languages that `npm test` does without. Each has
 * its program in test/e2e/clients.
 */

interface Library {
  files: readonly string[];
  /** What must be installed, and the commands by which that is looked for. */
  needs: string;
  commands: readonly string[];
  build: () => Promise<string>;
}

const LIBRARIES: Record<string, Library> = {
  "async-nats": {
    files: ["test/clients/async-nats.test.ts"],
    needs: "Rust 1.89 or newer",
    commands: ["cargo"],
    build: () => buildCargo(RUST_END),
  },
  jnats: {
    files: ["test/clients/jnats.test.ts", "test/clients/ways-round-jnats.test.ts"],
    needs: "a JDK of Java 17 or newer, and Maven",
    commands: ["java", "javac", "mvn"],
    build: () => buildMaven(JAVA_END),
  },
};

const names = Object.keys(LIBRARIES);
const { client: chosen } = new Command("npm run test:clients --")
  .description("Plays the end-to-end scenarios with async-nats (Rust) and jnats (Java).")
  .addOption(new Option("--client <names...>", "only these").choices(names).default(names))
  .parse()
  .opts<{ client: string[] }>();

/** What keeps a library from being tested on this machine, or undefined. */
async function lackOf(name: string): Promise<string | undefined> {
  const { needs, commands } = LIBRARIES[name]!;
  const outcomes = await Promise.all(commands.map((command) => run(command, ["--version"])));
  const missing = commands.filter((_, index) => outcomes[index]!.status !== 0);
  if (missing.length === 0) return undefined;
  const others = names.filter((other) => other !== name);
  return (
    `${name} needs ${needs}: ${missing.join(", ")} did not run. Install that, ` +
    `or test without it: npm run test:clients -- --client ${others.join(" ")}`
  );
}

async function play(): Promise<number> {
  const lacks = await Promise.all(chosen.map(lackOf));
  const faults = lacks.filter((lack) => lack !== undefined);
  if (faults.length > 0) {
    process.stderr.write(`\n${faults.join("\n")}\n`);
    return 1;
  }
  // Before the tests, whose time is limited.
  for (const name of chosen) await LIBRARIES[name]!.build();
  const files = chosen.flatMap((name) => LIBRARIES[name]!.files);
  const { passed, failed } = await nodeSuite("clients").run((chunk) => process.stdout.write(chunk), files);
  for (const failure of failed) process.stdout.write(`✖ ${failure}\n`);
  process.stdout.write(`\n${passed} passed, ${failed.length} failed\n`);
  return failed.length === 0 && passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await play();
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
}
