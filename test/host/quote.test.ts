import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { inRoot } from "../../tools/paths.ts";
import { askOracle, runGo } from "./oracle.ts";
import { compilePiece, type Piece } from "./piece.ts";

const LAST_RUNE = 0x10ffff;
const RUNES_AT_ONCE = 4096;
const GROWTH = 4;

/** UTF-8 of any number up to U+10FFFF, including surrogates, which no encoder of JavaScript writes. */
function utf8(rune: number): number[] {
  if (rune < 0x80) return [rune];
  if (rune < 0x800) return [0xc0 | (rune >> 6), 0x80 | (rune & 63)];
  if (rune < 0x10000) return [0xe0 | (rune >> 12), 0x80 | ((rune >> 6) & 63), 0x80 | (rune & 63)];
  return [0xf0 | (rune >> 18), 0x80 | ((rune >> 12) & 63), 0x80 | ((rune >> 6) & 63), 0x80 | (rune & 63)];
}

describe("quoting, compared with Go's %q", () => {
  let piece: Piece;

  before(async () => {
    piece = await compilePiece(`export { writeQuoted } from "./assembly/nats/quote";`, 4);
  });

  function quoted(text: Uint8Array): Buffer {
    const out = piece.free + text.length;
    piece.write(piece.free, text);
    const written = piece.exports["writeQuoted"]!(piece.free, text.length, out);
    assert.ok(written <= text.length * GROWTH, `length of ${Buffer.from(text).toString("hex")}`);
    return piece.read(out, written);
  }

  function compare(texts: Uint8Array[]): void {
    const answers = askOracle("quote", texts);
    for (const [i, text] of texts.entries()) {
      const ours = quoted(text);
      if (!ours.equals(answers[i]!))
        assert.equal(ours.toString(), Buffer.from(answers[i]!).toString(), `quote of ${text.join(" ")}`);
    }
  }

  it("uses the printable runes of the pinned Go", () => {
    runGo(["./printable", "check", inRoot("assembly", "nats", "printable.ts")]);
  });

  it("is the same for every code point", () => {
    const texts: Uint8Array[] = [];
    for (let first = 0; first <= LAST_RUNE; first += RUNES_AT_ONCE) {
      texts.push(Uint8Array.from(Array.from({ length: RUNES_AT_ONCE }, (_, i) => utf8(first + i)).flat()));
    }
    compare(texts);
  });

  it("is the same for every one and two bytes", () => {
    const texts: Uint8Array[] = [];
    for (let a = 0; a < 256; a++) {
      texts.push(Uint8Array.of(a));
      for (let b = 0; b < 256; b++) texts.push(Uint8Array.of(a, b));
    }
    compare(texts);
  });

  it("is the same for bytes at the edges of valid UTF-8", () => {
    const edges = [0x00, 0x22, 0x41, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
    edges.push(0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
    const texts: Uint8Array[] = [];
    for (const a of edges) {
      for (const b of edges) {
        for (const c of edges) for (const d of edges) texts.push(Uint8Array.of(a, b, c, d));
      }
    }
    compare(texts);
  });

  it("is the same for random text cut and mixed with random bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 40 }).map((s) => Buffer.from(s));
    const mixed = fc
      .array(fc.oneof(text, fc.uint8Array({ maxLength: 8 })), { maxLength: 6 })
      .chain((parts) => fc.nat(8).map((cut) => Buffer.concat(parts).subarray(cut)));
    compare(fc.sample(mixed, { numRuns: 20_000, seed: 20_260_801 }));
  });
});
