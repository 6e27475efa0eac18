import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { must, run } from "../../tools/command.ts";
import { Fault } from "../../tools/fault.ts";
import { inRoot } from "../../tools/paths.ts";

const NODE = process.execPath;

describe("a command that must succeed", () => {
  it("returns what it writes to stdout, without what it writes to stderr", async () => {
    const script = 'console.error("go: downloading example.com v1.0.0"); console.log("{}")';
    assert.equal(await must("no remedy", NODE, ["-e", script]), "{}\n");
  });

  it("fails with the remedy and its whole output", async () => {
    const script = 'console.log("half"); console.error("the reason"); process.exit(3)';
    await assert.rejects(must("Try again.", NODE, ["-e", script]), (error) => {
      assert.ok(error instanceof Fault);
      assert.match(error.message, /^Try again\.\n/);
      for (const said of ["half", "the reason"]) assert.ok(error.message.includes(`\n${said}\n`), error.message);
      return true;
    });
  });

  it("fails with the remedy if there is no such command", async () => {
    await assert.rejects(
      must("Install it.", "no-such-command-of-istio-nats", []),
      /^Fault: Install it\.\n[^]*could not start/,
    );
  });
});

describe("an npm script", () => {
  function script(...args: string[]): ReturnType<typeof run> {
    return run(NODE, ["--import", "tsx", inRoot("tools", "main.ts"), ...args]);
  }

  it("that takes no arguments runs nothing if it is given one, and says what takes it", async () => {
    const cases: [args: string[], said: string][] = [
      [["build", "--help"], "npm run build takes no arguments, and was given --help"],
      [
        ["test", "test/cli/check.test.ts"],
        "npm run test takes no arguments, and was given test/cli/check.test.ts; for one suite, or a file of it: npm run test:SUITE -- FILE",
      ],
    ];
    for (const [args, said] of cases) {
      const { status, output } = await script(...args);
      assert.deepEqual([status, output], [1, `\n${said}\n`]);
    }
  });

  it("of another name is refused with those that there are", async () => {
    const { status, output } = await script("biuld");
    assert.equal(status, 1);
    assert.match(output, /^\nThere is no task "biuld"\. There are: setup, build, /);
  });
});
