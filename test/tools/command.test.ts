import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { must } from "../../tools/command.ts";
import { Fault } from "../../tools/fault.ts";

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
