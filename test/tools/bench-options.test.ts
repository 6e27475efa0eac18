import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { jobsFor, withoutAbsent, type Asked } from "../../bench/jobs.ts";
import type { SetupName } from "../../bench/setups.ts";
import { lessThanWhole, WHOLE } from "../../bench/whole.ts";
import { WORKLOADS } from "../../bench/workloads.ts";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { PATIENCE } from "../stand/wait.ts";

/** Runs a bench with options that it must refuse, in one line and before it has started or written anything. */
function refusal(bench: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", inRoot("bench", bench), ...args], {
    cwd: inRoot(),
    encoding: "utf8",
    timeout: PATIENCE,
  });
  assert.equal(status, 1, stderr);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /^ +at /m);
  return stderr;
}

const WHOLE_NUMBER = "It must be a whole number, at least 1.";
const NO_FILE = "There is no such file.";
const NO_FOLDER = "There is no such folder.";
const NO_FILE_NAME = "It must be the name of a file.";
const NO_MODULE = "It is not a WebAssembly module.";

describe("the bench's options", () => {
  for (const [option, value, why] of [
    ...["0.5", "2.5", "0", "-1", "many"].map((rounds) => ["rounds", rounds, WHOLE_NUMBER] as const),
    ["seconds", "Infinity", "It must be a positive number."],
    ["beside", "nowhere/istio-nats.wasm", NO_FILE],
    ["beside", "bench", NO_FILE],
    ["beside", "package.json", NO_MODULE],
    ["json", "nowhere/figures.json", NO_FOLDER],
    ["json", "bench", NO_FILE_NAME],
    ["json", "", NO_FILE_NAME],
  ] as const) {
    it(`refuse --${option} ${value || '""'} before anything is started, not after ten minutes`, () => {
      const stderr = refusal("main.ts", [`--${option}`, value, "--only", "publish-16"]);
      assert.match(stderr, new RegExp(`^error: option '--${option} <`));
      assert.ok(stderr.endsWith(` ${why}\n`), stderr);
    });
  }

  it("refuse a --json that nobody can write before anything is started", () => {
    const stderr = refusal("main.ts", ["--json", "/proc/figures.json", "--only", "publish-16"]);
    assert.match(stderr, /^error: option '--json <file>' .* It cannot be written: E[A-Z]+: /);
  });

  it("leave nothing behind of a --json that is refused for another option", () => {
    const folder = makeScratch();
    refusal("main.ts", ["--json", join(folder, "figures.json"), "--rounds", "0"]);
    assert.deepEqual(readdirSync(folder), []);
    removeScratch(folder);
  });

  it("leave a link where it is that leads to no file yet", () => {
    const folder = makeScratch();
    symlinkSync("figures.json", join(folder, "latest.json"));
    refusal("main.ts", ["--json", join(folder, "latest.json"), "--rounds", "0"]);
    assert.deepEqual(readdirSync(folder), ["latest.json"]);
    removeScratch(folder);
  });

  for (const args of [
    ["--only", "publish-refused", "--setups", "envoy"],
    ["--setups", "beside"],
  ]) {
    it(`refuse ${args.join(" ")}, which leaves nothing to measure, and say what each work has`, () => {
      const stderr = refusal("main.ts", args);
      assert.match(stderr, /^Nothing is measured: none of the work has one of these --setups\..* --beside:$/m);
      assert.match(stderr, /^ {2}publish-refused: native, filter, plain-filter$/m);
    });
  }
});

describe("the bench's choice of work", () => {
  /** Who gets turns, by work. */
  const turns = (asked: Asked): Record<string, readonly string[]> =>
    Object.fromEntries(jobsFor(asked).flatMap((group) => group.map(({ workload, setups }) => [workload.name, setups])));

  for (const [asked, why] of [
    [{ only: ["publish-16k"], setups: ["filter", "rust"] }, "None of the work has the setup rust."],
    [{ only: ["publish-16"], setups: ["filter", "beside"] }, "None of the work has the setup beside."],
    [{ only: ["publish-16"], setups: ["envoy"], beside: "other.wasm" }, "None of the work has the setup beside."],
    [
      { only: ["publish-16", "publish-refused"], setups: ["envoy"] },
      "None of these --setups is one of publish-refused.",
    ],
  ] as const) {
    it(`is refused if it names what would get no turn, as ${JSON.stringify(asked)} does`, () => {
      assert.throws(
        () => jobsFor(asked),
        ({ name, message }: Error) => name === "Fault" && message.startsWith(`${why} Choose from these, dry-run, `),
      );
    });
  }

  const onRequest = ["publish-blanks", "publish-headers", "deliver-headers", "deliver-subscriptions"];

  it("is all work but that on request in all its setups, each in its order, where nothing is named", () => {
    const whole = WORKLOADS.filter(({ name }) => !onRequest.includes(name));
    assert.deepEqual(turns({}), Object.fromEntries(whole.map(({ name, setups }) => [name, [...setups]])));
    assert.deepEqual(Object.keys(turns({ setups: ["native"] })), Object.keys(turns({})));
  });

  it("has work on request where it is named, in turns with what it is compared with", () => {
    const only = ["publish-16", "publish-128", ...onRequest];
    const groups = jobsFor({ only, setups: ["envoy", "filter"] });
    assert.deepEqual(
      groups.map((group) => group.map(({ workload }) => workload.name)),
      [
        ["publish-16", "publish-blanks"],
        ["publish-128", "publish-headers"],
        ["deliver-headers", "deliver-subscriptions"],
      ],
    );
  });

  it("passes over work that was not named and has none of the setups", () => {
    const { "publish-16": publish, "publish-refused": refused } = turns({ setups: ["envoy"] });
    assert.deepEqual([publish, refused], [["envoy"], undefined]);
  });

  it("has the other build and what is on request behind istio-nats", () => {
    const only = ["publish-16"];
    assert.deepEqual(turns({ only, setups: ["envoy", "filter", "trial"], beside: "other.wasm" }), {
      "publish-16": ["envoy", "filter", "beside", "trial"],
    });
    assert.ok(turns({ only, beside: "other.wasm" })["publish-16"]?.includes("beside"));
  });

  it("does without peers that cannot be built, but is refused with the reasons if nothing else is left", () => {
    const peers = [{ name: "Rust", absent: "cargo could not start" }];
    const left = (setups: SetupName[]): unknown =>
      withoutAbsent(jobsFor({ only: ["publish-16"], setups }), peers)[0]?.[0]?.setups;
    assert.deepEqual(left(["filter", "rust"]), ["filter"]);
    assert.throws(() => left(["rust"]), /^Fault: Nothing is measured: .*\n {2}Rust: cargo could not start\n$/);
  });
});

describe("the results of `npm run bench` that the documents quote", () => {
  it("are written by a run of all work with at least its usual rounds, turns and time", () => {
    assert.deepEqual(lessThanWhole({ rounds: WHOLE.rounds, seconds: WHOLE.seconds }), []);
    assert.deepEqual(lessThanWhole({ rounds: 60, seconds: 2, minutes: 90 }), []);
  });

  it("stay as they are after a shorter run, or one of something else, which says by what", () => {
    assert.deepEqual(lessThanWhole({ rounds: 5, seconds: 0.01 }), ["--seconds 0.01 (a whole one has 0.25)"]);
    assert.deepEqual(lessThanWhole({ rounds: 4, seconds: 0.25, minutes: 1 }), [
      "--rounds 4 (a whole one has 5)",
      "--minutes 1 (a whole one has 9.3)",
    ]);
    for (const other of ["only", "setups"] as const)
      assert.deepEqual(lessThanWhole({ rounds: 5, seconds: 0.25, [other]: ["publish-16"] }), [`--${other}`]);
    assert.deepEqual(lessThanWhole({ rounds: 5, seconds: 0.25, beside: "other.wasm" }), ["--beside"]);
  });
});

describe("the micro bench's options", () => {
  for (const [option, value, why] of [
    ["rounds", "0.5", WHOLE_NUMBER],
    ["opens", "many", "It must be a whole number, at least 10."],
    ["opens", "9", "It must be a whole number, at least 10."],
    ["module", "nowhere/istio-nats.wasm", NO_FILE],
    ["module", "package.json", NO_MODULE],
    ["json", "nowhere/figures.json", NO_FOLDER],
    ["json", "bench", NO_FILE_NAME],
  ] as const) {
    it(`refuse --${option} ${value} before anything is measured`, () => {
      const stderr = refusal("micro/main.ts", [`--${option}`, value]);
      assert.match(stderr, new RegExp(`^error: option '--${option} <`));
      assert.ok(stderr.endsWith(` ${why}\n`), stderr);
    });
  }

  it("refuse what they do not know", () => {
    assert.equal(
      refusal("micro/main.ts", ["--round", "3"]),
      "error: unknown option '--round'\n(Did you mean --rounds?)\n",
    );
    assert.match(refusal("micro/main.ts", ["rules"]), /^error: too many arguments/);
  });

  for (const [option, told] of [
    ["--opens=10", "--opens <number>"],
    ["--no-telemetry", "--no-telemetry"],
  ] as const) {
    it(`refuse with --peers what the peers have no use for, as ${option}`, () => {
      assert.equal(
        refusal("micro/main.ts", ["--peers", option]),
        `error: option '--peers' cannot be used with option '${told}'\n`,
      );
    });
  }

  it("refuse an --only that no name has in it", () => {
    const stderr = refusal("micro/main.ts", ["--only", "PUBB", "--module", "build/istio-nats.wasm"]);
    assert.match(stderr, /^Nothing is measured: no name has "PUBB" in it\./);
  });

  it("say why nothing tells what connections hold in another build", () => {
    const stderr = refusal("micro/main.ts", ["--only", "opens", "--module", "build/istio-nats.wasm"]);
    assert.match(stderr, /^Nothing is measured: what connections hold .* Leave out --module\.\n$/);
  });

  for (const option of ["--peers", "--opens=10"]) {
    it(`refuse with --beside what compares something else, as ${option}`, () => {
      const stderr = refusal("micro/main.ts", ["--beside", "build/istio-nats.wasm", option]);
      assert.match(stderr, /^error: option '--.* cannot be used with option '--/);
    });
  }
});

describe("the memory bench's options", () => {
  for (const [option, value, why] of [
    ["workers", "0", WHOLE_NUMBER],
    ["rules", "many", WHOLE_NUMBER],
    ["connections", "9", "It must be a whole number, at least 10."],
    ["crowd", "9", "It must be a whole number, at least 10."],
    ["json", "bench", NO_FILE_NAME],
  ] as const) {
    it(`refuse --${option} ${value} before anything is measured`, () => {
      const stderr = refusal("memory/main.ts", [`--${option}`, value]);
      assert.match(stderr, new RegExp(`^error: option '--${option} <`));
      assert.ok(stderr.endsWith(` ${why}\n`), stderr);
    });
  }

  it("refuse more principals than have series of their own", () => {
    assert.match(
      refusal("memory/main.ts", ["--principals", "4097"]),
      /^error: .*It must be a whole number, at least 4 and at most 4096\.\n$/,
    );
  });

  it("refuse with --crowd what a crowd has no use for", () => {
    assert.equal(
      refusal("memory/main.ts", ["--crowd", "100", "--connections", "100"]),
      "error: option '--crowd <number>' cannot be used with option '--connections <number>'\n",
    );
  });
});

describe("the figures of a bench", () => {
  const micro = [inRoot("bench", "micro", "main.ts"), "--module", "build/istio-nats.wasm", "--rounds", "1"];
  const args = ["--import", "tsx", ...micro, "--only", "PING with its PONG, chunks of 64"];

  /** The exit status and stderr of a bench whose tables nobody reads. */
  async function unread(t: TestContext, more: readonly string[]): Promise<[status: number, stderr: string]> {
    const child = spawn(process.execPath, [...args, ...more], { cwd: inRoot(), timeout: PATIENCE });
    t.after(() => child.kill("SIGKILL"));
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    const [status] = (await once(child, "close")) as [number];
    return [status, stderr];
  }

  it("are written to a file even if nobody reads the tables, as behind `head`", async (t) => {
    const folder = makeScratch();
    t.after(() => removeScratch(folder));
    const file = join(folder, "figures.json");
    assert.deepEqual(await unread(t, ["--json", file]), [0, ""]);
    const { frames } = JSON.parse(readFileSync(file, "utf8")) as { frames: { label: string }[] };
    assert.deepEqual(
      frames.map(({ label }) => label),
      ["PING with its PONG, chunks of 64 KiB"],
    );
  });

  it("outlive the reader of its progress too, as behind `2>&1 | head`", async (t) => {
    const script =
      "import { outliveReader } from './bench/output.ts'; import { announce } from './tools/progress.ts';" +
      "outliveReader(true); for (let i = 0; i < 3; i++) { announce('x'); process.stdout.write('x\\n');" +
      "await new Promise((later) => setTimeout(later, 100)); } process.exitCode = 7;";
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      cwd: inRoot(),
      timeout: PATIENCE,
    });
    t.after(() => child.kill("SIGKILL"));
    child.stdout.destroy();
    child.stderr.destroy();
    assert.deepEqual(await once(child, "close"), [7, null]);
  });

  it("are not looked for by anybody without a file: a run whose tables nobody reads ends, which is no error", async (t) => {
    assert.deepEqual(await unread(t, []), [0, ""]);
  });

  it("are shown even if the disk is full when they are to be written, which is told in one line", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, "--json", "/dev/full"], {
      cwd: inRoot(),
      encoding: "utf8",
      timeout: PATIENCE,
    });
    assert.equal(status, 1);
    assert.match(stdout, /^PING with its PONG, chunks of 64 KiB /m);
    assert.equal(
      stderr,
      "\nENOSPC: no space left on device, write. Is the disk full, or may this folder not be written?\n",
    );
  });
});
