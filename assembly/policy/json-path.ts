import { quoted } from "./faults";

function isPlainKey(key: string): bool {
  if (key.length == 0 || key.length > 64) return false;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    const letter = (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
    const digit = unit >= 0x30 && unit <= 0x39;
    if (!letter && !digit && unit != 0x5f && unit != 0x2d) return false;
  }
  return true;
}

/** One step down into a document. */
class Segment {
  /** A key of an object; an element of an array has "". */
  key: string = "";
  /** An element's place in its array; a key has -1. */
  index: i32 = -1;
}

/**
 * Where in a document the reader stands. Text is made of it only for a fault,
 * so that a sound configuration of 10,000 rules pays for none.
 */
export class JsonPath {
  // Kept when left: going down again into the next rule allocates nothing.
  private segments: Segment[] = [];
  private depth: i32 = 0;

  enter(): void {
    if (this.depth == this.segments.length) this.segments.push(new Segment());
    const segment = this.segments[this.depth++];
    segment.key = "";
    segment.index = -1;
  }

  leave(): void {
    if (this.depth > 0) this.depth--;
  }

  setKey(key: string): void {
    if (this.depth > 0) this.segments[this.depth - 1].key = key;
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
      if (segment.index >= 0) text += `[${segment.index}]`;
      else if (segment.key.length == 0) continue;
      else if (!isPlainKey(segment.key)) text += `[${quoted(segment.key)}]`;
      else text += text.length > 0 ? "." + segment.key : segment.key;
    }
    return text;
  }
}
