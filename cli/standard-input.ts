import { readSync } from "node:fs";

const STANDARD_INPUT = 0;

const CHUNK_BYTES = 1 << 16;

/** Long compared with a system call, too short for a person to notice. */
const PAUSE_MILLISECONDS = 10;

/** All of standard input. Its creator may have made it non-blocking, in which case reading fails with EAGAIN and is tried again. */
export function readStandardInput(): Buffer {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readAgain(chunk);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
  }
}

function readAgain(into: Buffer): number {
  for (;;) {
    try {
      return readSync(STANDARD_INPUT, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows reports the end of a pipe like this.
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
    }
  }
}
