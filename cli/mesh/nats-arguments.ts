import type { Place } from "../manifests/place.ts";
import type { Workload } from "./workload.ts";

export interface Argument {
  value: string;
  place: Place;
}

/** The words of a command line. One with blanks that is no option is a shell's line: `sh -c "exec nats-server -m 8222"`. */
function wordsOf(text: string): string[] {
  return text.startsWith("-") ? [text] : text.split(/\s+/);
}

/** The values of an option on nats-server's command line. `flag` captures what follows its `=`; else the next word is the value. */
export function argumentsOf({ servers }: Workload, flag: RegExp): Argument[] {
  return servers.flatMap((container) => {
    const fields = [...container.items("command"), ...container.items("args")];
    const words = fields.flatMap((field) => wordsOf(field.text() ?? "").map((text) => ({ text, place: field.place })));
    return words.flatMap(({ text, place }, index) => {
      const match = flag.exec(text);
      const next = words[index + 1];
      if (match?.[1] !== undefined) return [{ value: match[1], place }];
      return match && next ? [{ value: next.text, place: next.place }] : [];
    });
  });
}
