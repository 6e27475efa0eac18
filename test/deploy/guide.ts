import { read } from "../../tools/paths.ts";

/** The fenced texts of a guide whose info string is `kind`. */
export function snippets(file: string, kind: string): string[] {
  const found = [...read(file).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, fence]) => fence === kind);
  return found.map(([, , text = ""]) => text);
}
