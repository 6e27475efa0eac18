import { JsonReader, NO_INTEGER, NO_MORE_KEYS } from "./json";

/**
 * How many audit lines a plugin writes in each worker. The rate holds for records of refusals, and once more for those of
 * connections and samples. What is left out is counted and told.
 */
export class AuditSettings {
  /** Lines a second in the long run. */
  refusalsPerSecond: i32 = 10;
  /** Lines at once, after a quiet time. */
  burst: i32 = 100;
  /** One of this many allowed operations is written too; 0: none. */
  sample: i32 = 0;
}

const enum Key {
  REFUSALS_PER_SECOND,
  BURST,
  SAMPLE,
}

const KEYS: StaticArray<string> = ["refusalsPerSecond", "burst", "sample"];

// At 10,000 lines a second the log, not the filter, is what a flood fills.
const MOST_LINES: i64 = 10_000;
const MOST_SAMPLE: i64 = 1_000_000_000;

/** Reads `audit`; what it leaves out keeps its default. */
export function readAudit(reader: JsonReader, audit: AuditSettings): void {
  if (!reader.beginObject('an object such as {"refusalsPerSecond": 10}')) {
    return;
  }
  for (let key = reader.nextKey(KEYS); key != NO_MORE_KEYS; key = reader.nextKey(KEYS)) {
    if (key == Key.SAMPLE) {
      const sample = reader.readInteger(0, MOST_SAMPLE, "a whole number of operations");
      if (sample != NO_INTEGER) audit.sample = <i32>sample;
      continue;
    }
    const lines = reader.readInteger(1, MOST_LINES, "a whole number of lines");
    if (lines == NO_INTEGER) continue;
    if (key == Key.REFUSALS_PER_SECOND) audit.refusalsPerSecond = <i32>lines;
    else audit.burst = <i32>lines;
  }
}
