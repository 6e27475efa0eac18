import { LAST_DELIVERY, LAST_PUBLISH } from "../../assembly/bytes/hot-page";
import {
  isAlikeTo,
  keepSubject,
  lastSubjectClass,
  likeLast,
  noteSubject,
  runningLength,
  runsNoMore,
  runsOn,
  useSubjectOf,
} from "../../assembly/connection/last-subject";
import { NOT_PLAIN } from "../../assembly/connection/plain-judgement";
import { asciiArgumentEnds, LOWEST_OF_ARGUMENTS } from "../../assembly/nats/plain-line";
import { pointerTo } from "./bytes-support";

let question: u32 = 1000;

/** Where a line lies from its subject on, with bytes after it that are also read. */
function placed(line: string): usize {
  return pointerTo(line + "#".repeat(48));
}

/** Whether the bytes that lie there name it. */
function namesAt(p: usize, last: usize = LAST_PUBLISH): bool {
  const low = v128.load(p);
  const high = v128.load(p, 16);
  return isAlikeTo(asciiArgumentEnds(low, high, v128.load(LOWEST_OF_ARGUMENTS)), likeLast(last, low, high));
}

/** A line from its subject on, with whatever comes after it. */
function names(line: string, last: usize = LAST_PUBLISH): bool {
  return namesAt(placed(line), last);
}

function keep(line: string, subjectClass: i32 = 7): void {
  useSubjectOf(LAST_PUBLISH, ++question);
  noteSubject(LAST_PUBLISH, placed(line), subjectClass);
  keepSubject(LAST_PUBLISH);
}

describe("the subject of the line before", () => {
  it("is recognised with its class, whatever comes after it", () => {
    keep("orders.a 16\r\n");
    expect(names("orders.a 16\r\n")).toBe(true);
    expect(names("orders.a 1048576\r\n")).toBe(true);
    expect(names("orders.a reply 16\r\n")).toBe(true);
    expect(lastSubjectClass(LAST_PUBLISH)).toBe(7);
  });

  it("is read where it lies until the pass is over, and kept from then on", () => {
    keep("orders.a 1\r\n");
    const line = placed("orders.b 1\r\n");
    noteSubject(LAST_PUBLISH, line, 9);
    expect(names("orders.b 1\r\n")).toBe(true);
    expect(names("orders.a 1\r\n")).toBe(false);
    expect(lastSubjectClass(LAST_PUBLISH)).toBe(9);
    store<u8>(line + 7, 0x63);
    expect(names("orders.b 1\r\n")).toBe(false);
    expect(names("orders.c 1\r\n")).toBe(true);
    store<u8>(line + 7, 0x62);
    keepSubject(LAST_PUBLISH);
    memory.fill(line, 0x2e, 32);
    expect(names("orders.b 1\r\n")).toBe(true);
    keepSubject(LAST_PUBLISH);
    expect(names("orders.b 1\r\n")).toBe(true);
    expect(lastSubjectClass(LAST_PUBLISH)).toBe(9);
  });

  it("is not recognised in one that is longer, shorter or different in one byte", () => {
    for (let length = 1; length < 32; length++) {
      const subject = "s".repeat(length);
      keep(`${subject} 1\r\n`);
      assert(names(`${subject} 1\r\n`), `${length}`);
      for (let other = 1; other < 40; other++) {
        if (other != length) assert(!names(`${"s".repeat(other)} 1\r\n`), `${other} after ${length}`);
      }
      for (let at = 0; at < length; at++) {
        const changed = `${"s".repeat(at)}t${"s".repeat(length - at - 1)} 1\r\n`;
        assert(!names(changed), `${changed} after ${length}`);
      }
    }
  });

  it("ends with a blank and nothing else", () => {
    keep("orders.a 1\r\n");
    const line = "orders.a 1\r\n" + "#".repeat(48);
    for (let byte = 0; byte < 256; byte++) {
      for (let at = 0; at <= 8; at++) {
        const p = pointerTo(line);
        const before = load<u8>(p + <usize>at);
        store<u8>(p + <usize>at, <u8>byte);
        assert(namesAt(p) == (<u8>byte == before), `byte ${byte} at ${at}`);
        store<u8>(p + <usize>at, before);
      }
    }
  });

  it("is absent if no argument's end is in sight, and before the first line", () => {
    keep("orders.a 1\r\n");
    expect(names("s".repeat(40))).toBe(false);
    useSubjectOf(LAST_PUBLISH, ++question);
    for (let byte = 0; byte < 256; byte++) {
      const p = pointerTo("#".repeat(48));
      memory.fill(p, <u8>byte, 48);
      if (namesAt(p)) assert(lastSubjectClass(LAST_PUBLISH) == NOT_PLAIN, `byte ${byte}`);
    }
  });

  it("is forgotten when another question judges, and kept while the same one does", () => {
    keep("orders.a 1\r\n");
    useSubjectOf(LAST_PUBLISH, question);
    expect(names("orders.a 1\r\n")).toBe(true);
    useSubjectOf(LAST_PUBLISH, ++question);
    expect(names("orders.a 1\r\n")).toBe(false);
    useSubjectOf(LAST_PUBLISH, question - 1);
    expect(names("orders.a 1\r\n")).toBe(false);
  });

  it("of deliveries is separate from that of publishes", () => {
    keep("orders.a 1\r\n");
    useSubjectOf(LAST_DELIVERY, ++question);
    expect(names("orders.a 1\r\n", LAST_DELIVERY)).toBe(false);
    noteSubject(LAST_DELIVERY, placed("orders.b 1 1\r\n"), 9);
    expect(names("orders.b 1 1\r\n", LAST_DELIVERY)).toBe(true);
    expect(names("orders.a 1\r\n")).toBe(true);
    expect(lastSubjectClass(LAST_PUBLISH)).toBe(7);
  });

  it("has its length while messages on it follow each other, and otherwise one that no line has", () => {
    const longest: usize = 1 << 20;
    keep("orders.a 1\r\n");
    assert(runningLength(LAST_PUBLISH) > longest);
    runsOn(LAST_PUBLISH, 8);
    expect(runningLength(LAST_PUBLISH)).toBe(8);
    expect(names("orders.a 1\r\n")).toBe(true);
    runsNoMore(LAST_PUBLISH);
    assert(runningLength(LAST_PUBLISH) > longest);
    noteSubject(LAST_PUBLISH, placed("orders.b 1\r\n"), 9);
    runsOn(LAST_PUBLISH, 8);
    useSubjectOf(LAST_PUBLISH, question);
    assert(runningLength(LAST_PUBLISH) > longest);
    expect(lastSubjectClass(LAST_PUBLISH)).toBe(9);
    runsOn(LAST_PUBLISH, 8);
    useSubjectOf(LAST_PUBLISH, ++question);
    assert(runningLength(LAST_PUBLISH) > longest);
  });
});
