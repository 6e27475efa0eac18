/** What JetStream does with the values of a schedule's headers, where that takes it more than others (docs/adr/0005). */
import { Ascii, isDigit } from "../bytes/ascii";
import { firstOf, SPACE } from "./words";

/** Bytes of the longest schedule that may pass: a list of all minutes and one of all seconds have 340. */
const LONGEST_SCHEDULE: usize = 512;
/** The longest duration of a schedule that may pass: a hundred years. */
const MOST_SECONDS: f64 = 100 * 365.25 * 24 * 3600;
/** `h`, `m`, `s` and `n`, with which units of a duration begin. */
const HOURS: u8 = 0x68;
const MINUTES: u8 = 0x6d;
const SECONDS: u8 = 0x73;
const NANOSECONDS: u8 = 0x6e;

/**
 * Has nats-server more to do with the `Nats-Schedule` in [from, end) than with others? In one of 13 KB it reads thousands of numbers for
 * each message that has it, which take the stream 1.1 to 1.3 ms, and in one of 512 bytes no more than 0.07 (2.15.2, tried).
 */
export function keepsBusy(from: usize, end: usize): bool {
  return end - from > LONGEST_SCHEDULE || hasLoneComma(from, end) || outlastsClock(from, end);
}

/**
 * Has the schedule a duration of more than MOST_SECONDS? nats-server's clock of nanoseconds ends in 2262, and what is due behind that is
 * due at once: `@every 2562047h` stored four messages a second (2.15.2, tried). The durations are Go's (time.ParseDuration), a sum of
 * numbers with their units. Nowhere else in a schedule is a unit right behind a number. Any other byte there is taken for the
 * beginning of microseconds, of which there are three: `us`, and two letters that look like `µs`.
 */
function outlastsClock(from: usize, end: usize): bool {
  let seconds: f64 = 0;
  let number: f64 = 0;
  let isFraction = false;
  for (let p = from; p < end; p++) {
    const b = load<u8>(p);
    if (isDigit(b)) {
      if (!isFraction) number = number * 10 + <f64>(b - Ascii.ZERO);
      continue;
    }
    isFraction = b == Ascii.DOT;
    if (isFraction) continue;
    if (b == HOURS) seconds += number * 3600;
    else if (b == MINUTES) seconds += p + 1 < end && load<u8>(p, 1) == SECONDS ? number / 1000 : number * 60;
    else if (b == SECONDS) seconds += number;
    else seconds += number / (b == NANOSECONDS ? 1e9 : 1e6);
    number = 0;
  }
  return seconds > MOST_SECONDS;
}

/**
 * Has the schedule a comma with nothing but blanks and commas beside it? A field of it may be no more than such commas. Then
 * nats-server makes of it a field that no time fits (cron.go `getField`). If it is the field of seconds, nats-server tries each
 * second of five years, and the stream takes nothing meanwhile, for whatever it allows (2.15.2, tried).
 */
function hasLoneComma(from: usize, end: usize): bool {
  for (let p = from; p < end; p++) {
    if (load<u8>(p) != Ascii.COMMA) continue;
    if ((p == from || endsField(load<u8>(p - 1))) && (p + 1 == end || endsField(load<u8>(p, 1)))) return true;
  }
  return false;
}

/** Is it a comma, or could it belong to what Go's strings.Fields takes for a blank? */
function endsField(b: u8): bool {
  return b == Ascii.COMMA || b <= SPACE || b >= 0x80;
}

/**
 * Has the `Nats-Schedule-Time-Zone` in [from, end) a dot, as no time zone has? nats-server reads the file of that name for each message
 * (`loadMessageScheduleLocation`), and takes 250 µs for `tzdata.zi`, instead of 15 for a zone (docs/reference/nats-server-hazards.md).
 */
export function isNoTimeZone(from: usize, end: usize): bool {
  return firstOf(<u8>Ascii.DOT, <u8>Ascii.DOT, from, end) != end;
}
