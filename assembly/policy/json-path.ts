import { isWordCharacter } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { textOf } from "../bytes/json";
import { quoted } from "./faults";

/** UTF-16 units of the longest key that stands in a path as it is. A longer one is none of ours, and `quoted` may cut it. */
const MAX_PLAIN_KEY: i32 = 64;

function isPlainKey(key: string): bool {
  if (key.length == 0 || key.length > MAX_PLAIN_KEY) return false;
  for (let i = 0; i < key.length; i++) {
    if (!isWordCharacter(key.charCodeAt(i))) return false;
  }
  return true;
}

/** One step down into a document. */
class Segment {
  /** Of an object, where the text of the key in hand begins; 0 before the first key and of an array. */
  keyStart: usize = 0;
  keyEnd: usize = 0;
  keyHasEscapes: bool = false;
  /** Of an array, the place of the element in hand; of an object -1. */
  index: i32 = -1;
  /** Of an object, those of its known keys that have been met: bit i is known key i. */
  met: u64 = 0;

  /** The text of the key in hand. */
  get key(): string {
    return textOf(this.keyStart, this.keyEnd, this.keyHasEscapes);
  }
}

/**
 * Where in a document the reader stands. Text is made of it only for a fault,
 * so that a sound configuration of 10,000 rules pays for none.
 */
export class JsonPath {
  // Segments are kept when they are left, so that going down into the next rule allocates nothing.
  private segments: Segment[] = [];
  private depth: i32 = 0;

  /** Goes down into the object or array that has just begun. */
  enter(): void {
    if (this.depth == this.segments.length) this.segments.push(new Segment());
    const segment = this.segments[this.depth++];
    segment.keyStart = 0;
    segment.index = -1;
    segment.met = 0;
  }

  /** Goes up again, after its end. */
  leave(): void {
    if (this.depth > 0) this.depth--;
  }

  /** The object just entered is before its first key again, as far as a fault is concerned. */
  leaveKey(): void {
    if (this.depth > 0) this.segments[this.depth - 1].keyStart = 0;
  }

  /** The text of the key in hand, which must stay where it lies as long as the path may be asked for. */
  setKey(start: usize, end: usize, hasEscapes: bool): void {
    if (this.depth == 0) return;
    const segment = this.segments[this.depth - 1];
    segment.keyStart = start;
    segment.keyEnd = end;
    segment.keyHasEscapes = hasEscapes;
  }

  /** Is known key `place` (less than 64) of the object in hand met for the first time? */
  meet(place: i32): bool {
    if (this.depth == 0) return true;
    const segment = this.segments[this.depth - 1];
    const bit: u64 = (<u64>1) << place;
    if ((segment.met & bit) != 0) return false;
    segment.met |= bit;
    return true;
  }

  /** Moves to the next element of the array just entered; answers its place. */
  nextIndex(): i32 {
    if (this.depth == 0) return -1;
    return ++this.segments[this.depth - 1].index;
  }

  /** As `rules[3].publish.allow[0]`; "" for the document itself. */
  toString(): string {
    let text = "";
    for (let i = 0; i < this.depth; i++) {
      const segment = this.segments[i];
      if (segment.index >= 0) text += `[${decimal(segment.index)}]`;
      if (segment.keyStart == 0) continue;
      const key = segment.key;
      if (!isPlainKey(key)) text += `[${quoted(key)}]`;
      else text += text.length > 0 ? "." + key : key;
    }
    return text;
  }
}
