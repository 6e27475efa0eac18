import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HostCall } from "../../bench/host-calls.ts";
import type { Measured, Round } from "../../bench/measure.ts";
import {
  hostCallTable,
  languageTable,
  machineTable,
  observedTable,
  permissionsTable,
  shareTable,
  targetTable,
  workloadTable,
} from "../../bench/report.ts";
import { resultsMarkdown, warnings } from "../../bench/results-file.ts";
import { ON_REQUEST, type SetupName } from "../../bench/setups.ts";
import { estimate } from "../../bench/statistics.ts";
import type { Table } from "../../bench/table.ts";
import { verdicts } from "../../bench/targets.ts";
import { WORKLOADS } from "../../bench/workloads.ts";

/** CPU times of Envoy and of nats-server, round by round. */
type Costs = [envoy: number, nats: number][];

function work(setups: Partial<Record<SetupName, Costs>>): Measured {
  const rounds = (costs: Costs): Round[] =>
    costs.map(([envoyCpu, natsCpu]) => ({ seconds: 1, rate: 1000 / natsCpu, envoyCpu, natsCpu, loadCpu: 10 }));
  const calls = { perOperation: 1, bytes: 100 };
  return {
    workload: "publish-16",
    title: "publish 16 B",
    operation: "publish",
    messages: 1,
    fewer: {},
    setups: Object.fromEntries(Object.entries(setups).map(([name, costs]) => [name, rounds(costs)])),
    callbacks: { toServer: calls, toClient: calls },
  };
}

/** Rounds that all had the same costs, and further ones in which Envoy took `later`. */
function costs(envoy: number, nats = 100, further = 0, later = envoy): Costs {
  return [
    ...Array.from({ length: 5 }, (): Costs[number] => [envoy, nats]),
    ...Array.from({ length: further }, (): Costs[number] => [later, nats]),
  ];
}

/** The cell of a column in a table's row. */
function cell({ columns, rows }: Table, column: string, row = 0): string | undefined {
  const at = columns.findIndex((name) => name.replace(/>$/, "") === column);
  assert.ok(at >= 0, `${column} is not among ${columns.join(", ")}`);
  return rows[row]?.[at];
}

describe("the bench's report", () => {
  it("computes where the time goes from the rounds that all setups had, so that the parts belong to the same whole", () => {
    const measured = work({
      envoy: costs(20, 100, 15, 20),
      empty: costs(22),
      reading: costs(30, 100, 15, 60),
      filter: costs(40, 100, 15, 90),
    });
    const table = shareTable([measured], []);
    assert.equal(cell(table, "rounds"), "5");
    assert.equal(cell(table, "added, ns"), "+20.0 ± 0.0");
    const parts = ["calling", "reading", "inside Wasm"].map((column) => cell(table, column));
    assert.deepEqual(parts, ["+2.0 ± 0.0", "+8.0 ± 0.0", "+10.0 ± 0.0"]);
  });

  it("estimates what reads take by the host calls that the same run has measured", () => {
    const call = (name: string, value: number): HostCall => ({ name, cost: estimate([value]) });
    const calls = [call("get_buffer_bytes, 16 B", 600.4), call("get_buffer_bytes, 16 KiB", 600.4 + 0.025 * 16_368)];
    const measured = work({ envoy: costs(20), empty: costs(22), reading: costs(30), filter: costs(40) });
    // One call of 100 bytes each way.
    assert.equal(cell(shareTable([measured], calls), "reads, by unit costs"), "1,205");
    assert.equal(cell(shareTable([measured], []), "reads, by unit costs"), "");
    assert.deepEqual(hostCallTable(calls).rows[0], ["get_buffer_bytes, 16 B", "600.4", "600.4 to 600.4"]);
  });

  it("states after a comparison how many rounds it has, if they are fewer than its row's", () => {
    const measured = work({ envoy: costs(20, 100, 15), empty: costs(22), filter: costs(40, 100, 15) });
    const row = (column: string): string | undefined => cell(workloadTable(measured), column, 2);
    assert.equal(row("rounds"), "20");
    assert.equal(row("to alone, ns"), "+20.0 ± 0.0");
    assert.equal(row("to empty, ns"), "+18.0 ± 0.0 (5)");
  });

  it("gives no spread to a comparison of a single round", () => {
    const once = work({ envoy: [[20, 100]], filter: [[40, 100]] });
    assert.equal(cell(workloadTable(once), "to alone, ns", 1), "+20.0");
  });

  it("also shows the peers' costs and their ratio, by the rounds that the peers had", () => {
    const measured = work({ envoy: costs(20, 100, 15), filter: costs(40, 100, 15, 90), rust: costs(70) });
    const table = languageTable([measured]);
    assert.equal(cell(table, "rounds"), "5");
    assert.equal(cell(table, "istio-nats, ns"), "+20.0 ± 0.0");
    assert.equal(cell(table, "Rust, ns"), "+50.0 ± 0.0");
    assert.equal(cell(table, "Rust to istio-nats"), "×2.50 (2.50 to 2.50)");
    assert.equal(cell(table, "Go to istio-nats"), "");
  });

  it("compares what has more to observe with istio-nats as it is, in the rounds that all of them had", () => {
    const measured = work({
      envoy: costs(20, 100, 15, 20),
      filter: costs(30, 100, 15, 90),
      "dry-run": costs(33, 125),
    });
    const table = observedTable([measured]);
    assert.deepEqual(table.rows, [
      ["publish 16 B", "Envoy, mTLS, in DRY_RUN", "5", "+10.0 ± 0.0", "+13.0 ± 0.0", "+3.0 ± 0.0", "×0.800"],
    ]);
    assert.deepEqual(observedTable([work({ envoy: costs(20), filter: costs(30) })]).rows, []);
  });

  it("has nothing of the setups on request in a whole run", () => {
    assert.deepEqual(
      WORKLOADS.flatMap(({ setups }) => setups.filter((name) => ON_REQUEST.includes(name))),
      [],
    );
  });

  it("states for each setup and each target how many rounds its figures have", () => {
    const measured = work({ envoy: costs(20, 100, 15), empty: costs(22), filter: costs(40, 100, 15) });
    assert.deepEqual(
      workloadTable(measured).rows.map(([, rounds]) => rounds),
      ["20", "5", "20"],
    );
    assert.equal(cell(targetTable(verdicts([measured])), "rounds"), "20");
  });

  it("sets what istio-nats adds to Envoy and nats-server beside what nats-server's own permissions add to it", () => {
    const measured = work({
      direct: costs(0, 90),
      native: costs(0, 105),
      envoy: costs(20, 100, 5),
      filter: costs(42, 101, 5, 80),
    });
    const table = permissionsTable([measured, work({ envoy: costs(20), filter: costs(40) })]);
    assert.equal(table.rows.length, 1);
    assert.equal(cell(table, "rounds"), "5");
    assert.equal(cell(table, "istio-nats adds, ns"), "+23.0 ± 0.0");
    assert.equal(cell(table, "permissions add, ns"), "+15.0 ± 0.0");
  });

  it("compares nats-server over plain TCP with plain Envoy, and with nothing if that had no turn", () => {
    const encrypted = work({ direct: costs(0, 100), native: costs(0, 125), envoy: costs(20, 200) });
    const setups = { ...encrypted.setups, ...work({ "plain-envoy": costs(10, 110) }).setups };
    const toAlone = (measured: Measured): (string | undefined)[] =>
      [0, 1].map((row) => cell(workloadTable(measured), "to alone", row));
    assert.deepEqual(toAlone(encrypted), ["", ""]);
    assert.deepEqual(toAlone({ ...encrypted, setups }), ["×1.100", "×0.880"]);
  });

  it("says that hardly anybody else was on the machine only where that is so", () => {
    const unsteady = [work({ envoy: [100, 90, 110, 80, 120].map((cpu) => [cpu, 1]) })];
    const said = (others: number, workloads: Measured[]): string =>
      warnings({ disturbance: { others, stolen: 0, loadAverage: 1 }, workloads }).join("");
    assert.equal(said(0, [work({ envoy: costs(100) })]), "");
    assert.match(said(0, unsteady), /reported hardly any other\sload/);
    assert.match(said(0.5, unsteady), /Other processes were busy[^]*changed from round to round/);
    assert.doesNotMatch(said(0.5, unsteady), /hardly any other/);
  });

  const machine = {
    ...{ date: "", cpu: "a CPU", cores: 4, usable: 4, memory: 1, system: "", envoy: "", natsServer: "", go: "" },
    ...{ node: "", moduleSize: 1 },
  };
  const disturbance = { others: 0, stolen: 0, loadAverage: 1 };
  const ran = {
    disturbance,
    plan: { rounds: 5, seconds: 0.25 },
    took: 1,
    hostCalls: [],
    peers: [],
    targets: [],
    failures: [],
  };
  const fact = (name: string, results: Parameters<typeof machineTable>[0]): string | undefined =>
    machineTable(results).rows.find(([what]) => what === name)?.[1];

  it("begins with what has no figures where something failed, so that nobody takes it for a whole one", async () => {
    const workloads = [work({ envoy: costs(20), filter: costs(30) })];
    const results = { ...ran, machine, workloads };
    const failure = { workload: "queue", title: "queue group of 4", reason: "queue by filter: EOF\n[warning] a log" };
    const text = await resultsMarkdown({ ...results, failures: [failure] }, "bench/RESULTS.md");
    assert.match(text, /^# Results of an incomplete run of `npm run bench`\n\n\*\*Only 1 of 2 works have figures here/);
    assert.match(text, /\n- queue group of 4: queue by filter: EOF\n\n.*`npm run bench -- --only queue`/);
    assert.doesNotMatch(text, /a log|The bench writes this file/);
    assert.match(text, /^### publish 16 B$/m);
    const last = { title: "single calls to the host", reason: "EOF" };
    assert.match(
      await resultsMarkdown({ ...results, failures: [last] }, "bench/RESULTS.md"),
      /\*\*All work has figures/,
    );
    assert.match(
      await resultsMarkdown(results, "bench/RESULTS.md"),
      /^# Results of `npm run bench`\n\nThe bench writes this file/,
    );
  });

  it("says of how many cores the run could use only some", () => {
    const said = (usable: number): string | undefined =>
      fact("CPU", { ...ran, machine: { ...machine, usable }, workloads: [] });
    assert.equal(said(4), "a CPU, 4 cores");
    assert.equal(said(1), "a CPU, 1 of 4 cores");
  });

  it("says of which cores others took a share", () => {
    const said = (usable: number): string | undefined =>
      fact("other processes took", { ...ran, machine: { ...machine, usable }, workloads: [] });
    assert.equal(said(4), "0.0 % of the machine, other machines 0.0 %");
    assert.equal(said(1), "0.0 % of these cores, other machines 0.0 %");
  });

  it("speaks of further rounds only if some work got them", () => {
    const said = (workloads: Measured[]): string | undefined => fact("rounds", { ...ran, machine, workloads });
    assert.equal(said([work({ envoy: costs(1) })]), "5, of about 0.25 s for each setup");
    assert.equal(
      said([work({ envoy: costs(1, 1, 4) })]),
      "5, of about 0.25 s for each setup; up to 9 where targets wanted more",
    );
  });
});
