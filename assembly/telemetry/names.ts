import { Ascii } from "../bytes/ascii";
import { beginning } from "../bytes/text";
import { NO_SUBJECT, OTHER_CLASS } from "../policy/subject-classes";

/** Labels' values that a configuration names (subject classes, rules), numbered, since a counter is found by numbers. */

/** The number of the name `other`: of what matches no class, and of names beyond the bound. */
export const OTHER: i32 = OTHER_CLASS;
/** The number of the name `unknown`: of operations without a subject, and of refusals that no rule decided. */
export const UNKNOWN: i32 = NO_SUBJECT;

/** The value of a label, or of a field of the audit, that is not known. */
export const UNKNOWN_NAME: string = "unknown";

/** The same for a text that is "" where it is not known. */
export function orUnknown(text: string): string {
  return text == "" ? UNKNOWN_NAME : text;
}

/** Classes of subjects that are told apart, OTHER and UNKNOWN included. A number has one byte. */
export const MAX_CLASS_NUMBERS: i32 = 256;

/** Names of rules that stats tell apart, over all configurations of a VM. A key of refusals has 16 bits for them. */
const MAX_RULE_NAMES: i32 = 8192;

/**
 * Numbers names. A name keeps its number as long as the VM lives, through all configurations of its plugins, because a stat of
 * Envoy's lives as long: so `most` bounds the series of all of them together. Names that come later are OTHER.
 */
@final
export class Names {
  private readonly numbers: Map<string, i32> = new Map();
  private readonly names: string[] = [];

  constructor(private readonly most: i32) {
    this.of("other");
    this.of(UNKNOWN_NAME);
  }

  /** The number of a name, which is given one if it has none, or OTHER. */
  of(name: string): i32 {
    if (this.numbers.has(name)) return this.numbers.get(name);
    if (this.names.length >= this.most) return OTHER;
    const number = this.names.length;
    this.names.push(name);
    this.numbers.set(name, number);
    return number;
  }

  /** The name that has a number, as a label's value. */
  at(number: i32): string {
    return labelValue(this.names[number]);
  }
}

/** Names of classes and of rules for the whole VM, since plugins that have the same text in force share what was read of it. */
export const classNames: Names = new Names(MAX_CLASS_NUMBERS);
export const ruleNames: Names = new Names(MAX_RULE_NAMES);

/** Istio's form of a label inside a raw stat name: `extraStatTags` makes Prometheus labels of it. */
export function label(name: string, value: string): string {
  return name + "=.=" + value + ";.;";
}

/**
 * UTF-16 units of a label's value at most: more than any SPIFFE identity of Kubernetes names has (63 + 253 and the trust
 * domain).
 */
const MAX_LABEL: i32 = 512;

/** Words that Istio's own expressions look for anywhere in a name (envoy_bootstrap.json: `cache\.(.+?)\.` and the like). */
const ISTIOS_WORDS: StaticArray<string> = ["cache.", "component.", "tag.", "wasm_filter.", "rbac."];

/**
 * A text as the value of a label. Certificates may hold any URI: nothing in it may end the label, begin another one (Istio's
 * expressions are not anchored) or break the line.
 */
export function labelValue(value: string): string {
  let clean = "";
  value = beginning(value, MAX_LABEL);
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    clean +=
      c <= Ascii.SPACE ||
      c == Ascii.DELETE ||
      c == Ascii.SEMICOLON ||
      c == Ascii.EQUALS ||
      c == Ascii.QUOTE ||
      c == Ascii.BACKSLASH
        ? "_"
        : String.fromCharCode(c);
  }
  for (let i = 0; i < ISTIOS_WORDS.length; i++) {
    const word = ISTIOS_WORDS[i];
    // Not `replaceAll`, nor `split` and `join`, each of which would be another 700 bytes of the module.
    for (let at = clean.indexOf(word); at >= 0; at = clean.indexOf(word)) {
      const dot = at + word.length - 1;
      clean = clean.substring(0, dot) + "_" + clean.substring(dot + 1);
    }
  }
  return clean;
}
