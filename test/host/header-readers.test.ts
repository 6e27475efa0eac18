import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { usual } from "../../tools/suites/counts.ts";
import { askOracle } from "./oracle.ts";
import { compilePiece, type Piece } from "./piece.ts";
import { freshSeed } from "./random.ts";

/** `HeaderUse` of assembly/nats/header-uses.ts by the name of the header. */
const USES: Record<string, number> = {
  "Nats-Trace-Dest": 1,
  "Nats-Schedule-Target": 2,
  "Nats-Schedule-Source": 3,
  "Nats-Scheduler": 4,
  "Nats-Consumer-Stalled": 6,
  "Nmqtt-Subject": 7,
  "Nmqtt-Mapped": 7,
};
const ROLLUP_ALL = 5;
const ROLLUP_SUBJECT = 8;
/** The place among what is `later`. */
const SCHEDULE = 2;
const SEED = freshSeed();

interface Reading {
  values: Record<string, string>;
  rollup: string;
  traceDest: string | null;
}

interface ServerReading extends Reading {
  /** What it reads in what JetStream has made of the block: stored it, handed it out, taken it for a schedule, scheduled it. */
  later: Reading[];
}

const latin1 = (base64: string): string => Buffer.from(base64, "base64").toString("latin1");

/** What the server makes of each block. Values are latin-1, so that a character is a byte. */
function serverReads(blocks: string[]): ServerReading[] {
  const requests = blocks.map((block) => Buffer.from(block, "latin1"));
  const decoded = ({ values, rollup, traceDest }: Reading): Reading => ({
    values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, latin1(value)])),
    rollup,
    traceDest: traceDest === null ? null : latin1(traceDest),
  });
  return askOracle("headers", requests).map((answer) => {
    const reading = JSON.parse(Buffer.from(answer).toString()) as ServerReading;
    return { ...decoded(reading), later: reading.later.map(decoded) };
  });
}

/** nats-server traces to no other, and schedules to and from no other (sublist.go `IsValidPublishSubject`). */
function isPublishable(subject: string): boolean {
  return subject.split(".").every((token) => /^[^\t\n\f\r ]+$/.test(token) && token !== "*" && token !== ">");
}

describe(`header blocks, compared with nats-server's readers, TEST_SEED=${SEED}`, () => {
  let piece: Piece;

  before(async () => {
    piece = await compilePiece(
      `import { headerFields, isMalformed } from "./assembly/nats/headers";
       export function isOpen(pointer: usize, length: i32): bool { return isMalformed(pointer, length); }
       export function begin(pointer: usize, length: i32): void { headerFields.begin(pointer, length); }
       export function next(): i32 { return headerFields.next(); }
       export function value(): usize { return headerFields.value; }
       export function valueLength(): i32 { return headerFields.valueLength; }`,
      4,
    );
  });

  /** Is the block refused because it does not end with an empty line? */
  function isOpen(block: string): boolean {
    piece.write(piece.free, Buffer.from(block, "latin1"));
    return piece.exports["isOpen"]!(piece.free, block.length) !== 0;
  }

  /** The filter's reading: the values of each use, in order. */
  function weRead(block: string): Map<number, string[]> {
    piece.write(piece.free, Buffer.from(block, "latin1"));
    piece.exports["begin"]!(piece.free, block.length);
    const found = new Map<number, string[]>();
    for (;;) {
      const use = piece.exports["next"]!();
      if (use === 0) return found;
      const value = piece.read(piece.exports["value"]!(), piece.exports["valueLength"]!()).toString("latin1");
      assert.ok(value.length > 0);
      const values = found.get(use);
      if (values) values.push(value);
      else found.set(use, [value]);
    }
  }

  const soup = ((): fc.Arbitrary<string> => {
    const fragments = [
      ...Object.keys(USES).flatMap((name) => [name, `\r\n${name}: `, `\r\n${name}:`]),
      ...["NATS/1.0\r\n", "\r\n", "\r\n\r\n", "\r", "\n", ":", ": ", " ", "\t", "a.b", "x", "\xff", "\0"],
      ...["\r\nNats-Rollup: ", "Nats-Rollup", "all", "ALL", "aLl", "sub", "Nats-Schedule", "trace disabled", "N"],
      ...["traceparent: 00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01\r\n", "nats-trace-dest: y\r\n"],
    ];
    return fc.array(fc.constantFrom(...fragments), { maxLength: 14 }).map((parts) => parts.join(""));
  })();
  const begun = soup.map((rest) => `NATS/1.0\r\n${rest}`);

  it("never miss what the server acts on, however broken the block is", () => {
    const blocks = fc.sample(fc.oneof(soup, begun), { numRuns: usual(100_000), seed: SEED });
    let acted = 0;
    for (const [i, server] of serverReads(blocks).entries()) {
      const block = blocks[i]!;
      const ours = weRead(block);
      const expected: [number, string][] = Object.entries(server.values).map(([name, value]) => [USES[name]!, value]);
      if (server.traceDest !== null) expected.push([USES["Nats-Trace-Dest"]!, server.traceDest]);
      for (const [use, value] of expected) {
        if (value === "") continue;
        acted++;
        assert.ok(
          ours.get(use)?.includes(value),
          `use ${use} misses ${JSON.stringify(value)} in ${JSON.stringify(block)}`,
        );
      }
      if (server.rollup === "all") {
        acted++;
        assert.ok(ours.has(ROLLUP_ALL), `rollup missed in ${JSON.stringify(block)}`);
      }
      if (server.rollup === "sub") {
        acted++;
        assert.ok(ours.has(ROLLUP_SUBJECT), `rollup missed in ${JSON.stringify(block)}`);
      }
    }
    assert.ok(acted > usual(50_000), `only ${acted} values were compared`);
  });

  it("never miss what the server acts on later, when JetStream has changed the block", () => {
    const withStatus = soup.map((rest) => `NATS/1.0 100 x\r\n${rest}`);
    const open = fc.oneof(soup, begun, withStatus);
    const closed = open.map((block) => `${block}\r\n\r\n`);
    const samples = fc.sample(fc.oneof(open, closed, closed), { numRuns: usual(100_000), seed: SEED });
    const blocks = samples.filter((block) => !isOpen(block));
    let acted = 0;
    for (const [i, { later }] of serverReads(blocks).entries()) {
      const block = blocks[i]!;
      const ours = weRead(block);
      for (const [stage, { values, rollup, traceDest }] of later.entries()) {
        const found: [number, string][] = Object.entries(values).map(([name, value]) => [USES[name]!, value]);
        for (const [use, value] of found) {
          if (value === "") continue;
          // Of a schedule, which is not looked at again once it is stored, we say that its value is going to be another.
          const goes = use === USES["Nats-Schedule-Target"] || use === USES["Nats-Schedule-Source"];
          const isSchedule = stage === SCHEDULE && goes;
          if (!isPublishable(value) && !(isSchedule && ours.has(use))) continue;
          acted++;
          assert.ok(ours.get(use)?.includes(value), `use ${use}: ${JSON.stringify(value)} in ${JSON.stringify(block)}`);
        }
        if (traceDest !== null && isPublishable(traceDest)) {
          acted++;
          const traced = ours.get(USES["Nats-Trace-Dest"]!);
          assert.ok(traced?.includes(traceDest), `trace to ${JSON.stringify(traceDest)} in ${JSON.stringify(block)}`);
        }
        if (rollup === "all") assert.ok(ours.has(ROLLUP_ALL), `rollup missed in ${JSON.stringify(block)}`);
      }
    }
    assert.ok(acted > usual(50_000), `only ${acted} values were compared`);
  });

  it("yield exactly what the server acts on if each header is on a line of its own, once", () => {
    const lookalikes = [
      "Nats-Trace-Destination",
      "nats-scheduler",
      "X-Nats-Rollup",
      "Nats-Msg-Id",
      "Nmqtt-Pub",
      "N",
      "A",
    ];
    const value = fc.constantFrom(
      "a.b",
      "*",
      ">",
      "a b",
      "x:y",
      "Nats-Scheduler: a",
      "all",
      "All",
      "sub",
      "",
      "  lead",
      "trail  ",
      "\ttab\t",
      "a\nb",
    );
    const line = fc.tuple(
      fc.constantFrom(...Object.keys(USES), ...lookalikes, "Nats-Rollup"),
      fc.constantFrom("", " ", "  "),
      value,
    );
    const block = fc
      .uniqueArray(line, { selector: ([name]) => name, maxLength: 8 })
      .map((lines) => `NATS/1.0\r\n${lines.map(([name, blank, text]) => `${name}:${blank}${text}\r\n`).join("")}\r\n`);
    const blocks = fc.sample(block, { numRuns: usual(30_000), seed: SEED });
    for (const [i, server] of serverReads(blocks).entries()) {
      const expected = new Map<number, string[]>();
      const values = {
        ...server.values,
        ...(server.traceDest === null ? {} : { "Nats-Trace-Dest": server.traceDest }),
      };
      for (const [name, text] of Object.entries(values)) {
        if (text !== "") expected.set(USES[name]!, [...(expected.get(USES[name]!) ?? []), text]);
      }
      const ours = weRead(blocks[i]!);
      const rollup = ours.get(ROLLUP_ALL);
      const ofSubject = ours.get(ROLLUP_SUBJECT);
      ours.delete(ROLLUP_ALL);
      ours.delete(ROLLUP_SUBJECT);
      const sorted = (found: Map<number, string[]>) => [...found].map(([use, all]) => [use, [...all].sort()]).sort();
      assert.deepEqual(sorted(ours), sorted(expected), JSON.stringify(blocks[i]));
      assert.equal(rollup !== undefined, server.rollup === "all", JSON.stringify(blocks[i]));
      assert.ok(ofSubject !== undefined || server.rollup !== "sub", JSON.stringify(blocks[i]));
    }
  });
});
