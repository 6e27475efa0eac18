import { hasUse, isMalformed } from "../../assembly/nats/headers";
import { areUsual } from "../../assembly/nats/usual-headers";
import { Random } from "./random-support";

const V = "NATS/1.0\r\n";
const END = "\r\n\r\n";

const random: Random = new Random(20_261_201);

/** What decides, and parts of it. */
const PIECES: StaticArray<string> = [
  "Nats-Msg-Id:",
  "Nats-Msg-Id",
  "Nats-Msg-I",
  "Nats-Trace-Dest: t",
  "Nats-Rollup: all",
  "Nats-TTL:1",
  "Nats-Expected-Last-Msg-Id: 1",
  "Nats-Expected-Stream: 1",
  "Nmqtt-Mapped: a",
  "Nats-",
  "Nats",
  "Status: 100",
  "Status:",
  "traceparent: 00-4b",
  "N",
  "S",
  "-",
  "\r",
  "\n",
  " ",
  "\t",
  "x",
  "0123456789abcdef",
];

/** What may follow a block: the beginning of a payload, or of the next line. */
const BEHIND: StaticArray<string> = ["Nats-Trace-Dest: t.a\r\n", "Status: 100\r\n\r\n", "xNats-Trace-Dest", "x"];

/** In a block that is usual to `areUsual`, `hasUse` must find nothing. Answers whether it was usual. */
function isUsual(block: string, behind: string = ""): bool {
  const bytes = String.UTF8.encode(block + behind + "\0".repeat(19));
  const pointer = changetype<usize>(bytes);
  assert(!isMalformed(pointer, block.length), block);
  const usual = areUsual(pointer, block.length);
  if (usual) assert(!hasUse(pointer, block.length), block);
  return usual;
}

describe("headers that are usual", () => {
  it("have no use by the closer look, whatever they are made of", () => {
    let usual = 0;
    const rounds = 60_000;
    for (let round = 0; round < rounds; round++) {
      let block = random.below(8) == 0 ? "NATS/1.0 " : V.substring(0, V.length - 2);
      for (let i = random.below(7); i > 0; i--) {
        if (random.below(2) == 0) block += "\r\n";
        block += PIECES[random.below(PIECES.length)];
      }
      if (isUsual(block + END, BEHIND[random.below(BEHIND.length)])) usual++;
    }
    expect(usual).toBeGreaterThan(rounds / 20);
    expect(usual).toBeLessThan((rounds / 20) * 19);
  });

  it("are those of tracing and of deduplication, wherever they stand and whatever follows them", () => {
    const trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (let before = 0; before < 40; before++) {
      const first = "a: " + "b".repeat(before) + "\r\n";
      for (let i = 0; i < BEHIND.length; i++) {
        expect(isUsual(V + first + "Nats-Msg-Id: 7f" + END, BEHIND[i])).toBe(true);
        expect(isUsual(V + first + "Nats-Msg-Id:7f\r\n" + trace + END, BEHIND[i])).toBe(true);
        expect(isUsual(V + first + trace + "\r\ntracestate: Nb=N\r\nNats-Msg-Id: Nats-1" + END, BEHIND[i])).toBe(false);
        expect(isUsual(V + first + trace + "\r\nSource: Shop\r\nNats-Msg-Id: N-1" + END, BEHIND[i])).toBe(true);
      }
    }
    expect(isUsual(V + "\r\n")).toBe(true);
    expect(isUsual(V + "Nats-Expected-Stream: S\r\nNats-Expected-Last-Subject-Sequence: 17" + END)).toBe(true);
    expect(isUsual(V + "Name: Nine" + END)).toBe(true);
  });

  it("are not those that mean something to nats-server or to a client, wherever they stand", () => {
    const meaning: StaticArray<string> = [
      "Nats-Trace-Dest: t",
      "Nats-Msg-Id",
      "Nats-Expected-Last-Msg-Id: 1",
      "Nats-TTL:1",
      "Nats-Rollup: sub",
      "Nmqtt-Subject: a",
      "Status: 100",
      "a: b\nNats-Msg-Id: 1",
      "a: Nats-Msg-Id:",
      "aNats-b",
      "a: \tStatus:100",
    ];
    for (let before = 0; before < 40; before++) {
      const first = "Nats-Msg-Id: " + "b".repeat(before) + "\r\n";
      for (let i = 0; i < meaning.length; i++) {
        expect(isUsual(V + first + meaning[i] + END)).toBe(false, meaning[i]);
        expect(isUsual(V + meaning[i] + "\r\n" + first + "\r\n")).toBe(false, meaning[i]);
      }
    }
    expect(isUsual("NATS/1.0 100" + END)).toBe(false);
    expect(isUsual("NATS/1.0 503\r\na: b" + END)).toBe(false);
  });
});
