import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { run } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

describe("npm run test:clients", () => {
  let nothing: string;
  before(() => (nothing = makeScratch()));
  after(() => removeScratch(nothing));

  /** On a machine that has no command at all. */
  async function runWith(...args: string[]): Promise<{ status: number; output: string }> {
    const main = inRoot("test", "clients", "main.ts");
    return run(process.execPath, ["--import", "tsx", main, ...args], { cwd: inRoot(), env: { PATH: nothing } });
  }

  it("says what each library needs that the machine does not have, and how to test without it", async () => {
    const { status, output } = await runWith();
    assert.equal(status, 1);
    assert.deepEqual(output.trim().split("\n"), [
      "async-nats needs Rust 1.89 or newer: cargo did not run. Install that, " +
        "or test without it: npm run test:clients -- --client jnats",
      "jnats needs a JDK of Java 17 or newer, and Maven: java, javac, mvn did not run. Install that, " +
        "or test without it: npm run test:clients -- --client async-nats",
    ]);
  });

  it("asks nothing for a library that is not to be tested, and knows no other library", async () => {
    const one = await runWith("--client", "jnats");
    assert.equal(one.status, 1);
    assert.doesNotMatch(one.output, /cargo/);
    const other = await runWith("--client", "nats-pure");
    assert.equal(other.status, 1);
    assert.match(other.output, /Allowed choices are async-nats, jnats/);
  });
});
