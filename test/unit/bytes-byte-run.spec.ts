import { ByteRun } from "../../assembly/bytes/byte-run";
import { usedBytes } from "../../assembly/bytes/budget";
import { expectGivenBack, lengthOf, pointerTo, textAt } from "./bytes-support";

function append(run: ByteRun, text: string): i32 {
  return run.append(pointerTo(text), lengthOf(text));
}

describe("a run of bytes", () => {
  it("has no memory at first and can then be destroyed", () => {
    const run = new ByteRun();
    expect(run.pointer).toBe(0);
    run.trim();
    expect(run.pointer).toBe(0);
    run.destroy();
  });

  it("returns where each text lies, and keeps all of them when it grows", () => {
    const run = new ByteRun();
    for (let i = 0; i < 1000; i++) assert(append(run, "text" + (i % 10).toString()) == i * 5, i.toString());
    for (let i = 0; i < 1000; i++) {
      assert(textAt(run.pointer + <usize>(i * 5), 5) == "text" + (i % 10).toString(), i.toString());
    }
    expect(run.length).toBe(5000);
    run.destroy();
  });

  it("reserves room that can be written to afterwards", () => {
    const run = new ByteRun();
    append(run, "ab");
    store<u8>(run.extend(1), 0x63);
    expect(textAt(run.pointer, run.length)).toBe("abc");
    expect(append(run, "")).toBe(3);
    run.destroy();
  });

  it("moves as soon as it is one byte too long for its memory", () => {
    const run = new ByteRun();
    append(run, "x".repeat(64));
    const full = run.pointer;
    append(run, "y");
    expect(run.pointer).not.toBe(full);
    run.destroy();
  });

  it("has memory for all of a text that is longer than twice what it had", () => {
    const run = new ByteRun();
    append(run, "x".repeat(5000));
    const other = heap.alloc(64);
    expect(other >= run.pointer + 5000 || other + 64 <= run.pointer).toBe(true);
    heap.free(other);
    run.destroy();
  });

  it("keeps the rest when it is trimmed, and continues from there", () => {
    const run = new ByteRun();
    append(run, "x".repeat(100));
    append(run, "y");
    const large = run.pointer;
    run.length = 100;
    run.trim();
    const trimmed = run.pointer;
    expect(trimmed).not.toBe(large);
    run.trim();
    expect(run.pointer).toBe(trimmed);
    append(run, "y");
    expect(textAt(run.pointer, run.length)).toBe("x".repeat(100) + "y");
    run.length = 0;
    run.trim();
    expect(append(run, "z")).toBe(0);
    expect(textAt(run.pointer, 1)).toBe("z");
    run.destroy();
  });

  it("leaves nothing where it has grown or been trimmed, and nothing of itself when it is destroyed", () => {
    expectGivenBack(() => {
      const run = new ByteRun();
      let places = changetype<usize>(run);
      for (let length = 10; length <= 1000; length *= 10) places += run.extend(length);
      run.length = 20;
      run.trim();
      places += run.pointer;
      run.destroy();
      return places;
    });
  });

  it("is not charged to the budget of connections", () => {
    const run = new ByteRun();
    append(run, "text");
    expect(usedBytes()).toBe(0);
    run.destroy();
  });
});
