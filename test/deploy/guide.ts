import { readFileSync } from "node:fs";
import { inRoot } from "../../tools/paths.ts";

/** A page of the repository, or any other of its texts. */
export function read(file: string): string {
  return readFileSync(inRoot(...file.split("/")), "utf8");
}

/** The fenced texts of a guide whose info string is `kind`. */
export function snippets(file: string, kind: string): string[] {
  const found = [...read(file).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, fence]) => fence === kind);
  return found.map(([, , text = ""]) => text);
}
