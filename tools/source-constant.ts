import { readFileSync } from "node:fs";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";

/** The value of a constant in the filter's source. Whatever is made from it cannot state another number than the filter has. */
export function sourceConstant(file: string, name: string): number {
  const source = readFileSync(inRoot("assembly", file), "utf8");
  const value = new RegExp(`const ${name}: i(?:32|64) = ([\\d_]+);`).exec(source)?.[1];
  if (value === undefined) throw new Fault(`assembly/${file} has no constant ${name}: write here where it is now.`);
  return Number(value.replaceAll("_", ""));
}

/** The strings of an array constant in the filter's source, in order. */
export function sourceList(file: string, name: string): string[] {
  const source = readFileSync(inRoot("assembly", file), "utf8");
  const [, list = ""] = new RegExp(`const ${name}: StaticArray<[^=]*> = \\[([^\\]]*)\\]`).exec(source) ?? [];
  const found = [...list.matchAll(/"(\w+)"/g)].map(([, one = ""]) => one);
  if (found.length === 0) throw new Fault(`assembly/${file} has no list ${name}: write here where it is now.`);
  return found;
}
