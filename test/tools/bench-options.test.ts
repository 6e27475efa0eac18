import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";

describe("the bench's options", () => {
  for (const rounds of ["0.5", "2.5", "0", "-1", "many"]) {
    it(`refuse ${rounds} rounds plainly, before anything is started`, () => {
      const args = ["--import", "tsx", inRoot("bench", "main.ts"), "--rounds", rounds, "--only", "publish-16"];
      const { status, stderr } = spawnSync(process.execPath, args, {
        cwd: inRoot(),
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^error: option '--rounds <number>' .* It must be a whole number, at least 1\.$/m);
    });
  }

  for (const [option, value, why] of [
    ["beside", "nowhere/istio-nats.wasm", "There is no such file."],
    ["json", "nowhere/figures.json", "There is no such folder."],
  ] as const) {
    it(`refuse --${option} ${value} before anything is started, not after ten minutes`, () => {
      const args = ["--import", "tsx", inRoot("bench", "main.ts"), `--${option}`, value, "--only", "publish-16"];
      const { status, stderr } = spawnSync(process.execPath, args, {
        cwd: inRoot(),
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.equal(status, 1, stderr);
      assert.ok(stderr.endsWith(` ${why}\n`), stderr);
    });
  }

  for (const [option, value, least] of [
    ["rounds", "0.5", 1],
    ["opens", "many", 10],
    ["opens", "9", 10],
  ] as const) {
    it(`also refuse --${option} ${value} of the micro bench`, () => {
      const args = ["--import", "tsx", inRoot("bench", "micro", "main.ts"), `--${option}`, value, "--only", "nothing"];
      const { status, stderr } = spawnSync(process.execPath, args, {
        cwd: inRoot(),
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.equal(status, 1, stderr);
      assert.equal(stderr, `--${option} must be a whole number, at least ${least}.\n`);
    });
  }
});
