import { HeaderUse } from "../../assembly/nats/header-uses";
import { actsOnSubjects, headerFields, isMalformed } from "../../assembly/nats/headers";
import { Random } from "./random-support";

function useName(use: HeaderUse): string {
  switch (use) {
    case HeaderUse.TRACE_DEST:
      return "trace-dest";
    case HeaderUse.SCHEDULE_TARGET:
      return "schedule-target";
    case HeaderUse.SCHEDULE_SOURCE:
      return "schedule-source";
    case HeaderUse.SCHEDULER:
      return "scheduler";
    case HeaderUse.ROLLUP_ALL:
      return "rollup-all";
    case HeaderUse.CONSUMER_STALLED:
      return "consumer-stalled";
    case HeaderUse.MQTT_SUBJECT:
      return "mqtt-subject";
    case HeaderUse.ROLLUP_SUBJECT:
      return "rollup-subject";
    case HeaderUse.REQUEST_INFO:
      return "request-info";
    case HeaderUse.OF_THE_SERVER:
      return "of-the-server";
  }
  return "?";
}

/** Every line in `block` that matters, as `use=value|use=value`. The bytes of `behind` follow the block. */
function fields(block: string, behind: string = ""): string {
  const bytes = String.UTF8.encode(block + behind);
  headerFields.begin(changetype<usize>(bytes), String.UTF8.byteLength(block));
  const found: string[] = [];
  while (true) {
    const use = headerFields.next();
    if (use == HeaderUse.NO_USE) break;
    found.push(useName(use) + "=" + String.UTF8.decodeUnsafe(headerFields.value, headerFields.valueLength));
  }
  expect(headerFields.next()).toBe(HeaderUse.NO_USE);
  return found.join("|");
}

const V = "NATS/1.0\r\n";

const random: Random = new Random(20_261_125);

const NAMES: StaticArray<string> = ["Nats-Scheduler", "Nats-Schedule-Target", "Nmqtt-Mapped", "Nats-Msg-Id", "N"];
const PIECES: StaticArray<string> = ["\r\n", "\r", "\n", "N", ":", " ", "x", "Nats", "0123456789abcdef", "\r\nN"];

/** JetStream's own reading of three of the names (client.go `sliceHeader`), byte by byte. */
function plainly(block: string): string {
  const found: string[] = [];
  for (let at = 0; at < block.length; at++) {
    if (!block.startsWith("\r\n", at)) continue;
    for (let i = 0; i < 3; i++) {
      if (!block.startsWith(NAMES[i] + ":", at + 2)) continue;
      const from = at + 2 + NAMES[i].length + 1;
      const end = block.indexOf("\r\n", from);
      let value = block.substring(from, end < 0 ? block.length : end);
      while (value.startsWith(" ")) value = value.substring(1);
      const uses: StaticArray<string> = ["scheduler", "schedule-target", "mqtt-subject"];
      if (value.length > 0) found.push(uses[i] + "=" + value);
    }
  }
  return found.join("|");
}

function hidesLines(block: string, behind: string = ""): bool {
  const bytes = String.UTF8.encode(block + behind);
  headerFields.begin(changetype<usize>(bytes), String.UTF8.byteLength(block));
  return headerFields.hidesLines;
}

/** Does the block lack the version or an empty line at its end? Such a block is taken the long way. */
function isOpen(block: string): bool {
  // Behind an empty line, since a search must not begin before the block.
  const bytes = String.UTF8.encode("\r\n\r\n" + block);
  const pointer = changetype<usize>(bytes) + 4;
  const open = isMalformed(pointer, bytes.byteLength - 4);
  if (open) expect(actsOnSubjects(pointer, bytes.byteLength - 4)).toBe(true, block);
  return open;
}

describe("headers with which nats-server acts on another subject", () => {
  it("are found in any bytes as by somebody who looks at one byte after the other", () => {
    let acting = 0;
    for (let round = 0; round < 20_000; round++) {
      let block = random.below(2) == 0 ? V : "";
      for (let i = random.below(8); i > 0; i--) {
        if (random.below(2) == 0) block += PIECES[random.below(PIECES.length)];
        else {
          const name = NAMES[random.below(NAMES.length)];
          block += "\r\n" + name + ":" + " x".substring(random.below(3)) + "y".repeat(random.below(20));
        }
      }
      const expected = plainly(block);
      if (expected != "") acting++;
      assert(fields(block) == expected, block);
    }
    expect(acting).toBeGreaterThan(5000);
  });

  it("are found wherever they stand among others", () => {
    expect(fields(V + "A: b\r\nNats-Trace-Dest: t.a\r\nC: d\r\n\r\n")).toBe("trace-dest=t.a");
    expect(fields(V + "Nats-Schedule-Target: a.b\r\n\r\n")).toBe("schedule-target=a.b");
    expect(fields(V + "Nats-Schedule-Source: a.b\r\n\r\n")).toBe("schedule-source=a.b");
    expect(fields(V + "Nats-Scheduler: a.b\r\nNats-Schedule-Next: purge\r\n\r\n")).toBe("scheduler=a.b");
    expect(fields(V + "Nats-Consumer-Stalled: a.b\r\n\r\n")).toBe("consumer-stalled=a.b");
    expect(fields(V + "Nmqtt-Subject: a.b\r\nNmqtt-Mapped: c\r\n\r\n")).toBe("mqtt-subject=a.b|mqtt-subject=c");
    expect(fields(V + "Nats-Request-Info: {}\r\n\r\n")).toBe("request-info={}");
    expect(fields(V + "Nats-Rollup: all\r\n\r\n")).toBe("rollup-all=all");
    expect(fields(V + "Nats-Stream-Source: S 1\r\nNats-Stream-Sourcf: S 1\r\n\r\n")).toBe("rollup-all=S 1");
    expect(fields(V + "Nats-Expected-Last-Msg-Id: sub\r\nNats-Expected-Last-Msg-Ic: 1\r\n\r\n")).toBe("rollup-all=sub");
    expect(fields(V + "Nats-TTL: 1s\r\n\r\n")).toBe("rollup-subject=1s");
    expect(fields(V + "Nats-Incr: +1\r\n\r\n")).toBe("rollup-subject=+1");
    expect(fields(V + "Nats-Inc: 1\r\nNats-Incs: 1\r\nnats-incr: 1\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-TT: 1s\r\nNats-TTX: 1s\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Rollup: sub\r\nNats-Schedule: @every 1m\r\n\r\n")).toBe(
      "rollup-subject=sub|rollup-subject=@every 1m",
    );
  });

  it("are absent from an empty block, a status line and ordinary headers", () => {
    expect(fields("")).toBe("");
    expect(fields("\r\n")).toBe("");
    expect(fields(V + "\r\n")).toBe("");
    expect(fields("NATS/1.0 503\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Msg-Id: 1\r\nNats-Rollup-Hint: all\r\nN:\r\n\r\n")).toBe("");
  });

  it("are all returned in their order if a name occurs twice", () => {
    expect(fields(V + "Nats-Trace-Dest: a\r\nNats-Rollup: all\r\nNats-Trace-Dest: b\r\n\r\n")).toBe(
      "trace-dest=a|rollup-all=all|trace-dest=b",
    );
  });

  it("are named exactly: another case, a blank before the colon, or a longer or shorter name make another header", () => {
    expect(fields(V + "nats-trace-dest: a\r\nNATS-ROLLUP: all\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Trace-Dest : a\r\n Nats-Trace-Dest: a\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Trace-Destination: a\r\nNats-Trace-Des: a\r\nNats-Schedule-Targets: a\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Trace-Dest\r\nNats-Rollup\r\n\r\n")).toBe("");
    // As long as the names that matter.
    expect(
      fields(
        V + "Nats-Rollop: a\r\nNmqtt-Napped: a\r\nNmqtt-Nubject: a\r\nNats-Schedulex: a\r\nNats-Schedulx: a\r\n\r\n",
      ),
    ).toBe("");
    expect(fields(V + "Nats-Trace-Desx: a\r\nNats-Schedule-Targex: a\r\nNats-Consumer-Stalles: a\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Schedule-Rolluq: all\r\n\r\n")).toBe("");
    expect(fields(V + "Nats-Expected-Last-Subject-Sequence-Subject: a\r\nNats-Request-Infx: a\r\n\r\n")).toBe("");
  });

  it("are not found inside values and names", () => {
    expect(fields(V + "A: Nats-Rollup: all\r\nX-Nats-Rollup: all\r\n\r\n")).toBe("");
  });

  it("begin after CR LF: a lone LF or CR begins no line", () => {
    expect(fields("NATS/1.0\nNats-Rollup: all\nNats-Scheduler: a\n\n")).toBe("");
    expect(fields(V + "A: b\rNats-Rollup: all\r\n\r\n")).toBe("");
    expect(fields("\nNats-Rollup: all\r\n\r\n")).toBe("");
  });

  it("need no version line except to trace, and there no more than the version", () => {
    expect(fields("NATS/1.0 100 x\r\nNats-Trace-Dest: a\r\n\r\n")).toBe("trace-dest=a");
    expect(fields("NATS/1.0x\r\nNats-Trace-Dest: a\r\n\r\n")).toBe("trace-dest=a");
    expect(fields("NATS/1.\r\nNats-Trace-Dest: a\r\n\r\n")).toBe("");
    expect(fields("\r\nNats-Rollup: all\r\nNats-Trace-Dest: a\r\n\r\n")).toBe("rollup-all=all");
    expect(fields("NATS/1.1\r\nNats-Trace-Dest: a\r\n\r\n")).toBe("");
    expect(fields("Nats-Rollup: all\r\n\r\n")).toBe("");
  });
});

describe("a header's value", () => {
  it("ends at CR LF, so a lone CR or LF belongs to it", () => {
    expect(fields(V + "Nats-Scheduler: a\nb\rc\r\r\n\r\n")).toBe("scheduler=a\nb\rc\r");
  });

  it("ends with the block for JetStream and must be closed to trace", () => {
    expect(fields(V + "Nats-Schedule-Target: a.b")).toBe("schedule-target=a.b");
    expect(fields(V + "Nats-Schedule-Target: a.b\r")).toBe("schedule-target=a.b\r");
    expect(fields(V + "Nats-Trace-Dest: a.b")).toBe("");
    expect(fields(V + "Nats-Trace-Dest: a.b\r\n")).toBe("trace-dest=a.b");
  });

  it("is read no further than its block, whatever payload lies behind", () => {
    const payload = "  b: c\r\n\r\n";
    expect(fields(V + "Nats-Scheduler:", payload)).toBe("");
    expect(fields(V + "Nats-Scheduler:  ", payload)).toBe("");
    expect(fields(V + "Nats-Scheduler: a", payload)).toBe("scheduler=a");
    expect(fields(V + "Nats-Scheduler", ": a\r\n")).toBe("");
    expect(fields(V + "Nats-TTL", ": a\r\n")).toBe("");
    expect(fields(V + "Nats-TTL", "a")).toBe("");
    expect(fields(V + "Nats-Trace-Dest: a\r", "\n\r\n")).toBe("");
    expect(fields(V + "Nats-Rollup: su", "b\r\n")).toBe("rollup-subject=su");
  });

  it("loses leading blanks, and to trace TAB and trailing ones too", () => {
    expect(fields(V + "Nats-Scheduler:   a \t\r\n\r\n")).toBe("scheduler=a \t");
    expect(fields(V + "Nats-Scheduler:\ta\r\n\r\n")).toBe("scheduler=\ta");
    expect(fields(V + "Nats-Trace-Dest: \t a.b \t\r\n\r\n")).toBe("trace-dest=a.b");
    expect(fields(V + "Nats-Trace-Dest:a.b\r\n\r\n")).toBe("trace-dest=a.b");
    expect(fields(V + "Nats-Counter-Sources: {\r}\r\n\r\n")).toBe("of-the-server={\r}");
  });

  it("is none of a client's that names the account of a trace", () => {
    expect(fields(V + "Nats-Trace-Origin-Account: x\r\nNats-Trace-Origin-Accounts: x\r\n\r\n")).toBe("of-the-server=x");
  });

  it("is none of a client's if it is a schedule with a field of nothing but commas, which no time fits", () => {
    const fieldless: StaticArray<string> = [
      ", * * * * *",
      "0 ,, * * * *",
      "* * * * * ,",
      "0 * * * *\u00a0,\u00a0*",
      ",",
    ];
    for (let i = 0; i < fieldless.length; i++) {
      expect(fields(V + "Nats-Schedule:" + fieldless[i] + "\r\n\r\n")).toBe("of-the-server=" + fieldless[i]);
    }
    const proper: StaticArray<string> = ["0,30 */5 * 1,15 * mon,fri", ",0 0, 0,,1 * * *", "@every 1m"];
    for (let i = 0; i < proper.length; i++) {
      expect(fields(V + "Nats-Schedule: " + proper[i] + "\r\n\r\n")).toBe("rollup-subject=" + proper[i]);
    }
  });

  it("is none of a client's if it is a time zone with a dot, which none has", () => {
    const files: StaticArray<string> = ["tzdata.zi", "./././UTC", ".", "x."];
    for (let i = 0; i < files.length; i++) {
      expect(fields(V + "Nats-Schedule-Time-Zone: " + files[i] + "\r\n\r\n")).toBe("of-the-server=" + files[i]);
    }
    const zones: StaticArray<string> = ["UTC", "America/New_York", "Etc/GMT+1", ""];
    for (let i = 0; i < zones.length; i++) {
      expect(fields(V + "Nats-Schedule-Time-Zone: " + zones[i] + "\r\nNats-Scheduler: a\r\n\r\n")).toBe("scheduler=a");
    }
  });

  it("is skipped if it is empty, and a later one still counts", () => {
    expect(fields(V + "Nats-Trace-Dest:\r\nNats-Scheduler:  \r\nNats-Trace-Dest: a\r\n\r\n")).toBe("trace-dest=a");
    expect(fields(V + "Nats-Scheduler:")).toBe("");
  });

  it("hides other lines if it has a name of nats-server's twice in a row, behind a lone LF, or without a colon", () => {
    const hiding: StaticArray<string> = [
      "a: Nats-TTLNats-TTL",
      "a: xNats-TTL Nats-TTLx",
      "Nats-TTLNats-TTL",
      "a: b\nNats-Expected-x",
      "a: b\r\n\nNats-x",
      "Nats-Expected-x",
      "a: b\r\nNats-Expected-x\r: c",
    ];
    for (let i = 0; i < hiding.length; i++) {
      expect(hidesLines(V + hiding[i] + "\r\nNats-TTL: 1\r\n\r\n")).toBe(true, hiding[i]);
    }
  });

  it("hides no lines with a name of nats-server's otherwise", () => {
    const harmless: StaticArray<string> = [
      "Nats-TTL: 1s\r\nNats-TTL: 1s",
      "a: Nats-TTL, Nats-TTL",
      "a: Nats-TTLNats-Incr",
      "Nats-Schedule: 1\r\nNats-Schedule-TTL: 1\r\nNats-Schedule-Target: a",
      "a: Nats-TTL",
      "a: b\nx-Nats-TTL",
      "a: Nats Nats",
      "a: NatsNats",
    ];
    for (let i = 0; i < harmless.length; i++) {
      expect(hidesLines(V + harmless[i] + "\r\n\r\n")).toBe(false, harmless[i]);
    }
  });

  it("hides lines by what is last in the block only if all of it is in there", () => {
    expect(hidesLines(V + "a: Nats-TTL Nats-TTL")).toBe(true);
    expect(hidesLines(V + "a: Nats-TTL Nats-TT", "L")).toBe(false);
    expect(hidesLines(V + "a: b\nNats-x")).toBe(true);
    expect(hidesLines(V + "a: b\nNats-", "x")).toBe(false);
  });

  it("may not pass in a block without the version or an empty line at its end", () => {
    const rests: StaticArray<string> = ["", "\n", "\r\n", "a\r\n", "a\r\n\r", "a\n\n", "a\r\n\r\nb"];
    for (let i = 0; i < rests.length; i++) {
      expect(isOpen("\r\nNats" + rests[i])).toBe(true, rests[i]);
      expect(isOpen(rests[i])).toBe(rests[i].length > 0, rests[i]);
      expect(isOpen("NATS/1.0" + rests[i])).toBe(true, rests[i]);
    }
    expect(isOpen("a: b\r\nN")).toBe(true);
    expect(isOpen("NATS/1.0 503 x")).toBe(true);
    expect(isOpen("\r\n\r")).toBe(true);
    expect(isOpen(V + "a: b\r\n\r\n")).toBe(false);
    expect(isOpen(V + "\r\n")).toBe(false);
    expect(isOpen("\r\n\r\n")).toBe(true);
    expect(isOpen("NATS/1.\r\n\r\n")).toBe(true);
    expect(isOpen("NATS/1.1\r\n\r\n")).toBe(true);
    expect(isOpen("Nats-Scheduler: x\r\n\r\n")).toBe(true);
  });

  it("are none of a block's with the status 100, which is taken the long way, too", () => {
    const blocks: StaticArray<string> = ["NATS/1.0 100 x\r\n\r\n", V + "Status: 100\r\n\r\n"];
    for (let i = 0; i < blocks.length; i++) {
      const bytes = String.UTF8.encode(blocks[i] + "                ");
      expect(isMalformed(changetype<usize>(bytes), blocks[i].length)).toBe(false, blocks[i]);
      expect(actsOnSubjects(changetype<usize>(bytes), blocks[i].length)).toBe(true, blocks[i]);
    }
    expect(fields(blocks[0])).toBe("");
    expect(fields(blocks[1])).toBe("of-the-server=");
  });

  it("of a rollup counts as `all` in any case, but not with anything around it", () => {
    expect(fields(V + "Nats-Rollup: ALL\r\nNats-Rollup: aLl\r\nNats-Rollup:all")).toBe(
      "rollup-all=ALL|rollup-all=aLl|rollup-all=all",
    );
    const others: StaticArray<string> = ["sub", "all ", "allx", "al", "\x01\x0C\x0C", "a,l"];
    for (let i = 0; i < others.length; i++) {
      expect(fields(V + "Nats-Rollup: " + others[i] + "\r\n\r\n")).toBe("rollup-subject=" + others[i]);
    }
  });

  it("of a schedule's rollup counts as `all` unless it is `sub` alone", () => {
    expect(fields(V + "Nats-Schedule-Rollup: sub\r\n\r\n")).toBe("rollup-subject=sub");
    const others: StaticArray<string> = ["all", "ALL\t", "sub ", "su", "subs", "x"];
    for (let i = 0; i < others.length; i++) {
      expect(fields(V + "Nats-Schedule-Rollup: " + others[i] + "\r\n\r\n")).toBe("rollup-all=" + others[i]);
    }
  });

  it("may be long and cross every stride of the scan", () => {
    for (let length = 0; length < 40; length++) {
      const filler = "x".repeat(length);
      expect(fields(V + "F: " + filler + "\r\nNats-Scheduler: " + filler + "y\r\n\r\n")).toBe(
        "scheduler=" + filler + "y",
      );
    }
  });
});
