import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { inRoot } from "../../tools/paths.ts";

const INSTALL = inRoot("tools", "install.mjs");

test("packages are installed by the npm that runs the script, not by one that a dependency left in its PATH", () => {
  assert.ok(
    existsSync(inRoot("node_modules", ".bin", "npm")),
    "no dependency brings an npm any more, so this test proves nothing",
  );
  const ask = `import { npmCommand } from ${JSON.stringify(INSTALL)}; console.log(JSON.stringify(npmCommand(process.env)));`;
  const environment = { ...process.env, npm_execpath: "/usr/lib/node_modules/npm/bin/npm-cli.js" };
  const said = spawnSync(process.execPath, ["--input-type=module", "-e", ask], { env: environment, encoding: "utf8" });
  assert.deepEqual(JSON.parse(said.stdout), [process.execPath, "/usr/lib/node_modules/npm/bin/npm-cli.js"]);
});

test("without npm around it the script uses the npm in PATH", () => {
  const ask = `import { npmCommand } from ${JSON.stringify(INSTALL)}; console.log(JSON.stringify(npmCommand({})));`;
  const said = spawnSync(process.execPath, ["--input-type=module", "-e", ask], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(said.stdout), ["npm"]);
});
