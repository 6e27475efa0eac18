import { Ascii, isControl } from "../bytes/ascii";
import { decimal, hexadecimal } from "../bytes/digits";
import { beginning } from "../bytes/text";

/** More faults than this are counted, not listed: nobody reads on, and the log line is bounded. */
export const MAX_LISTED_FAULTS: i32 = 100;

/** UTF-16 units of a text of the configuration that a fault shows at most. */
export const MAX_SHOWN_UNITS: i32 = 80;

/** One thing wrong with a configuration: where, what, and what to write instead. */
export class Fault {
  constructor(
    /** Where, as `rules[3].publish.allow[0]`; "configuration" for the whole. */
    readonly path: string,
    readonly message: string,
  ) {}

  /** As operators read it, in one line. */
  toString(): string {
    return this.path + ": " + this.message;
  }
}

/** Every fault of one configuration, so that one round of correction is enough. */
export class Faults {
  /** The first MAX_LISTED_FAULTS of them, in the order of the text. */
  readonly listed: Fault[] = [];
  /** All of them, listed or not. */
  count: i32 = 0;

  /** Is there none? */
  get isEmpty(): bool {
    return this.count == 0;
  }

  /** Are so many listed that a further fault is only counted? */
  get isFull(): bool {
    return this.listed.length >= MAX_LISTED_FAULTS;
  }

  /** Adds a fault; an empty path is that of the whole configuration. */
  add(path: string, message: string): void {
    this.count++;
    if (this.isFull) return;
    this.listed.push(new Fault(path.length > 0 ? path : "configuration", message));
  }

  /** A line a fault, without a line end behind the last; "" when there is none. */
  toString(): string {
    const lines: string[] = [];
    for (let i = 0; i < this.listed.length; i++) {
      lines.push(this.listed[i].toString());
    }
    const unlisted = this.count - this.listed.length;
    if (unlisted > 0) {
      lines.push(`and ${decimal(unlisted)} more ${unlisted == 1 ? "fault" : "faults"}`);
    }
    return lines.join("\n");
  }
}

/** Text of the configuration as a fault shows it: in double quotes, on one line, at most MAX_SHOWN_UNITS of it. */
export function quoted(text: string): string {
  const shown: string[] = ['"'];
  const length = beginning(text, MAX_SHOWN_UNITS).length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit == Ascii.QUOTE || unit == Ascii.BACKSLASH) {
      shown.push("\\" + text.charAt(i));
    } else if (isControl(unit)) {
      shown.push("\\x" + hexadecimal(unit, 2));
    } else {
      shown.push(text.charAt(i));
    }
  }
  if (text.length > length) shown.push("…");
  shown.push('"');
  return shown.join("");
}
