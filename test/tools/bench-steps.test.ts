import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "node:test";
import { run } from "../../tools/command.ts";
import { buildGo } from "../../tools/go.ts";

/** Whether any process of this user may trace any other one. */
function mayTrace(): boolean {
  const scope = "/proc/sys/kernel/yama/ptrace_scope";
  return process.getuid?.() === 0 || !existsSync(scope) || readFileSync(scope, "utf8").trim() === "0";
}

/** An event loop that computes in a compiled function whenever a byte comes. */
const LOOP = `
  const add = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum = (sum + i * i) | 0; return sum; };
  for (let i = 0; i < 5000; i++) add(100);
  process.stdin.on("data", () => add(100));
`;

const OTHER_PROCESSOR = process.arch !== "x64" && "it reads the registers of x86-64";

describe("bench/steps", { skip: OTHER_PROCESSOR }, () => {
  it("reports what an event loop executes between two waits, in its own code and in what V8 has compiled", async () => {
    const steps = await buildGo("bench/steps");
    const loop = spawn(process.execPath, ["-e", LOOP], { stdio: ["pipe", "ignore", "inherit"] });
    // It is ended before it has read all of it.
    loop.stdin.on("error", () => undefined);
    try {
      const thread = readFileSync(`/proc/${loop.pid}/comm`, "utf8").trim();
      const done = new AbortController();
      const writing = (async (): Promise<void> => {
        while (!done.signal.aborted) {
          loop.stdin.write("x");
          await sleep(2);
        }
      })();
      const wanted = ["-pid", `${loop.pid}`, "-thread", thread, "-skip", "50", "-wakes", "2"];
      const { status, output: told } = await run(steps, wanted);
      done.abort();
      await writing;
      if (!mayTrace()) {
        assert.match(told, /cannot be traced: .*\. Be root, or set kernel\.yama\.ptrace_scope to 0/);
        return;
      }
      assert.equal(status, 0, told);
      const own = [...told.matchAll(/^ {2}all of program +(\d+) +(\d+)/gm)].map(([, ...counts]) => counts.map(Number));
      const compiled = [...told.matchAll(/^ {2}all of compiled +(\d+)/gm)].map(([, count]) => Number(count));
      assert.equal(own.length, 2, told);
      for (const [instructions = 0, lines = 0] of own) assert.ok(lines > 10 && instructions > lines, told);
      // A round of `add` is four instructions or more.
      assert.ok(
        compiled.some((count) => count > 400),
        told,
      );
    } finally {
      loop.kill();
    }
  });

  it("names the thread that it does not find", async () => {
    const { status, output } = await run(await buildGo("bench/steps"), ["-pid", `${process.pid}`, "-thread", "none"]);
    assert.equal(status, 1);
    assert.match(output, new RegExp(`process ${process.pid} has no thread named "none"`));
  });
});
