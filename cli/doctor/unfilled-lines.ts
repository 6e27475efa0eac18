import { getOrMake } from "../get-or-make.ts";
import { withoutComment } from "../manifests/text-lines.ts";
import type { Source } from "../manifests/source.ts";
import { afterFilling, firstUnfilled, unfilledRemedy } from "../manifests/unfilled.ts";
import type { Finding } from "./finding.ts";

/** On a command line it is the shell that fills `${…}` in, in the container. */
const OF_SHELL = /(?:^|[\s"'[,/])(?:exec|sh|bash|nats-server)(?=$|[\s"',\]])/;

/** JSON may be one line of everything. Of such a line only what follows the place of a finding is looked at. */
const LONG = 1000;
const NEAR = 200;

/** What is not YAML has been told so by its own line, and the others are about no value but the whole file or object. */
const OF_NO_VALUE = ["yaml-syntax", "helm-template", "kustomization", "no-object", "no-policy", "not-rendered"];

/** What is still to be filled in on a line, with what to do about it. */
function remedyOf(line: string, column: number): string | undefined {
  const text = line.length > LONG ? line.slice(column - 1, column - 1 + NEAR) : withoutComment(line);
  const unfilled = firstUnfilled(text);
  return unfilled && !OF_SHELL.test(text) ? unfilledRemedy(unfilled.written) : undefined;
}

/** Says of each finding about a line with `${…}` or `{{…}}` to fill that in first: what is wrong may be that the value is not there yet. */
export function withUnfilledLines(findings: readonly Finding[], sources: readonly Source[]): Finding[] {
  const texts = new Map(sources.filter(({ text }) => firstUnfilled(text)).map(({ file, text }) => [file, text]));
  const lines = new Map<string, string[]>();
  return findings.map((finding) => {
    const { id, place, remedy } = finding;
    const text = texts.get(place.file);
    if (text === undefined || OF_NO_VALUE.includes(id)) return finding;
    const line = getOrMake(lines, place.file, () => text.split("\n"))[place.line - 1] ?? "";
    const fill = remedyOf(line, place.column);
    const isTold = fill !== undefined && remedy.startsWith(fill);
    return isTold ? finding : { ...finding, remedy: afterFilling(fill, remedy) };
  });
}
