import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forgetPeak, peakOf, residentOf } from "../stand/resident.ts";

const PAGE = 65_536;
const MIB = 1 << 20;

describe(
  "what a process holds of the machine's memory",
  { skip: process.platform !== "linux" && "Linux alone has smaps" },
  () => {
    it("tells how large each memory of Wasm is, and how much of it was written to", () => {
      const before = residentOf(process.pid);
      const memory = new WebAssembly.Memory({ initial: 320, maximum: 512 });
      new Uint8Array(memory.buffer, 5 * PAGE, 192 * PAGE).fill(1);
      const after = residentOf(process.pid);
      const found = after.memories.filter(({ size }) => size === 320 * PAGE);
      assert.deepEqual(found, [{ size: 320 * PAGE, resident: 192 * PAGE }]);
      assert.equal(after.memories.length, before.memories.length + 1);
      for (const key of ["all", "anonymous"] as const)
        assert.ok(after[key] - before[key] > 10 * MIB, `${key}: ${before[key]} and then ${after[key]}`);
      memory.grow(64);
      assert.ok(residentOf(process.pid).memories.some(({ size }) => size === 384 * PAGE));
    });

    it("remembers the most that there was, until that is forgotten", () => {
      const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024 });
      new Uint8Array(memory.buffer).fill(1);
      assert.ok(peakOf(process.pid) >= residentOf(process.pid).all - MIB);
      assert.ok(peakOf(process.pid) >= 64 * MIB);
      forgetPeak(process.pid);
      const peak = peakOf(process.pid);
      assert.equal(memory.buffer.byteLength, 64 * MIB);
      assert.ok(Math.abs(peak - residentOf(process.pid).all) < 16 * MIB, `${peak}`);
    });
  },
);
