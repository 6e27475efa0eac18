import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Workload } from "./workload.ts";

export interface Argument {
  value: string;
  place: Place;
}

interface Word {
  text: string;
  place: Place;
}

/**
 * The words of a command line. One with blanks that is no option is a shell's line, `sh -c "exec nats-server -m 8222"`: what stands
 * before nats-server there is for the shell or for other programs.
 */
function wordsOf(container: Field): Word[] {
  let words: Word[] = [];
  for (const field of [...container.items("command"), ...container.items("args")]) {
    const text = field.text() ?? "";
    const line = text.startsWith("-") ? [text] : text.split(/\s+/);
    const server = line.length > 1 ? line.findIndex((word) => /^(?:.*\/)?nats-server$/.test(word)) : -1;
    if (server >= 0) words = [];
    words.push(...line.slice(server + 1).map((word) => ({ text: word, place: field.place })));
  }
  return words;
}

/** The first word on nats-server's command line that is this flag. */
export function flagOf({ servers }: Workload, flag: RegExp): Argument | undefined {
  const word = servers.flatMap(wordsOf).find(({ text }) => flag.test(text));
  return word && { value: word.text, place: word.place };
}

/** The values of an option on nats-server's command line. `flag` captures what follows its `=`; else the next word is the value. */
export function argumentsOf({ servers }: Workload, flag: RegExp): Argument[] {
  return servers.flatMap((container) => {
    const words = wordsOf(container);
    return words.flatMap(({ text, place }, index) => {
      const match = flag.exec(text);
      const next = words[index + 1];
      if (match?.[1] !== undefined) return [{ value: match[1], place }];
      return match && next ? [{ value: next.text, place: next.place }] : [];
    });
  });
}
