import { ByteRun } from "../bytes/byte-run";
import { sameBytes } from "../bytes/compare";
import { hashBytes } from "../bytes/hash";
import { HashChains, NO_LINK } from "../bytes/hash-chains";
import { NONE } from "./none";

/**
 * The names of a configuration's rules, by the rules' places. They lie in one block, since they live longer than the rules: what
 * connections end with names rules of a policy that has been replaced.
 */
@final
export class RuleNames {
  /** Numbers under which stats know the names (telemetry/names.ts), NONE until they are needed. */
  private readonly labels: StaticArray<i32>;

  constructor(
    private readonly texts: StaticArray<u8>,
    /** Where each name ends in `texts`. */
    private readonly ends: StaticArray<i32>,
  ) {
    this.labels = new StaticArray<i32>(ends.length).fill(NONE);
  }

  /** The name of a rule, by its place; "" if it could not be read. */
  of(rule: i32): string {
    const start = rule == 0 ? 0 : this.ends[rule - 1];
    return String.UTF8.decodeUnsafe(changetype<usize>(this.texts) + <usize>start, <usize>(this.ends[rule] - start));
  }

  /** The number that `setLabel` has given the rule's name, or NONE. */
  labelOf(rule: i32): i32 {
    return this.labels[rule];
  }

  /** Keeps the number of the rule's name, and answers it. */
  setLabel(rule: i32, label: i32): i32 {
    return (this.labels[rule] = label);
  }
}

/** Makes the `RuleNames` of a configuration. Its owner calls `finish` or `destroy`. */
@final
export class RuleNamesWriter {
  private readonly written: ByteRun = new ByteRun();
  private readonly ends: i32[] = [];
  /** Of each name the first rule that has it. */
  private readonly byHash: HashChains = new HashChains();

  /**
   * Writes the name of the rule in hand, at most once for each. Answers the place of the first rule that has the same name
   * already, or NONE.
   */
  write(name: usize, length: i32): i32 {
    const written = this.written;
    written.append(name, length);
    const hash = hashBytes(name, length);
    for (let link = this.byHash.first(hash); link != NO_LINK; link = this.byHash.behind(link)) {
      const rule = this.byHash.number(link);
      const start = rule == 0 ? 0 : this.ends[rule - 1];
      if (this.ends[rule] - start == length && sameBytes(written.pointer + <usize>start, name, length)) return rule;
    }
    this.byHash.add(hash, this.ends.length);
    return NONE;
  }

  /** The rule in hand has been read: its name is what was written for it, or "". */
  endRule(): void {
    this.ends.push(this.written.length);
  }

  /** The names of all rules for which `endRule` was called. The writer may not be used any more. */
  finish(): RuleNames {
    const texts = this.written.copied();
    this.destroy();
    return new RuleNames(texts, StaticArray.fromArray<i32>(this.ends));
  }

  /** Gives back what is not the collector's, where `finish` is not called. */
  destroy(): void {
    this.written.destroy();
  }
}
