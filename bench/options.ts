import { readFileSync, statSync } from "node:fs";
import { InvalidArgumentError } from "commander";

// What options of the benches accept. It is checked before anything is measured, which may take a quarter of an hour.

/** Parses `a,b`. Each part must be one of `names`. */
export function listOf(names: readonly string[]) {
  return (text: string): string[] =>
    text.split(",").map((word) => {
      if (names.includes(word)) return word;
      throw new InvalidArgumentError(`There is no "${word}". There are: ${names.join(", ")}.`);
    });
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("It must be a positive number.");
  return value;
}

export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number, at least ${least}.`);
  };
}

export function moduleFile(text: string): string {
  if (!statSync(text, { throwIfNoEntry: false })?.isFile()) throw new InvalidArgumentError("There is no such file.");
  if (!WebAssembly.validate(readFileSync(text))) throw new InvalidArgumentError("It is not a WebAssembly module.");
  return text;
}
