import { readSync } from "node:fs";

const CHUNK_BYTES = 1 << 16;

/** Long compared with a system call, too short for a person to notice. */
const PAUSE_MILLISECONDS = 10;

/**
 * All that an open file has, or little more than `most` bytes of it: a pipe or a device may never end. Its creator may have made
 * it non-blocking, in which case reading fails with EAGAIN and is tried again.
 */
export function readBytes(descriptor: number, most: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; total <= most;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readAgain(descriptor, chunk);
    if (length === 0) break;
    total += length;
    chunks.push(chunk.subarray(0, length));
  }
  return Buffer.concat(chunks);
}

function readAgain(descriptor: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows reports the end of a pipe like this.
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
    }
  }
}
