import assert from "node:assert/strict";
import { exec, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { binariesEnvironment } from "../../tools/binaries.ts";
import { inRoot } from "../../tools/paths.ts";
import { Story } from "../demo/story.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { waitFor } from "../stand/wait.ts";

/** The demo as a separate process. */
class Demo {
  readonly #child: ChildProcess;
  output = "";

  constructor(environment: Record<string, string>, ...args: string[]) {
    this.#child = spawn(process.execPath, ["--import", "tsx", inRoot("test", "demo", "main.ts"), ...args], {
      cwd: inRoot(),
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async status(): Promise<unknown> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "close");
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

/** What differs from run to run: ports, and the numbers of clients and connections. */
function withoutNumbers(line: string): string {
  return line.trimEnd().replace(/\d+/g, "#");
}

/** The lines of the demo that the README shows, without the ones that stand for what was left out. */
function shownInReadme(): string[] {
  const [, shown = ""] = /^\$ npm run demo\n([\s\S]*?)^```$/m.exec(readFileSync(inRoot("README.md"), "utf8")) ?? [];
  return shown.split("\n").filter((line) => line !== "" && line !== "…");
}

/** The command lines of running processes that contain `folder`. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // The process has ended meanwhile.
      }
    })
    .filter((line) => line.includes(folder));
}

describe("the demo", () => {
  let folder: string;
  let environment: Record<string, string>;

  before(async () => {
    folder = makeScratch();
    environment = { ...(await binariesEnvironment()), TMPDIR: folder };
  });

  after(() => {
    removeScratch(folder);
  });

  function assertNothingIsLeft(): void {
    assert.deepEqual(processesOf(folder), []);
    assert.deepEqual(
      readdirSync(folder).filter((entry) => entry.startsWith("istio-nats-")),
      [],
    );
  }

  it("shows what the policy allows and refuses on the wire, in stats and in the audit, and leaves nothing behind", async () => {
    const demo = new Demo(environment);
    assert.equal(await demo.status(), 0, demo.output);
    const lines = demo.output.split("\n").map((line) => line.trim());
    for (const pattern of [
      /^allowed .*shop\/workers received "3 lemons" on orders\.eu\.created$/,
      /^allowed .*the reply is "3 lemons, please: 4\.20 EUR"$/,
      /^refused .*Permissions Violation for Publish to "orders\.admin\.purge"$/,
      /^refused .*Permissions Violation for Publish with Reply of "orders\.admin\.purge"$/,
      /^refused .*Permissions Violation for Subscription to "orders\.>" using queue "spies"$/,
      /^refused {2}connect +Authorization Violation$/,
      /^allowed .*shop\/workers received "a trial" on orders\.admin\.purge$/,
      /^S: -ERR 'Permissions Violation for Publish to "orders\.admin\.purge"'$/,
      /^istio_nats_messages_total\{.*sa\/orders-api".*operation="PUB",subject="orders",verdict="allowed"\} 5$/,
      /^istio_nats_refusals_total\{.*sa\/orders-api".*operation="PUB",subject="orders",reason="denied",rule="orders-api"\} 2$/,
      /^istio_nats_dry_run_refusals_total\{.*operation="PUB",subject="orders",reason="denied",rule="[\w-]+"\} 1$/,
      /^\{.*"event":"refused".*"subject":"orders\.admin\.purge","rule":"orders-api"\}$/,
      /^✔ all \d+ observations are what the policy says$/,
    ]) {
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `no line matches ${String(pattern)} in\n${demo.output}`,
      );
    }
    const happened = new Set(demo.output.split("\n").map(withoutNumbers));
    const shown = shownInReadme();
    assert.ok(shown.length > 20, "the README shows the demo");
    for (const line of shown)
      assert.ok(happened.has(withoutNumbers(line)), `the README shows what is not true: ${line}`);
    assert.ok(!demo.output.includes("\u001b"), "colour codes without a terminal");
    assertNothingIsLeft();
  });

  it("stays up with --keep, with working nats commands, until it is interrupted, even twice", async () => {
    const demo = new Demo(environment, "--keep");
    try {
      const [subscribe = "", publish = ""] = await waitFor(
        "the commands",
        () => {
          const commands = ["sub .*--queue workers", "pub orders\\.eu\\.created hello"].flatMap(
            (command) => new RegExp(`^ *(\\S+ --server \\S+ ${command})$`, "m").exec(demo.output)?.[1] ?? [],
          );
          return commands.length === 2 ? commands : undefined;
        },
        { timeout: 120_000, explain: () => demo.output },
      );
      const subscriber = exec(`${subscribe} --count 1`, { cwd: folder });
      do {
        const { stderr } = await promisify(exec)(publish);
        assert.match(stderr, /Published 5 bytes to "orders\.eu\.created"/);
      } while (subscriber.exitCode === null);
      assert.equal(subscriber.exitCode, 0, subscribe);
      const [, audit = ""] = /^ *tail -f (\S+) \| grep/m.exec(demo.output) ?? [];
      assert.match(readFileSync(audit, "utf8"), /istio_nats_audit/);
      assert.notDeepEqual(processesOf(folder), []);
    } finally {
      demo.signal("SIGINT");
    }
    // From the process that has started it, which the terminal's Ctrl-C has reached too.
    await sleep(20);
    demo.signal("SIGINT");
    assert.equal(await demo.status(), 0, demo.output);
    assertNothingIsLeft();
  });

  it("reports an observation that the policy does not explain", async () => {
    let output = "";
    const story = new Story((text) => (output += text));
    const refused = { verdict: "refused", seen: "Permissions Violation" } as const;
    const allowed = { verdict: "allowed", seen: "no error" } as const;
    await story.attempt({ tries: "publish a", expected: refused, does: () => Promise.resolve(refused) });
    assert.deepEqual([story.kept, story.wrong], [1, 0]);
    await story.attempt({ tries: "publish b", expected: refused, does: () => Promise.resolve(allowed) });
    story.check("a count", [["PUB", 1]], [["PUB", 2]]);
    assert.deepEqual([story.kept, story.wrong], [1, 2]);
    assert.match(output, /✖ the policy says: refused, Permissions Violation\n/);
    assert.match(output, /✖ a count: \[\["PUB",1\]\], and should be \[\["PUB",2\]\]\n/);
  });
});
