import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { waitFor } from "../stand/wait.ts";

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

/** A clone whose npm is this script, and the text that installs its packages. */
function cloneWith(t: TestContext, npmScript: string): { clone: string; npm: string; install: string } {
  const clone = makeScratch();
  t.after(() => removeScratch(clone));
  const npm = join(clone, "npm-cli.js");
  for (const file of ["install.mjs", "lock.mjs"]) cpSync(inRoot("tools", file), join(clone, "tools", file));
  writeFileSync(join(clone, "package-lock.json"), "{}");
  writeFileSync(npm, npmScript);
  const install = `import { installDependencies } from ${JSON.stringify(join(clone, "tools", "install.mjs"))}; process.exit(installDependencies() ? 0 : 1);`;
  return { clone, npm, install };
}

test("packages are installed where the environment asks npm for those of production alone", (t) => {
  const { clone, npm, install } = cloneWith(
    t,
    `require("fs").writeFileSync("asked", process.argv.slice(2).join(" ")); require("fs").mkdirSync("node_modules");`,
  );
  const environment = { ...process.env, npm_execpath: npm, NODE_ENV: "production" };
  assert.equal(spawnSync(process.execPath, ["--input-type=module", "-e", install], { env: environment }).status, 0);
  assert.match(readFileSync(join(clone, "asked"), "utf8"), /^ci --include=dev --include=optional /);
});

test("packages are installed once where several first scripts of a clone run at once, one of which was killed before", async (t) => {
  // It takes until the others wait, and a second one would find the folder of the first.
  const { clone, npm, install } = cloneWith(
    t,
    `const fs = require("fs"); fs.appendFileSync("runs", "x"); fs.mkdirSync("node_modules"); while (!fs.existsSync("others-wait")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);`,
  );
  const killed = spawnSync(process.execPath, ["-e", ""]).pid;
  mkdirSync(join(clone, "build"));
  writeFileSync(join(clone, "build", "npm-packages.lock"), String(killed));
  const scripts = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", install], {
      env: { ...process.env, npm_execpath: npm },
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
  let said = "";
  for (const { stderr } of scripts) stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = Promise.all(scripts.map(async (script) => (await once(script, "close"))[0] as unknown));
  const waiting = /^==> process (?:\d+|unknown) installs the npm packages; waiting for it/gm;
  try {
    await waitFor("the other three wait", () => said.match(waiting)?.length === 3, { explain: () => said });
  } finally {
    writeFileSync(join(clone, "others-wait"), "");
  }
  assert.deepEqual(await ended, [0, 0, 0, 0], said);
  assert.equal(readFileSync(join(clone, "runs"), "utf8"), "x");
  assert.ok(!existsSync(join(clone, "build", "npm-packages.lock")));
});
