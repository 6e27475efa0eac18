import { JsonReader, NO_INTEGER, NO_MORE_KEYS } from "./json";

/** What bounds the filter's memory and patience; every one has a test of its own. */
export class Limits {
  /** Bytes of a control line's arguments; nats-server's max_control_line, which INFO does not tell. */
  controlLine: i32 = 4096;
  /** Bytes of a payload, headers included; 0 for what INFO says, else the smaller of the two. */
  payload: i32 = 0;
  /** Bytes of a header block that is held until it is judged; a larger one is refused. */
  headers: i32 = 16_384;
  /** Subscriptions of one connection. */
  subscriptions: i32 = 65_536;
  /** Bytes of what refusals and maxima of one connection keep until their PONG comes, before reading from it stops. */
  outstandingReplies: i32 = 65_536;
  /** Reply grants of one connection. */
  responses: i32 = 8192;
  /** Bytes of one VM (a worker thread), before connections are shed. */
  memory: i64 = 134_217_728;
}

const enum Key {
  CONTROL_LINE,
  PAYLOAD,
  HEADERS,
  SUBSCRIPTIONS,
  OUTSTANDING_REPLIES,
  RESPONSES,
  MEMORY,
}

const KEYS: StaticArray<string> = [
  "controlLine",
  "payload",
  "headers",
  "subscriptions",
  "outstandingReplies",
  "responses",
  "memory",
];

const LEAST: StaticArray<i64> = [128, 0, 64, 1, 1024, 1, 8 << 20];

/**
 * A control line and a header block are held in Wasm memory whole, in an area
 * that every VM has (proxy/memory.ts). A size on the wire has at
 * most nine digits. `memory.grow` is refused near 16,133 pages (1008 MiB, seen
 * on Envoy 1.40), so the budget must end below.
 */
const MOST: StaticArray<i64> = [65_536, 999_999_999, 65_536, 1 << 20, 16 << 20, 1 << 20, 512 << 20];

function set(limits: Limits, key: i32, value: i64): void {
  switch (key) {
    case Key.CONTROL_LINE:
      limits.controlLine = <i32>value;
      break;
    case Key.PAYLOAD:
      limits.payload = <i32>value;
      break;
    case Key.HEADERS:
      limits.headers = <i32>value;
      break;
    case Key.SUBSCRIPTIONS:
      limits.subscriptions = <i32>value;
      break;
    case Key.OUTSTANDING_REPLIES:
      limits.outstandingReplies = <i32>value;
      break;
    case Key.RESPONSES:
      limits.responses = <i32>value;
      break;
    case Key.MEMORY:
      limits.memory = value;
      break;
  }
}

/** Reads `limits`; what it leaves out keeps its default. */
export function readLimits(reader: JsonReader, limits: Limits): void {
  if (!reader.beginObject('an object such as {"controlLine": 4096}')) return;
  for (let key = reader.nextKey(KEYS); key != NO_MORE_KEYS; key = reader.nextKey(KEYS)) {
    const value = reader.readInteger(LEAST[key], MOST[key], "a whole number");
    if (value != NO_INTEGER) set(limits, key, value);
  }
}
