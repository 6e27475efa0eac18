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
