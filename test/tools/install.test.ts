import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test("packages are installed where the environment asks npm for those of production alone", (t) => {
  const clone = mkdtempSync(join(tmpdir(), "istio-nats-install-"));
  t.after(() => rmSync(clone, { recursive: true, force: true }));
  const npm = join(clone, "npm-cli.js");
  const asked = join(clone, "asked");
  cpSync(INSTALL, join(clone, "tools", "install.mjs"));
  writeFileSync(join(clone, "package-lock.json"), "{}");
  writeFileSync(
    npm,
    `require("fs").writeFileSync(${JSON.stringify(asked)}, process.argv.slice(2).join(" ")); require("fs").mkdirSync("node_modules");`,
  );
  const install = `import { installDependencies } from ${JSON.stringify(join(clone, "tools", "install.mjs"))}; process.exit(installDependencies() ? 0 : 1);`;
  const environment = { ...process.env, npm_execpath: npm, NODE_ENV: "production" };
  assert.equal(spawnSync(process.execPath, ["--input-type=module", "-e", install], { env: environment }).status, 0);
  assert.match(readFileSync(asked, "utf8"), /^ci --include=dev --include=optional /);
});
