import { Ascii, isDigit } from "../bytes/ascii";
import { quoted } from "./faults";
import { JsonReader } from "./json";

/** What `parseDuration` answers for text that is no duration. */
export const INVALID_DURATION: i64 = i64.MIN_VALUE;

const NANOSECOND: u64 = 1;
const MICROSECOND: u64 = 1_000;
/** Nanoseconds of a unit, as all of these. */
export const MILLISECOND: i64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/** The nanoseconds of a unit, or 0 when there is no such unit. */
function nanosecondsOf(unit: string): u64 {
  if (unit == "ms") return <u64>MILLISECOND;
  if (unit == "s") return SECOND;
  if (unit == "m") return MINUTE;
  if (unit == "h") return HOUR;
  // U+00B5 is the micro sign, U+03BC the Greek letter: Go takes both.
  if (unit == "us" || unit == "\u00b5s" || unit == "\u03bcs") {
    return MICROSECOND;
  }
  return unit == "ns" ? NANOSECOND : 0;
}

/** A run of decimal digits: of a number's whole or of its fraction. */
class Digits {
  value: u64 = 0;
  /** Ten to the number of digits that went into `value`. */
  scale: f64 = 1;
  count: i32 = 0;
  /** Whether digits were left out of `value`. */
  overflows: bool = false;
}

/** Go's bound, 2^63 ns or some 292 years. No duration reaches it here: Go reads -2^63 ns, which is INVALID_DURATION. */
const MOST: u64 = <u64>i64.MAX_VALUE + 1;

/** The digits of `text` from `at` on. Those that would pass MOST count as read and are not in the value. */
function digitsAt(text: string, at: i32): Digits {
  const digits = new Digits();
  for (; at < text.length && isDigit(text.charCodeAt(at)); at++) {
    digits.count++;
    const digit = <u64>(text.charCodeAt(at) - Ascii.ZERO);
    digits.overflows = digits.overflows || digits.value > (MOST - digit) / 10;
    if (digits.overflows) continue;
    digits.value = digits.value * 10 + digit;
    digits.scale *= 10;
  }
  return digits;
}

/**
 * A duration in nanoseconds as Go's time.ParseDuration reads it, which is how
 * nats-server reads its own: `5s`, `250ms`, `1h30m`, `1.5s`, `-1s`, `0`. What
 * it would refuse, and what is beyond about 292 years, is INVALID_DURATION. Exported for specs.
 */
export function parseDuration(text: string): i64 {
  const length = text.length;
  let at = 0;
  const negative = length > 0 && text.charCodeAt(0) == Ascii.DASH;
  if (negative || (length > 0 && text.charCodeAt(0) == Ascii.PLUS)) at++;
  if (at == length) return INVALID_DURATION;
  if (at == length - 1 && text.charCodeAt(at) == Ascii.ZERO) return 0;
  let total: u64 = 0;
  while (at < length) {
    const whole = digitsAt(text, at);
    at += whole.count;
    let fraction = new Digits();
    if (at < length && text.charCodeAt(at) == Ascii.DOT) {
      fraction = digitsAt(text, ++at);
      at += fraction.count;
    }
    if (whole.count + fraction.count == 0) return INVALID_DURATION;
    const unitStart = at;
    while (at < length && !isDigit(text.charCodeAt(at)) && text.charCodeAt(at) != Ascii.DOT) at++;
    const unit = nanosecondsOf(text.substring(unitStart, at));
    if (unit == 0 || whole.overflows || whole.value > MOST / unit) return INVALID_DURATION;
    const part = whole.value * unit + <u64>(<f64>fraction.value * (<f64>unit / fraction.scale));
    if (part > MOST || total > MOST - part) return INVALID_DURATION;
    total += part;
  }
  if (total == MOST) return INVALID_DURATION;
  return negative ? -(<i64>total) : <i64>total;
}

/** The same of the value that `reader` has just read, whose text this is. That it is none is a fault, which has been reported. */
export function readDuration(reader: JsonReader, text: string): i64 {
  const nanoseconds = parseDuration(text);
  if (nanoseconds == INVALID_DURATION) {
    reader.fault(`${quoted(text)} is no duration: write a number and a unit, as 5s, 250ms or 1m`);
  }
  return nanoseconds;
}
