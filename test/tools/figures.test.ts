import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";

/** The run that is committed, or is about to be. Whoever runs the bench has another file, and no stale pages for that. */
const RESULTS = execFileSync("git", ["show", ":bench/RESULTS.md"], { cwd: inRoot(), encoding: "utf8" });

type Row = Record<string, string>;

/** The tables of a text, each as rows by their headings. */
function tablesOf(text: string): Row[][] {
  const cellsOf = (line: string): string[] =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("**", ""));
  return [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => {
    const [heads = [], , ...rows] = table.trimEnd().split("\n").map(cellsOf);
    return rows.map((cells) => Object.fromEntries(heads.map((head, i) => [head, cells[i] ?? ""])));
  });
}

function section(text: string, heading: string): string {
  const [, rest = ""] = text.split(new RegExp(`^#+ ${heading}$`, "m"));
  return rest.split(/^## /m)[0]!;
}

/** What a setup of the bench had for a work: the cell in a column of bench/RESULTS.md. */
function measured(work: string, setup: string, column: string): string {
  const [, text = ""] = RESULTS.split(`\n### ${work}\n`);
  const row = tablesOf(text.split("\n### ")[0]!)[0]?.find((one) => one["setup"] === setup);
  return row?.[column] ?? "";
}

/** What istio-nats and permissions add, by work. */
const BESIDE = new Map(
  tablesOf(section(RESULTS, "Beside nats-server's own permissions"))[0]!.map((row) => [row["work"]!, row]),
);

const AT_RANDOM = "publish 128 B, 1,000 subjects in random order";
const MANY_LENGTHS = "publish 16 B to 1 KiB, 1,000 subjects of many lengths in random order";
const REQUEST = "request and reply, one at a time, 128 B";

/** The works that the pages name in fewer words. */
const WORKS: Record<string, string> = {
  "publish 128 B, 1,000 subjects at random": AT_RANDOM,
  "the same of many lengths, 16 B to 1 KiB": MANY_LENGTHS,
  "deliveries, every second denied, 128 B": "deliveries, every second one denied, 128 B",
  "request and reply, 128 B": REQUEST,
  "request and reply, 128 B, one at a time": REQUEST,
  "JetStream publish, 128 B": "JetStream publish, 1,024 in flight, 128 B",
  "JetStream pull, acknowledged, 128 B": "JetStream pull and acknowledge, 128 B",
  "16 bytes": "publish 16 B",
  "128 bytes": "publish 128 B",
  "128 bytes on 1,000 subjects": AT_RANDOM,
  "16 bytes to 1 KiB on 1,000 subjects of many lengths": MANY_LENGTHS,
  "1 KiB": "publish 1 KiB",
  "16 KiB": "publish 16 KiB",
  "a request with its reply, one at a time": REQUEST,
};

/** `-5.8 ± 18` of `-5.8 ± 17.5`: a figure that a page rounds to whole numbers, or to two digits. */
function rounds(shown: string, exact: string): boolean {
  const parts = (text: string): string[] => text.replace(/^\+/, "").split(" ± ");
  const [few, many] = [parts(shown), parts(exact)];
  const number = (text: string): number => Number(text.replaceAll(",", ""));
  return (
    few.length === many.length &&
    few.every((part, i) => {
      const error = Math.abs(number(part) - number(many[i]!));
      return error <= 0.5 + 1e-9 && (part.includes(".") ? error <= 0.05 + 1e-9 : true);
    })
  );
}

const PERFORMANCE = readFileSync(inRoot("docs", "performance.md"), "utf8");

describe("the figures of docs/performance.md", () => {
  const MTLS = "Envoy, mTLS";
  const COLUMNS: Record<string, [setup: string, column: string]> = {
    "Envoy alone": [MTLS, "Envoy, ns"],
    "the filter adds": [`${MTLS}, istio-nats`, "to alone, ns"],
    "of that, any filter that reads adds": [`${MTLS}, reading filter`, "to alone, ns"],
    "rate left": [`${MTLS}, istio-nats`, "to alone"],
    "a filter that only reads": [`${MTLS}, reading filter`, "to alone, ns"],
    "istio-nats": [`${MTLS}, istio-nats`, "to alone, ns"],
    "its rate": [`${MTLS}, istio-nats`, "to alone"],
    Rust: [`${MTLS}, peer in Rust`, "to alone, ns"],
    Go: [`${MTLS}, peer in Go`, "to alone, ns"],
  };

  function assertRows(rows: readonly Row[], head: string, setups: (setup: string) => string): void {
    for (const row of rows) {
      const work = row[head]!;
      for (const [column, shown] of Object.entries(row)) {
        const [setup, of] = COLUMNS[column] ?? [];
        if (column === head || column === "why") continue;
        assert.ok(setup !== undefined, `a column of the table is unknown here: ${column}`);
        // A refused publish is compared with nothing.
        const exact = shown.endsWith(" in all")
          ? `${measured(WORKS[work] ?? work, setups(setup), "Envoy, ns")} in all`
          : measured(WORKS[work] ?? work, setups(setup), of!);
        assert.equal(shown, exact, `${work}, ${column}: bench/RESULTS.md has ${exact}`);
      }
    }
  }

  it("are in its first table those of bench/RESULTS.md", () => {
    const [rows = []] = tablesOf(section(PERFORMANCE, "In short"));
    assert.equal(rows.length, 6);
    assertRows(rows, "work", (setup) => setup);
  });

  it("are with and without mTLS those of bench/RESULTS.md", () => {
    const [mtls = [], plain = []] = tablesOf(section(PERFORMANCE, "The figures"));
    assert.ok(mtls.length > 14 && plain.length > 12);
    assertRows(mtls, "work", (setup) => setup);
    assertRows(plain, "work, no mTLS", (setup) => setup.replace("mTLS", "plain"));
  });

  it("are beside nats-server's own permissions those of bench/RESULTS.md", () => {
    const [, , rows = []] = tablesOf(section(PERFORMANCE, "The figures"));
    assert.equal(rows.length, BESIDE.size);
    for (const { work = "", ...shown } of rows) {
      const { "istio-nats adds, ns": filter, "permissions add, ns": permissions } =
        BESIDE.get(WORKS[work] ?? work) ?? {};
      assert.deepEqual(Object.values(shown), [filter, permissions], work);
    }
  });

  it("are of calls to the host those of bench/RESULTS.md", () => {
    const [rows = []] = tablesOf(section(PERFORMANCE, "At the host: by the callback, not by the message"));
    const calls = tablesOf(section(RESULTS, "What a call to the host costs"))[0]!;
    assert.equal(rows.length, 5);
    for (const row of rows) {
      const [call = "", shown] = Object.values(row);
      const exact = calls.find((one) => one["host call"] === call.replaceAll("`", ""));
      assert.equal(shown, exact?.["ns each"], call);
    }
  });
});

/** All numbers of a text, such as 2.4, -0.83 and 4.67 of `2.40 % (−0.83 to 4.67)`. */
function numbersOf(text: string): number[] {
  const found = text.matchAll(/(?<sign>[−-]?)(?<digits>\d[\d,]*(?:\.\d+)?)/g);
  return [...found].map(({ groups }) => {
    const { sign, digits } = groups as { sign: string; digits: string };
    return Number(digits.replaceAll(",", "")) * (sign === "" ? 1 : -1);
  });
}

describe("the targets of docs/performance.md", () => {
  const pages = section(PERFORMANCE, "What is not met, and why");
  // Tables of causes stand between those of targets.
  const rows = tablesOf(pages)
    .flat()
    .filter((row) => row["target"] !== undefined);
  const targets = new Map(tablesOf(section(RESULTS, "Targets"))[0]!.map((row) => [row["what"]!, row]));
  const history = readFileSync(inRoot("docs", "performance-history.md"), "utf8");
  const slowerRuns = new Map(
    tablesOf(section(history, "Runs of the bench"))[0]!.map((row) => [
      row["target"]!,
      numbersOf(row["slower machines, from the first run to the last"]!),
    ]),
  );

  const WHOLE = "random subjects: ×1.5 of all that Envoy takes for a repeated one";
  const OWN = "a refused publish: ×2, Envoy's own CPU";
  const RANDOM = "1,000 random subjects against a repeated one: CPU added";
  /** What bench/RESULTS.md calls a target that the page has in fewer words. */
  function inResults(target: string): string {
    const [work = ""] = target.split(": ");
    const rate = /^rate of (.*): ×/.exec(target);
    if (rate) return `publish ${rate[1]!}: rate`;
    if (/^\d+ [KM]?i?B: at most/.test(target)) return `publish ${work}: CPU added`;
    const names: Record<string, string> = {
      "random subjects": RANDOM,
      "a refused publish": `a refused publish against an allowed one: ${
        target === OWN ? "Envoy's own CPU" : "CPU of Envoy and nats-server"
      }`,
      "request and reply": target.includes("p99") ? "request and reply: p99 added" : `${REQUEST}: rate`,
      "queue group": "queue group of 4, 128 B: rate",
      "deliveries, half denied": "deliveries, every second one denied, 128 B: rate",
      "JetStream publish": "JetStream publish, 1,024 in flight, 128 B: rate",
      "JetStream pull": "JetStream pull and acknowledge, 128 B: rate",
    };
    return names[work] ?? `${work}, 128 B: rate`;
  }

  const measuredByBench = rows.filter((row) => !/^the largest policy|10,000 rules/.test(row["target"]!));

  it("have the figures of bench/RESULTS.md, and those of the host alone, and say which have five rounds", () => {
    assert.equal(measuredByBench.length, targets.size + 1);
    for (const row of measuredByBench) {
      // The second column is of the run that bench/RESULTS.md has.
      const [target = "", shown = ""] = Object.values(row);
      const exact = targets.get(inResults(target));
      assert.ok(exact !== undefined, `bench/RESULTS.md has no target ${inResults(target)}`);
      const [ours = "", host] = shown.replace(/, five rounds$/, "").split(/, reading (?:lines )?/);
      const beside = exact["beside it"]!;
      if (target === WHOLE) {
        assert.equal(ours, `×${numbersOf(beside)[0]!.toFixed(2)}`, target);
        continue;
      }
      assert.deepEqual(numbersOf(ours), numbersOf(exact["measured"]!), target);
      if (host !== undefined) assert.deepEqual(numbersOf(host), numbersOf(beside), `${target}: the host alone`);
      assert.equal(shown.endsWith(", five rounds"), exact["rounds"] === "5", target);
    }
  });

  it("have on slower machines the least and the greatest of the runs that docs/performance-history.md lists", () => {
    const named: Record<string, string> = {
      [OWN]: "the same, Envoy's own CPU",
      [WHOLE]: "the same of all that Envoy takes",
    };
    for (const row of measuredByBench) {
      const target = row["target"]!;
      const slower = slowerRuns.get(named[target] ?? target);
      assert.equal(slower?.length, 16, `docs/performance-history.md, ${target}`);
      const [shown = ""] = row["slower machines"]!.split(";");
      const range = target.startsWith("random subjects: ×1.5 of what") ? shown.split(", ")[0]! : shown;
      assert.deepEqual(numbersOf(range), [Math.min(...slower), Math.max(...slower)], target);
    }
  });
});

describe("the figures of README.md", () => {
  it("round those of bench/RESULTS.md", () => {
    const [rows = []] = tablesOf(section(readFileSync(inRoot("README.md"), "utf8"), "What it costs"));
    assert.equal(rows.length, 7);
    for (const { publish = "", ...shown } of rows) {
      const work = WORKS[publish] ?? "";
      const { "istio-nats adds, ns": filter = "", "permissions add, ns": permissions = "" } = BESIDE.get(work) ?? {};
      const exact = [measured(work, "Envoy, mTLS", "Envoy, ns"), filter, permissions];
      Object.values(shown).forEach((figure, i) => {
        assert.ok(rounds(figure, exact[i]!), `${publish}: ${figure}, and bench/RESULTS.md has ${exact[i]!}`);
      });
    }
  });
});

/** A range that a page has in few digits, such as `×0.95 to ×1.03`, is of these figures from the least to the greatest. */
function assertSpans(text: string, pattern: RegExp, figures: readonly string[]): void {
  const [, ...ends] = pattern.exec(text) ?? [];
  assert.equal(ends.length, 2, String(pattern));
  const values = figures.filter((figure) => figure !== "").map((figure) => Number.parseFloat(figure.replace("×", "")));
  for (const [i, exact] of [Math.min(...values), Math.max(...values)].entries()) {
    const half = ends[i]!.includes(".") ? 0.005 : 0.5;
    assert.ok(Math.abs(Number(ends[i]) - exact) <= half + 1e-9, `${String(pattern)}: ${exact}, not ${ends[i]!}`);
  }
}

describe("the ranges of docs/performance.md", () => {
  const history = readFileSync(inRoot("docs", "performance-history.md"), "utf8");
  const [, kept = []] = tablesOf(section(history, "Runs of the bench"));
  const [, noticed = []] = tablesOf(section(PERFORMANCE, "In short"));
  const added = (work: string): string => measured(work, "Envoy, mTLS, istio-nats", "to alone, ns");
  const rate = (work: string, setup = "mTLS, istio-nats"): string => measured(work, `Envoy, ${setup}`, "to alone");
  const permissions = (work: string): string => BESIDE.get(work)?.["permissions add, ns"] ?? "";

  for (const [what, row, column, pattern, rows, present] of [
    [
      "publishes at random add",
      /at random/,
      "Envoy takes more",
      /^(\d+) to (\d+) ns/,
      [0, 1],
      [AT_RANDOM, MANY_LENGTHS].map(added),
    ],
    [
      "permissions add to these",
      /at random/,
      "Envoy takes more",
      /permissions add (\d+) to (\d+) to nats-server/,
      [2, 3],
      [AT_RANDOM, MANY_LENGTHS].map(permissions),
    ],
    [
      "these keep of their rate",
      /at random/,
      "its rate",
      /^×([\d.]+) to ×([\d.]+) in single runs/,
      [4, 5],
      [AT_RANDOM, MANY_LENGTHS].map((work) => rate(work)),
    ],
    [
      "requests keep of their rate without mTLS",
      /^a request/,
      "its rate",
      /without mTLS ×([\d.]+) to ×([\d.]+)/,
      [6],
      [rate(REQUEST, "plain, istio-nats")],
    ],
    [
      "requests keep of their rate by a filter that reads",
      /^a request/,
      "its rate",
      /reads has ×([\d.]+) to ×([\d.]+)/,
      [7],
      [rate(REQUEST, "mTLS, reading filter")],
    ],
  ] as const) {
    it(`of what ${what} are those of the runs that the repository has had`, () => {
      const shown = noticed.find(({ work = "" }) => row.test(work))?.[column] ?? "";
      const earlier = rows.flatMap((i) => {
        const medians = numbersOf(kept[i]?.["medians, from the first commit to the last"] ?? "");
        assert.ok(medians.length >= 13);
        return medians.map(String);
      });
      assertSpans(shown, pattern, [...earlier, ...present]);
    });
  }
});

describe("the ranges of README.md", () => {
  const text = section(readFileSync(inRoot("README.md"), "utf8"), "What it costs").replaceAll(/\s+/g, " ");
  const works = [...RESULTS.matchAll(/^### (.*)$/gm)].map(([, work = ""]) => work);

  it("are of the rates of all work in bench/RESULTS.md, with mTLS and without", () => {
    const rates = (setup: string): string[] => works.map((work) => measured(work, `${setup}, istio-nats`, "to alone"));
    assertSpans(text, /with mTLS are ×([\d.]+) to ×([\d.]+) of those/, rates("Envoy, mTLS"));
    assertSpans(text, /without it, as in a waypoint, ×([\d.]+) to ×([\d.]+) \(/, rates("Envoy, plain"));
  });

  it("are of what small publishes take in bench/RESULTS.md, in this filter and in other languages", () => {
    const added = (setup: string): string[] =>
      ["publish 16 B", "publish 128 B", AT_RANDOM].map((work) =>
        measured(work, `Envoy, mTLS, ${setup}`, "to alone, ns"),
      );
    assertSpans(text, /this filter adds (\d+) to (\d+) to Envoy/, added("istio-nats"));
    assertSpans(text, /Rust filter adds (\d+) to (\d+)/, added("peer in Rust"));
    assertSpans(text, /in Go (\d+) to (\d+);/, added("peer in Go"));
  });
});

describe("the sessions that README.md counts", () => {
  it("are as many as docs/parity.md says, which the suite itself writes", () => {
    const [readme, parity] = [["README.md"], ["docs", "parity.md"]].map((path) =>
      readFileSync(inRoot(...path), "utf8"),
    );
    const numbers = (text = "", pattern: RegExp): number[] =>
      (pattern.exec(text) ?? []).slice(1).map((digits) => Number(digits.replaceAll(",", "")));
    const said = numbers(
      readme,
      /([\d,]+) sessions recorded .* in (\d+) families .* with ([\d,]+) operations[^]*? ([\d,]+) end\s+with the same bytes .* The other (\d+) are/,
    );
    const [recorded = 0, families, timed = 0, operations, alike, different] = numbers(
      parity,
      /([\d,]+) in (\d+) families and (\d+) that depend on time, with ([\d,]+) operations[^]*? ([\d,]+) end alike, (\d+) differ/,
    );
    assert.deepEqual(said, [recorded + timed, families, operations, alike, different]);
    assert.equal(recorded + timed, alike! + different!);
  });
});
