import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { PATIENCE } from "../stand/wait.ts";

it("a run of random cases ends when it is told to", async (t) => {
  const args = ["--import", "tsx", "test/fuzz/main.ts", "--of=changes", "--inputs=1000000"];
  const run = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => run.kill("SIGKILL"));
  await once(run.stdout, "data");
  const ended = once(run, "exit", { signal: AbortSignal.timeout(PATIENCE) });
  run.kill("SIGTERM");
  assert.deepEqual(await ended, [143, null]);
});
