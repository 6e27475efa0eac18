import assert from "node:assert/strict";
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { buildCommand } from "../../tools/cli.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { FIXTURES } from "./fixture.ts";

describe("build/istio-nats.cjs", () => {
  let folder: string;
  let command: string;

  before(async () => {
    folder = makeScratch();
    command = join(folder, "istio-nats.cjs");
    copyFileSync(await buildCommand(), command);
    writeFileSync(join(folder, "bad.yaml"), readFileSync(join(FIXTURES, "policy-fault", "bad.yaml")));
    writeFileSync(join(folder, "good.yaml"), readFileSync(join(FIXTURES, "policy-fault", "good.yaml")));
  });

  after(() => removeScratch(folder));

  /** Plain Node in a folder that contains nothing else: no tsx, no node_modules, no NODE_OPTIONS. */
  function istioNats(args: string[], input = "", environment: Record<string, string> = {}): SpawnSyncReturns<string> {
    const env = { PATH: process.env["PATH"] ?? "", ...environment };
    return spawnSync(process.execPath, [command, ...args], { cwd: folder, env, input, encoding: "utf8" });
  }

  it("judges with the filter that it contains", () => {
    const bad = istioNats(["doctor", "bad.yaml"]);
    assert.equal(bad.status, 1, bad.stderr);
    assert.match(bad.stdout, /^bad\.yaml:16:31: error: rules\[0\]\.publish\.allow\[1\]: .* \[policy-fault\]$/m);
    const good = istioNats(["check", "good.yaml"]);
    assert.deepEqual([good.status, good.stderr], [0, ""]);
    assert.match(good.stdout, /^good\.yaml:3:19: WasmPlugin messaging\/istio-nats: accepted: 1 rule, /);
  });

  it("reads standard input", () => {
    const { status, stdout } = istioNats(["check", "-"], readFileSync(join(folder, "good.yaml"), "utf8"));
    assert.equal(status, 0);
    assert.match(stdout, /^<stdin>:3:19: /);
  });

  it(
    "reads standard input that is non-blocking and not available at once",
    { skip: process.platform === "win32" },
    async () => {
      const fifo = join(folder, "fifo");
      spawnSync("mkfifo", [fifo]);
      const input = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
      const output = openSync(fifo, "w");
      const child = spawn(process.execPath, [command, "check", "-"], { stdio: [input, "pipe", "pipe"] });
      // Node makes what it gives to a child blocking. Here both become non-blocking again.
      const shared = new Socket({ fd: input, readable: false, writable: false });
      setTimeout(() => {
        writeSync(output, readFileSync(join(folder, "good.yaml")));
        closeSync(output);
      }, 500);
      const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "exit")]);
      shared.destroy();
      assert.deepEqual([child.exitCode, stderr], [0, ""]);
      assert.match(stdout, /^<stdin>:3:19: /);
    },
  );

  it("says in one line that standard input is a folder", { skip: process.platform === "win32" }, () => {
    const directory = openSync(folder, "r");
    const { status, stderr } = spawnSync(process.execPath, [command, "doctor", "-"], {
      stdio: [directory, "pipe", "pipe"],
      encoding: "utf8",
    });
    closeSync(directory);
    assert.deepEqual([status, stderr], [2, "istio-nats: <stdin>: is a folder: name it as an argument\n"]);
  });

  it("exits with 2 for what it cannot read", () => {
    const { status, stdout, stderr } = istioNats(["doctor", "nowhere.yaml"]);
    assert.deepEqual([status, stdout, stderr], [2, "", "istio-nats: nowhere.yaml: no such file or folder\n"]);
  });

  it("writes no colours into a pipe, whatever the environment asks for", () => {
    const { stdout } = istioNats(["doctor", "bad.yaml"], "", { FORCE_COLOR: "1", CI: "1" });
    assert.ok(stdout.length > 0 && !stdout.includes("\u001b"));
  });

  it("writes all of a long answer into a pipe", () => {
    const service = "apiVersion: v1\nkind: Service\nmetadata: { name: nats }\nspec: { ports: [{ port: 4222 }] }\n";
    const { status, stdout } = istioNats(["doctor", "-o", "json", "-"], Array(2000).fill(service).join("---\n"));
    assert.equal(status, 1);
    const { findings } = JSON.parse(stdout) as { findings: unknown[] };
    assert.equal(findings.length, 2000);
    assert.ok(stdout.length > 1 << 19);
  });

  it("says in one line that what it writes to is full", { skip: !existsSync("/dev/full") }, () => {
    const full = openSync("/dev/full", "w");
    for (const file of ["good.yaml", "bad.yaml"]) {
      const { status, stderr } = spawnSync(process.execPath, [command, "check", file], {
        cwd: folder,
        stdio: ["ignore", full, "pipe"],
        encoding: "utf8",
      });
      const said = "istio-nats: the findings could not be written: no space left on device\n";
      assert.deepEqual([status, stderr], [2, said]);
    }
    closeSync(full);
  });

  it("exits with 2 also where it cannot say why", { skip: !existsSync("/dev/full") }, () => {
    const full = openSync("/dev/full", "w");
    const { status } = spawnSync(process.execPath, [command, "check", "nowhere.yaml"], {
      cwd: folder,
      stdio: ["ignore", "ignore", full],
    });
    closeSync(full);
    assert.equal(status, 2);
  });

  it("reads no more than a file may have of what never ends", { skip: !existsSync("/dev/zero") }, () => {
    const zero = openSync("/dev/zero", "r");
    for (const [name, shown] of [
      ["/dev/zero", "/dev/zero"],
      ["-", "<stdin>"],
    ] as const) {
      const { status, stdout } = spawnSync(process.execPath, [command, "check", name], {
        stdio: [zero, "pipe", "inherit"],
        encoding: "utf8",
      });
      assert.equal(status, 1);
      assert.ok(stdout.startsWith(`${shown}:1:1: error: the file has more than 16777216 bytes `), stdout);
    }
    closeSync(zero);
  });

  it("is silent if its reader has gone", () => {
    const shell = `node "$0" doctor -o json bad.yaml bad.yaml | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", shell, command], { cwd: folder, encoding: "utf8" });
    assert.deepEqual([stdout, stderr], ["1\n", ""]);
  });

  it("states its version and the licences of what it contains", () => {
    const { version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { version: string };
    assert.equal(istioNats(["--version"]).stdout, `${version}\n`);
    const text = readFileSync(command, "utf8");
    for (const name of ["commander", "picocolors", "yaml"]) assert.ok(text.includes(`\n${name}\n\n`), name);
  });
});
