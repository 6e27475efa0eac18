import { sameBytes } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";

/** What nats-server does with a header's value. */
export const enum HeaderUse {
  /** None. Of a block's lines (headers.ts `next`): no further one has a use. */
  NO_USE = 0,
  /** `Nats-Trace-Dest`: trace events are published there (msgtrace.go `initMsgTrace`). */
  TRACE_DEST = 1,
  /** `Nats-Schedule-Target`: JetStream stores the scheduled message there (scheduler.go, since 2.12). */
  SCHEDULE_TARGET = 2,
  /** `Nats-Schedule-Source`: the last message of that subject becomes the scheduled one (scheduler.go, since 2.14). */
  SCHEDULE_SOURCE = 3,
  /**
   * `Nats-Scheduler`: with `Nats-Schedule-Next: purge` JetStream purges that subject (stream.go
   * `processJetStreamMsgWithRollup`). 2.12.0 to 2.12.4 do so for any subject, wildcards included, of any stream; 2.15
   * for a literal subject that holds a schedule.
   */
  SCHEDULER = 4,
  /**
   * What is about the whole stream:
   * - `Nats-Rollup` with the value `all`, in any case, which purges it (stream.go `getRollup`);
   * - `Nats-Schedule-Rollup` with any but `sub`: JetStream refuses it, but not of a schedule that is hidden from it at first
   *   (docs/adr/0005);
   * - `Nats-Stream-Source`, after whose sequence the stream goes on with a source of its own at the next start (2.10, 2.12; 2.15
   *   refuses it where it sees it);
   * - `Nats-Expected-Last-Msg-Id`, whose mismatch ends a replicated stream for good (jetstream_cluster.go `applyStreamMsgOp`, 2.14
   *   and 2.15, tried).
   */
  ROLLUP_ALL = 5,
  /** `Nats-Consumer-Stalled`: a mirror or source answers there (stream.go `processStalledFlowControl`). */
  CONSUMER_STALLED = 6,
  /** `Nmqtt-Subject`, `Nmqtt-Mapped`: where MQTT delivers a held QoS 2 message (mqtt.go `mqttLoadHeldQoS2Msg`). */
  MQTT_SUBJECT = 7,
  /**
   * `Nats-Rollup` with another value. `sub` purges the subject published to; where that has wildcards, all subjects that they
   * match (stream.go `processJetStreamMsgWithRollup`, 2.10 to 2.15). Three other headers do the like where the subject has
   * wildcards, and have this use too:
   * - `Nats-Schedule`, since the server adds a rollup to what it stores at the time (`processInboundJetStreamMsg`);
   * - `Nats-TTL`, since it stores one at its end in a stream with markers of deletion (filestore.go `handleRemovalOrSdm`, since
   *   2.11);
   * - `Nats-Incr`, which adds to the last number stored under any of them and answers the sum (stream.go `processJetStreamMsg`,
   *   since 2.12).
   */
  ROLLUP_SUBJECT = 8,
  /**
   * `Nats-Request-Info`, in which nats-server itself writes who a request to another account is from, JetStream's API and the system's
   * among them (client.go `processServiceImport`). It removes what a client has written there, but misses it behind a line that has the
   * name in its value twice in a row (`getHeaderKeyIndex`). Should that line be a `Nats-Trace-Dest`, which it removes next, then the
   * client's word is taken for its own, and any account may stand there (2.15.2).
   */
  REQUEST_INFO = 9,
  /**
   * `Nats-Schedule-Rollup` and `Nats-Stream-Source`. `next` never answers it: with the value `sub` the use is ROLLUP_SUBJECT, with
   * any other ROLLUP_ALL.
   */
  ALL_UNLESS_SUB = 10,
  /**
   * What no client says:
   * - the status 100 (nats/control-status.ts), which has no value;
   * - `Nats-Counter-Sources`, in which a stream that sums up others' counters keeps what it has of each (stream.go
   *   `processJetStreamMsg`). JetStream replaces a client's own up to the first CR, and takes no further message of the subject where
   *   the rest is no JSON (2.15.2);
   * - a `Nats-Schedule` that nats-server looks for second by second, and a `Nats-Schedule-Time-Zone` that is none;
   * - a `Nats-Incr` of more digits than anybody counts (headers.ts);
   * - `Nats-Trace-Origin-Account`, which 2.11 wrote: later ones log its value, 64 KB for a message of 16 KB that is traced
   *   (msgtrace.go `initMsgTrace`).
   */
  OF_THE_SERVER = 11,
  /** `Nats-Schedule`. `next` never answers it: the use is OF_THE_SERVER or ROLLUP_SUBJECT, as its value says. */
  SCHEDULE = 12,
  /** `Nats-Schedule-Time-Zone`. `next` never answers it: the use is OF_THE_SERVER or NO_USE, as its value says. */
  TIME_ZONE = 13,
  /** `Nats-Expected-Last-Msg-Id`. `next` never answers it: the use is ROLLUP_ALL, whatever its value says. */
  LAST_ID = 14,
  /** `Nats-Incr`. `next` never answers it: the use is OF_THE_SERVER or ROLLUP_SUBJECT, as its value says. */
  INCREMENT = 15,
}

/** What each of these names begins with. */
export const NAME_INITIAL: u8 = 0x4e;

/** Bytes of the longest of these names. */
export const LONGEST_NAME: usize = 25;

const TRACE_DEST = fixedText("Nats-Trace-Dest");
const SCHEDULE_TARGET = fixedText("Nats-Schedule-Target");
const SCHEDULE_SOURCE = fixedText("Nats-Schedule-Source");
const COUNTER_SOURCES = fixedText("Nats-Counter-Sources");
const SCHEDULE_ROLLUP = fixedText("Nats-Schedule-Rollup");
const STREAM_SOURCE = fixedText("Nats-Stream-Source");
const SCHEDULER = fixedText("Nats-Scheduler");
const SCHEDULE = fixedText("Nats-Schedule");
const TIME_ZONE = fixedText("Nats-Schedule-Time-Zone");
const TTL = fixedText("Nats-TTL");
const INCR = fixedText("Nats-Incr");
const ROLLUP = fixedText("Nats-Rollup");
const REQUEST_INFO = fixedText("Nats-Request-Info");
const TRACE_ORIGIN = fixedText("Nats-Trace-Origin-Account");
const LAST_ID = fixedText("Nats-Expected-Last-Msg-Id");
const CONSUMER_STALLED = fixedText("Nats-Consumer-Stalled");
const MQTT_SUBJECT = fixedText("Nmqtt-Subject");
const MQTT_MAPPED = fixedText("Nmqtt-Mapped");

function isName(pointer: usize, name: FixedText): bool {
  return sameBytes(pointer, name.pointer, name.length);
}

/** The use of the header whose name is these bytes, or NO_USE. Most of the names differ in length. */
export function useOf(name: usize, length: i32): HeaderUse {
  switch (length) {
    case 8:
      return isName(name, TTL) ? HeaderUse.ROLLUP_SUBJECT : HeaderUse.NO_USE;
    case 9:
      return isName(name, INCR) ? HeaderUse.INCREMENT : HeaderUse.NO_USE;
    case 11:
      return isName(name, ROLLUP) ? HeaderUse.ROLLUP_ALL : HeaderUse.NO_USE;
    case 12:
      return isName(name, MQTT_MAPPED) ? HeaderUse.MQTT_SUBJECT : HeaderUse.NO_USE;
    case 13:
      if (isName(name, SCHEDULE)) return HeaderUse.SCHEDULE;
      return isName(name, MQTT_SUBJECT) ? HeaderUse.MQTT_SUBJECT : HeaderUse.NO_USE;
    case 14:
      return isName(name, SCHEDULER) ? HeaderUse.SCHEDULER : HeaderUse.NO_USE;
    case 15:
      return isName(name, TRACE_DEST) ? HeaderUse.TRACE_DEST : HeaderUse.NO_USE;
    case 17:
      return isName(name, REQUEST_INFO) ? HeaderUse.REQUEST_INFO : HeaderUse.NO_USE;
    case 18:
      // What it says is about all of the stream. `sub` is no sequence, and says nothing to nats-server.
      return isName(name, STREAM_SOURCE) ? HeaderUse.ALL_UNLESS_SUB : HeaderUse.NO_USE;
    case 20:
      if (isName(name, SCHEDULE_TARGET)) return HeaderUse.SCHEDULE_TARGET;
      if (isName(name, SCHEDULE_ROLLUP)) return HeaderUse.ALL_UNLESS_SUB;
      if (isName(name, COUNTER_SOURCES)) return HeaderUse.OF_THE_SERVER;
      return isName(name, SCHEDULE_SOURCE) ? HeaderUse.SCHEDULE_SOURCE : HeaderUse.NO_USE;
    case 21:
      return isName(name, CONSUMER_STALLED) ? HeaderUse.CONSUMER_STALLED : HeaderUse.NO_USE;
    case 23:
      return isName(name, TIME_ZONE) ? HeaderUse.TIME_ZONE : HeaderUse.NO_USE;
    case 25:
      if (isName(name, TRACE_ORIGIN)) return HeaderUse.OF_THE_SERVER;
      return isName(name, LAST_ID) ? HeaderUse.LAST_ID : HeaderUse.NO_USE;
  }
  return HeaderUse.NO_USE;
}
