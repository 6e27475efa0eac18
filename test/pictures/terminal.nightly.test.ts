import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { sourceList } from "../../tools/source-constant.ts";
import { quantile } from "../demo/dashboard-numbers.ts";
import { Screen, sparkline } from "../demo/dashboard-screen.ts";
import type { Sample } from "../stand/prometheus.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";

/** For the stand's start, each step of which has its own patience, and then for Envoy's histograms. */
const DEMO_PATIENCE = 4 * PATIENCE;

/** Python's pty module gives a program a terminal of its own, and passes on what it writes there. */
const PSEUDO_TERMINAL = ["python3", "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"];

/** What the key sends. The terminal turns it into SIGINT. */
const CTRL_C = "\u0003";

const DEMO = [process.execPath, "--import", "tsx", inRoot("test", "demo", "main.ts"), "--dashboard"];

interface Watched {
  output: () => string;
  child: ChildProcess;
  ended: Promise<number | null>;
}

function watch(command: readonly string[]): Watched {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], cwd: inRoot() });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { output: () => Buffer.concat(chunks).toString(), child, ended };
}

/** The last complete screen. Each ends with the source of its numbers. */
function lastScreen(output: string): string {
  return output.split("until Ctrl-C").at(-2) ?? "";
}

/** The cells of the line that begins with `title`. */
function cellsOf(screen: string, title: string): string[] {
  const line = screen.split("\n").find((text) => text.startsWith(title)) ?? "";
  return line.slice(title.length).trim().split(/\s+/);
}

describe("npm run demo -- --dashboard", () => {
  it("shows who does what into a pipe, screen by screen, until it is interrupted", async () => {
    const { output, child, ended } = watch(DEMO);
    try {
      const screen = await waitFor(
        "a screen with a refusal and a latency",
        () => {
          const last = lastScreen(output());
          const refused = /^orders-api +shop\/orders-api +PUB +denied +[1-9]/m.test(last);
          // Envoy updates histograms every five seconds.
          return refused && Number(cellsOf(last, "shop/orders-api")[3]) > 0 && last;
        },
        { timeout: DEMO_PATIENCE, explain: output },
      );
      assert.match(screen, /^istio-nats {2}3 connections {2}\d+ subscriptions/m);
      assert.match(screen, /^policy in force: .*ENFORCE [0-9a-f]{16}/m);
      // orders-api publishes and sends requests. The auditor only receives.
      for (const client of ["shop/orders-api", "shop/workers", "audit/auditor"]) {
        assert.ok(Number(cellsOf(screen, client)[0]) > 1, `${client} in\n${screen}`);
      }
      assert.ok(Number(cellsOf(screen, "orders ")[0]) > 1, "the subject class of the policy");
      assert.ok(!output().includes("\u001b"), "a pipe gets no escape sequences");
      for (const line of screen.split("\n")) assert.ok(line.length <= 80, line);
    } finally {
      child.kill("SIGINT");
    }
    assert.equal(await ended, 0);
  });

  it("draws each screen over the one before on a terminal", async () => {
    const { output, child, ended } = watch([...PSEUDO_TERMINAL, ...DEMO]);
    try {
      const screens = (): number => output().split("\u001b[H").length;
      await waitFor("three screens", () => screens() > 4, { timeout: DEMO_PATIENCE, explain: output });
      child.stdin?.write(CTRL_C);
      assert.equal(await ended, 0);
    } finally {
      // Ends the terminal, and with it what runs there. Does nothing if that has ended.
      child.kill();
    }
    assert.ok(lastScreen(output()).includes("policy in force"));
  });

  it("shows how long requests take now, and not since Envoy started", () => {
    const reading = (fast: number, slow: number): Sample[] =>
      Object.entries({ 1: fast, 100: fast, 250: fast + slow, "+Inf": fast + slow }).map(([le, value]) => ({
        name: "istio_nats_request_duration_milliseconds_bucket",
        labels: { le },
        value,
      }));
    const p50 = (earlier: Sample[], now: Sample[]): number | undefined =>
      quantile({ earlier, now }, "istio_nats_request_duration_milliseconds", 0.5);
    assert.ok(p50([], reading(1_000, 10))! < 1);
    assert.equal(p50(reading(1_000, 0), reading(1_000, 10)), 175);
    assert.equal(p50(reading(1_000, 10), reading(1_000, 10)), undefined);
  });

  it("shows each reason of a refusal and each kind of unreadable stream within 80 columns, in full", () => {
    const reasons = sourceList("policy/reason.ts", "REASON_NAMES");
    const kinds = sourceList("telemetry/protocol-error.ts", "PROTOCOL_ERROR_NAMES");
    const client = "spiffe://cluster.local/ns/a-long-namespace/sa/a-long-service-account";
    const sample = (name: string, labels: Record<string, string>): Sample => ({
      name,
      labels: { source_principal: client, ...labels },
      value: 123_456,
    });
    const now = [
      ...reasons.map((reason) =>
        sample("istio_nats_refusals_total", { reason, operation: "CONNECT", rule: "a-rule-with-quite-a-long-name" }),
      ),
      ...kinds.map((kind) => sample("istio_nats_protocol_errors_total", { kind })),
    ];
    const lines = new Screen().draw({ earlier: [], before: [], now, seconds: 1 });
    for (const line of lines) assert.ok(line.length <= 80, line);
    for (const name of [...reasons, ...kinds]) {
      const line = lines.find((text) => text.split(/\s+/).includes(name)) ?? "";
      assert.match(line, reasons.includes(name) ? /account .*123456$/ : /^a-long-namespace\/.*123456$/, name);
    }
  });

  it("draws a curve between nothing and the highest value", () => {
    assert.equal(sparkline([0, 1, 2, 4, 8]), "▁▂▃▅█");
    assert.equal(sparkline([0, 0]), "▁▁");
    assert.equal(sparkline([]), "");
  });
});
