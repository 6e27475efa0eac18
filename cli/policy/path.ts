import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";

/** One fault of the filter in its parts: `rules[3].publish.allow[0]`, and what is wrong there. */
export interface PathFault {
  path: string;
  message: string;
}

const STEP = /\.?([\w-]+)|\[(\d+)\]|\["((?:\\.|[^"\\])*)"\]/y;

/** A fault of the key itself, not of its value. */
const ABOUT_KEY = /^(?:unknown key|is written twice)/;

/** Splits a fault's line. The path ends at the first `: ` outside a quoted key. */
export function splitFault(line: string): PathFault {
  let end = 0;
  STEP.lastIndex = 0;
  while (STEP.test(line)) end = STEP.lastIndex;
  if (!line.startsWith(": ", end)) return { path: "", message: line };
  const [path, message] = [line.slice(0, end), line.slice(end + 2)];
  // The filter's word for the whole, unless it is a key that somebody has written.
  return { path: path === "configuration" && !ABOUT_KEY.test(message) ? "" : path, message };
}

/** The steps of a path: keys as strings, indexes as numbers. */
export function stepsOf(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, key, index, quoted] of path.matchAll(new RegExp(STEP.source, "g"))) {
    steps.push(index !== undefined ? Number(index) : (key ?? unquoted(quoted ?? "")));
  }
  return steps;
}

/** The filter shows a strange key in double quotes, escaped (assembly/policy/faults.ts, `quoted`). */
function unquoted(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|\\(.)/g, (_, hex: string | undefined, char: string | undefined) =>
    hex === undefined ? (char ?? "") : String.fromCharCode(parseInt(hex, 16)),
  );
}

/**
 * Where in the text the fault's path is. A missing value is reported at the nearest thing around it, and so is a key that is
 * longer than the filter shows.
 */
export function placeOfFault(config: Field, { path, message }: PathFault): Place {
  const steps = stepsOf(path);
  const target = config.get(...steps);
  if (target && ABOUT_KEY.test(message)) return target.keyPlace;
  return target && steps.length > 0 ? target.place : config.placeOf(...steps);
}
