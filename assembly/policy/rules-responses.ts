import { INVALID_DURATION, MILLISECOND, readDuration } from "./durations";
import { quoted } from "./faults";
import { JsonReader, NO_INTEGER, NO_MORE_KEYS } from "./json";
import { DEFAULT_RESPONSES, DEFAULT_RESPONSE_TIME, ResponseRule, UNLIMITED_RESPONSES, UNLIMITED_TIME } from "./rules";

const enum Key {
  MAX,
  EXPIRES,
}

const KEYS: StaticArray<string> = ["max", "expires"];

/** nats-server: 0 is the default, anything negative is without end. */
function readMax(reader: JsonReader): i32 {
  const max = reader.readInteger(i32.MIN_VALUE, i32.MAX_VALUE, "a whole number of responses such as 1");
  if (max == NO_INTEGER || max == 0) return DEFAULT_RESPONSES;
  return max < 0 ? UNLIMITED_RESPONSES : <i32>max;
}

/** Milliseconds; as in nats-server 0 is the default, anything negative is without end. */
function readExpires(reader: JsonReader): i64 {
  const text = reader.readString("a duration such as 5s, 250ms or 2m");
  if (text === null) return DEFAULT_RESPONSE_TIME;
  const nanoseconds = readDuration(reader, text);
  if (nanoseconds == INVALID_DURATION || nanoseconds == 0) return DEFAULT_RESPONSE_TIME;
  if (nanoseconds < 0) return UNLIMITED_TIME;
  if (nanoseconds < MILLISECOND) {
    // Rounded down to milliseconds it would be 0, which means the default of two minutes.
    reader.fault(`${quoted(text)} is shorter than 1ms: write 1ms or more`);
    return DEFAULT_RESPONSE_TIME;
  }
  return nanoseconds / MILLISECOND;
}

/** Reads `allow_responses`: true, false or {max, expires}. Null when it grants none. */
export function readResponses(reader: JsonReader): ResponseRule | null {
  if (reader.atBoolean) {
    if (!reader.readBoolean()) return null;
    return new ResponseRule(DEFAULT_RESPONSES, DEFAULT_RESPONSE_TIME);
  }
  if (!reader.beginObject('true, or an object such as {"max": 1, "expires": "5s"}')) {
    return null;
  }
  let max = DEFAULT_RESPONSES;
  let expires = DEFAULT_RESPONSE_TIME;
  for (let key = reader.nextKey(KEYS); key != NO_MORE_KEYS; key = reader.nextKey(KEYS)) {
    if (key == Key.MAX) max = readMax(reader);
    else expires = readExpires(reader);
  }
  return new ResponseRule(max, expires);
}
