import { allocateForHost, receiveInto, receiveProperty, releaseAnswer } from "../../assembly/proxy/memory";

/** Bytes of the area for properties. */
const PROPERTY: usize = 16 * 1024;

describe("memory for an answer of the host", () => {
  it("is the area that was named for it, if the answer fits, and else a block of its own", () => {
    const area = heap.alloc(112);
    receiveInto(area, 100);
    expect(allocateForHost(0)).toBe(area);
    expect(allocateForHost(100)).toBe(area);
    const block = allocateForHost(101);
    expect(block).not.toBe(area);
    releaseAnswer(block);
    releaseAnswer(area);
    releaseAnswer(0);
    receiveProperty();
    heap.free(area);
  });

  it("is one area for all properties of up to 16 KiB", () => {
    const area = allocateForHost(1);
    expect(allocateForHost(PROPERTY)).toBe(area);
    const block = allocateForHost(PROPERTY + 1);
    expect(block).not.toBe(area);
    releaseAnswer(block);
  });
});
