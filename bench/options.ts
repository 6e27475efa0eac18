import { closeSync, existsSync, openSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { InvalidArgumentError } from "commander";

// What the options of both benches accept. All of it is checked before anything is measured, which may take ten minutes.

/** Parses `a,b`. Each part must be one of `names`. */
export function listOf<T extends string>(names: readonly T[]) {
  return (text: string): T[] =>
    text.split(",").map((word) => {
      const found = names.find((name) => name === word);
      if (!found) throw new InvalidArgumentError(`There is no "${word}". There are: ${names.join(", ")}.`);
      return found;
    });
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("It must be a positive number.");
  return value;
}

export function wholeNumber(least: number, most = Infinity) {
  const bounds = `at least ${least}${most === Infinity ? "" : ` and at most ${most}`}`;
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number, ${bounds}.`);
  };
}

export function moduleFile(text: string): string {
  if (!statSync(text, { throwIfNoEntry: false })?.isFile()) throw new InvalidArgumentError("There is no such file.");
  if (!WebAssembly.validate(readFileSync(text))) throw new InvalidArgumentError("It is not a WebAssembly module.");
  return text;
}

export function fileToWrite(text: string): string {
  if (!existsSync(dirname(text))) throw new InvalidArgumentError("There is no such folder.");
  if (text === "" || statSync(text, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError("It must be the name of a file.");
  }
  try {
    checkWritable(text);
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be written: ${(error as Error).message}.`);
  }
  return text;
}

/** Throws what the system says if this file cannot be written. It changes nothing there. */
export function checkWritable(file: string): void {
  const present = statSync(file, { throwIfNoEntry: false });
  // To open a pipe is to wait for its reader.
  if (present && !present.isFile()) return;
  closeSync(openSync(file, "a"));
  // A link to nothing stays.
  if (!present) rmSync(realpathSync(file));
}
