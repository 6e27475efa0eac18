import { writeFileSync } from "node:fs";
import { messageOf } from "../tools/fault.ts";

/**
 * Lets a run outlive whoever reads its tables. Without this, `| head` or a closed pager would end it, with all that it has measured.
 * If it writes no file, it ends then, since nobody else is to get its figures.
 */
export function outliveReader(writesFile: boolean): void {
  // What `2>&1 | head` cuts off besides is only progress.
  process.stderr.on("error", () => undefined);
  let isCut = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Every further write fails too.
    if (isCut) return;
    isCut = true;
    if (error.code !== "EPIPE") report(error);
    if (!writesFile) process.exit();
  });
}

/** Writes a file of figures. If it cannot be, says so in one line and answers false: the run fails, but may have another to write. */
export function writeFigures(file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch (error) {
    report(error);
    return false;
  }
}

function report(error: unknown): void {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
}
