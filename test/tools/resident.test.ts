import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { forgetPeak, peakOf, residentOf } from "../stand/resident.ts";

const PAGE = 65_536;
const MIB = 1 << 20;
const HUGE_PAGE = 2 * MIB;

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
      assert.equal(found.length, 1);
      // Where Linux makes huge pages of all memory (transparent_hugepage `always`), one at each end may be larger than what was written.
      const [{ resident } = { resident: 0 }] = found;
      assert.ok(resident >= 192 * PAGE && resident <= 192 * PAGE + 2 * HUGE_PAGE, `${resident}`);
      assert.equal(after.memories.length, before.memories.length + 1);
      for (const key of ["all", "anonymous"] as const)
        assert.ok(after[key] - before[key] > 8 * MIB, `${key}: ${before[key]} and then ${after[key]}`);
      memory.grow(64);
      assert.ok(residentOf(process.pid).memories.some(({ size }) => size === 384 * PAGE));
    });

    it("remembers the most that there was, until that is forgotten", async () => {
      // What a thread held is given back with it.
      const thread = new Worker(`new Uint8Array(${128 * MIB}).fill(1);`, { eval: true });
      await once(thread, "exit");
      const resident = residentOf(process.pid).all;
      const peak = peakOf(process.pid);
      assert.ok(peak > resident + 96 * MIB, `${peak} at most, and ${resident} now`);
      forgetPeak(process.pid);
      const later = peakOf(process.pid);
      assert.ok(Math.abs(later - resident) < 32 * MIB, `${later} at most, and ${resident} before`);
    });
  },
);
