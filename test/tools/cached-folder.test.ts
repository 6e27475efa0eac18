import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pinOf } from "../../tools/cached-folder.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

/** How node runs a text that imports from tools/, in a process of its own: the cache's place is read once. */
function argumentsFor(text: string): string[] {
  const imports = `import { cachedFolder, removeUnused } from ${JSON.stringify(inRoot("tools", "cached-folder.ts"))};
import { cache } from ${JSON.stringify(inRoot("tools", "paths.ts"))};
import { envoyOfWheel } from ${JSON.stringify(inRoot("tools", "envoy.ts"))};
`;
  return ["--import", "tsx", "--input-type=module", "-e", imports + text];
}

describe("the cache of tools", () => {
  let folder: string;

  before(() => {
    folder = makeScratch();
  });

  after(() => {
    removeScratch(folder);
  });

  function run(text: string, home: string): { stdout: string; stderr: string } {
    const env = { ...process.env, HOME: folder, XDG_CACHE_HOME: home };
    return spawnSync(process.execPath, argumentsFor(text), { cwd: inRoot(), env, encoding: "utf8" });
  }

  it("keeps nothing of a folder whose making a signal interrupts", async () => {
    const home = join(folder, "interrupted");
    for (const [signal, status] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
      const text = `await cachedFolder("thing", () => { console.log("begun"); return new Promise((done) => setTimeout(done, 60_000)); });`;
      const env = { ...process.env, XDG_CACHE_HOME: home };
      const child = spawn(process.execPath, argumentsFor(text), { cwd: inRoot(), env });
      await once(child.stdout, "data");
      assert.equal(readdirSync(join(home, "istio-nats")).length, 1);
      child.kill(signal);
      assert.deepEqual(await once(child, "exit"), [status, null]);
      assert.deepEqual(readdirSync(join(home, "istio-nats")), []);
    }
  });

  it("loses the folders of other states that nobody has used for long, and none that a clone may be using", () => {
    const home = join(folder, "states");
    const place = join(home, "istio-nats");
    const hoursAgo: Record<string, number> = { "t-new": 90, "t-3": 3, "t-30": 30, "t-2": 2, "t-0": 0.2, "u-60": 60 };
    for (const [name, hours] of Object.entries(hoursAgo)) {
      mkdirSync(join(place, name), { recursive: true });
      const then = Date.now() / 1000 - hours * 3600;
      utimesSync(join(place, name), then, then);
    }
    const use = (name: string, kept: number): string[] => {
      run(`removeUnused("t-", ${JSON.stringify(join(place, name))}, ${kept});`, home);
      return readdirSync(place).sort();
    };
    assert.deepEqual(use("t-new", 3), ["t-0", "t-2", "t-new", "u-60"]);
    assert.deepEqual(use("t-new", 1), ["t-0", "t-new", "u-60"]);
    assert.deepEqual(use("t-gone", 0), ["t-0", "t-new", "u-60"]);
  });

  it("is in the home folder unless XDG_CACHE_HOME is absolute", () => {
    const place = (home: string): string => run("console.log(cache);", home).stdout.trim();
    assert.equal(place(join(folder, "own")), join(folder, "own", "istio-nats"));
    for (const home of ["", "relative"]) assert.equal(place(home), join(folder, ".cache", "istio-nats"));
  });

  it("that cannot be written is named, with what to do", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const { stdout } = run(
      `await cachedFolder("thing", () => Promise.resolve()).catch(({ name, message }) => console.log(name, message));`,
      file,
    );
    assert.match(
      stdout,
      /^Fault .*\/file\/istio-nats, where tools are kept, cannot be written \(ENOTDIR.* XDG_CACHE_HOME/,
    );
  });

  it("need not belong to who uses it, and is made anew where Envoy is gone from it", () => {
    const home = join(folder, "shared");
    const wheel = join(home, "istio-nats", `python-envoy-${pinOf(inRoot("tools", "python", "envoy.txt"))}`);
    const envoy = join(wheel, "envoy", "_bin", "envoy");
    const ask = `await envoyOfWheel("envoy", "1.40.0").then((found) => console.log(found), ({ name, message }) => console.log(name, message));`;
    mkdirSync(join(envoy, ".."), { recursive: true });
    assert.match(run(ask, home).stdout, /^Fault .* holds no Envoy\. Remove that folder/);
    writeFileSync(envoy, "", { mode: 0o755 });
    const { ctimeMs } = statSync(envoy);
    assert.equal(run(ask, home).stdout.trim(), envoy);
    assert.equal(statSync(envoy).ctimeMs, ctimeMs, "its mode was set although it was right");
  });
});
