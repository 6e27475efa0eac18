import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { must, run } from "../../tools/command.ts";
import { Fault, messageOf } from "../../tools/fault.ts";
import { npmCommand } from "../../tools/install.mjs";
import { inRoot, read } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { waitFor } from "../stand/wait.ts";

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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Whether a process runs whose command line contains this. */
function isThereA(command: string): boolean {
  return readdirSync("/proc").some((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(command);
    } catch {
      return false; // The process has ended meanwhile.
    }
  });
}

/** Waits for the number of the process that `child` has started, ends `child` alone, and waits for both to be gone. */
async function endedTogether(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const [said] = (await once(child.stdout!, "data")) as [Buffer];
  const below = Number(said.toString());
  assert.ok(isAlive(below));
  try {
    child.kill(signal);
    await once(child, "exit");
    await waitFor("what it has started ends too", () => !isAlive(below));
  } finally {
    if (isAlive(below)) process.kill(below, "SIGKILL");
  }
}

const UNTIL_ENDED = "console.log(process.pid); setInterval(() => {}, 1000);";

/** A clone whose packages are there, and whose only npm script, `x`, has a task that goes on until it is ended. */
function cloneOf(t: TestContext): string {
  const clone = makeScratch();
  t.after(() => removeScratch(clone));
  for (const file of ["run.mjs", "exit-status.mjs", "install.mjs", "lock.mjs"])
    cpSync(inRoot("tools", file), join(clone, "tools", file));
  writeFileSync(join(clone, "tools", "main.ts"), UNTIL_ENDED);
  writeFileSync(join(clone, "package.json"), JSON.stringify({ scripts: { x: "node tools/run.mjs x" } }));
  cpSync(inRoot("package-lock.json"), join(clone, "package-lock.json"));
  mkdirSync(join(clone, "node_modules"));
  symlinkSync(inRoot("node_modules", "tsx"), join(clone, "node_modules", "tsx"));
  const lock = createHash("sha256")
    .update(readFileSync(inRoot("package-lock.json")))
    .digest("hex");
  writeFileSync(join(clone, "node_modules", ".istio-nats-lock"), lock);
  return clone;
}

describe("a signal that ends one process alone", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`ends the command that it runs too (${signal})`, async () => {
      const text = `import { run } from ${JSON.stringify(inRoot("tools", "command.ts"))}; await run(process.execPath, ["-e", ${JSON.stringify(UNTIL_ENDED)}], { inherit: true });`;
      const args = ["--import", "tsx", "--input-type=module", "-e", text];
      await endedTogether(spawn(NODE, args, { cwd: inRoot(), stdio: ["ignore", "pipe", "inherit"] }), signal);
    });

    it(`ends the task of an npm script too (${signal})`, async (t) => {
      const script = spawn(NODE, [join(cloneOf(t), "tools", "run.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
      await endedTogether(script, signal);
    });
  }

  // SIGINT comes from a terminal, which sends it to all of them.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
    it(`ends the task where it reaches npm alone (${signal})`, async (t) => {
      const [npm, ...first] = npmCommand(process.env);
      const cwd = cloneOf(t);
      await endedTogether(
        spawn(npm, [...first, "run", "-s", "x"], { cwd, stdio: ["ignore", "pipe", "inherit"] }),
        signal,
      );
    });
  }

  it("ends the command that it has only just started, before it looks at anything else", async () => {
    // A machine with much to do stops a process anywhere, also behind the system call that starts another.
    const slow = `import processes from "node:child_process"; import { syncBuiltinESMExports } from "node:module";
      const { spawn } = processes;
      processes.spawn = (...args) => {
        const child = spawn(...args);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
        return child;
      };
      syncBuiltinESMExports();
      const { run } = await import(${JSON.stringify(inRoot("tools", "command.ts"))});
      await run(process.execPath, ["-e", ${JSON.stringify(UNTIL_ENDED)}], { inherit: true });`;
    const args = ["--import", "tsx", "--input-type=module", "-e", slow];
    await endedTogether(spawn(NODE, args, { cwd: inRoot(), stdio: ["ignore", "pipe", "inherit"] }), "SIGINT");
  });

  it("ends the processes of the fuzzer too", async () => {
    const worker = inRoot("test", "fuzz", "client-worker.ts");
    const program = inRoot("test", "fuzz", "main.ts");
    const fuzzer = spawn(NODE, ["--import", "tsx", program], { cwd: inRoot(), stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    fuzzer.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const seed = await waitFor("its seed", () => /^seed (\d+)$/m.exec(output)?.[1]);
    const works = (): boolean => isThereA(`${worker}\0${seed}\0`);
    await waitFor("its processes", works);
    fuzzer.kill("SIGINT");
    await waitFor("they end too", () => !works());
  });
});

describe("an error that ends a task", () => {
  it("is told without its stack trace if something could not be written, but not if it is a bug", () => {
    const of = (code: string, syscall: string): string =>
      messageOf(Object.assign(new Error(`${code}: refused, ${syscall} 'a'`), { code, syscall }));
    for (const [code, syscall] of [
      ["ENOSPC", "write"],
      ["EROFS", "open"],
      ["ENOENT", "mkdir"],
    ] as const)
      assert.match(of(code, syscall), /^E\w+: refused, \w+ 'a'\. Is the disk full, [^\n]*$/);
    assert.match(of("ENOENT", "open"), /\n +at /);
    assert.equal(messageOf(new Fault("a remedy")), "a remedy");
  });

  it("is told by its message if its stack trace was taken away", () => {
    assert.equal(
      messageOf(Object.assign(new Error("connection disconnected"), { stack: "" })),
      "connection disconnected",
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
      [["lint", "cli/main.ts"], "npm run lint takes no arguments, and was given cli/main.ts"],
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

  it("that has no room for the module leaves none, and says why without a stack trace", async () => {
    const module = inRoot("build", "debug", "istio-nats.wasm");
    rmSync(module, { force: true });
    const main = inRoot("tools", "main.ts");
    const { status, output } = await run("bash", [
      "-c",
      `ulimit -f 100; exec "$@"`,
      "",
      NODE,
      "--import",
      "tsx",
      main,
      "build:debug",
    ]);
    assert.equal(status, 1);
    assert.match(output, /\nbuild\/debug\/istio-nats\.wasm could not be written whole\. Is the disk full\?\n$/);
    assert.ok(!existsSync(module));
  });

  it("that fails ends at once, with the build that it has begun beside", async (t) => {
    const folder = makeScratch();
    t.after(() => removeScratch(folder));
    const command = (name: string, text: string): string => {
      const file = join(folder, name);
      writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${text}\n`, { mode: 0o755 });
      return file;
    };
    command("go", `echo $$ > ${folder}/begun; exec sleep 60`);
    // It fails only when the build has begun, since it is no Envoy.
    const envoy = command("envoy", `until [ -s ${folder}/begun ]; do sleep 0.1; done`);
    const env = { ENVOY: envoy, NATS_SERVER: "", NATS: "", XDG_CACHE_HOME: folder, PATH: folder };
    const began = performance.now();
    const { status, output } = await run(NODE, ["--import", "tsx", inRoot("tools", "main.ts"), "setup"], { env });
    assert.equal(status, 1);
    assert.match(output, /\n\$ENVOY is [^\n]*, which is not an Envoy\.[^\n]*\n$/);
    assert.ok(performance.now() - began < 50_000, output);
    assert.equal(isAlive(Number(readFileSync(join(folder, "begun"), "utf8"))), false);
    assert.deepEqual(readdirSync(join(folder, "istio-nats")), []);
  });

  it("of another name is refused with those that there are", async () => {
    const { status, output } = await script("biuld");
    assert.equal(status, 1);
    const [, tasks = ""] = /^\nThere is no task "biuld"\. There are: (.*)\n$/.exec(output) ?? [];
    const { scripts } = JSON.parse(read("package.json")) as { scripts: object };
    assert.deepEqual(new Set(tasks.split(", ")), new Set(Object.keys(scripts)));
  });
});
