import { Ascii, isControl } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { utf8 } from "../bytes/text";
import { quoted } from "./faults";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { NONE } from "./none";
import { RuleNames, RuleNamesWriter } from "./rule-names";
import { MODES, Rule, SubjectRules } from "./rules";
import { Direction, readSubjectRules } from "./rules-entry";
import { readResponses } from "./rules-responses";
import { readSources } from "./source-read";

/** A Kubernetes object of 1.5 MiB holds some 15,000; this bounds what 8 MiB of empty rules can cost. */
export const MAX_RULES: i32 = 100_000;

/** A rule's name is a label of stats, kept until the proxy ends. In bytes of UTF-8. */
export const MAX_NAME_BYTES: i32 = 128;

const REPLIES: StaticArray<string> = ["OWN", "ANY"];
// The values that NATS gives the header Nats-Rollup, in the case of our words.
const ROLLUPS: StaticArray<string> = ["SUB", "ALL"];

const enum Key {
  NAME,
  MODE,
  FROM,
  PUBLISH,
  SUBSCRIBE,
  ALLOW_RESPONSES,
  REPLIES,
  ROLLUP,
}

const RULE_KEYS: StaticArray<string> = [
  "name",
  "mode",
  "from",
  "publish",
  "subscribe",
  "allow_responses",
  "replies",
  "rollup",
];

/** Why `name` cannot name a rule in stats and audit, with the remedy; "" when it can. */
function nameProblem(name: string): string {
  const bytes = String.UTF8.byteLength(name);
  if (bytes > MAX_NAME_BYTES) {
    return `is ${decimal(bytes)} bytes long: use at most ${decimal(MAX_NAME_BYTES)}`;
  }
  for (let i = 0, length = name.length; i < length; i++) {
    if (isControl(name.charCodeAt(i))) return "has a control character: remove it";
  }
  // Istio's tag expressions cut a stat's raw name at these.
  if (name.includes(";.;") || name.includes("=.=")) {
    return "has ;.; or =.=, which separate the labels of a stat: write it without";
  }
  return "";
}

/** Can the bytes name a rule, having no character for which `nameProblem` must be asked? */
function isPlainName(start: usize, end: usize): bool {
  if (end - start > <usize>MAX_NAME_BYTES) return false;
  for (let at = start; at < end; at++) {
    const byte: i32 = load<u8>(at);
    if (byte < Ascii.SPACE || byte >= Ascii.DELETE || byte == Ascii.SEMICOLON || byte == Ascii.EQUALS) return false;
  }
  return true;
}

/** Reads the configuration's `rules`, at least one and at most MAX_RULES. */
@final
export class RulesReader {
  private readonly names: RuleNamesWriter = new RuleNamesWriter();
  /** Is none left to be read? */
  private isRead: bool;

  constructor(
    private readonly reader: JsonReader,
    private readonly into: Rule[],
  ) {
    this.isRead = !reader.beginArray("a list of rules");
  }

  /** Reads rules, unless none is left, until one ends at `until` or behind it. Answers whether none is left. */
  readUntil(until: usize): bool {
    while (!this.isRead && this.reader.position < until) this.isRead = !this.readNext();
    return this.isRead;
  }

  /** The names of the rules. To be called once, when all are read. */
  finish(): RuleNames {
    return this.names.finish();
  }

  /** Gives back what is not the collector's, where `finish` is not called. */
  destroy(): void {
    this.names.destroy();
  }

  /** Reads one rule. Answers false where no further one is to be read. */
  private readNext(): bool {
    const reader = this.reader;
    const index = reader.nextElement();
    if (index < 0) {
      if (this.into.length == 0 && !reader.broken) {
        reader.fault("is empty, which refuses everybody: write at least one rule");
      }
      return false;
    }
    if (index >= MAX_RULES) {
      reader.fault(`one rule too many: at most ${decimal(MAX_RULES)} are read, so unite rules that share subjects`);
      reader.skipElements();
      return false;
    }
    const rule = new Rule(index);
    this.readRule(rule);
    this.names.endRule();
    this.into.push(rule);
    return true;
  }

  private readRule(rule: Rule): void {
    const reader = this.reader;
    if (!reader.beginObject('a rule such as {"name": "orders", "from": […], "publish": {"allow": ["orders.>"]}}')) {
      return;
    }
    let keysRead: u32 = 0;
    // How many entries and responses the rule has, faulty ones too: without any it does nothing.
    let said = 0;
    for (let key = reader.nextKey(RULE_KEYS); key != NO_MORE_KEYS; key = reader.nextKey(RULE_KEYS)) {
      keysRead |= 1 << key;
      said += this.readKey(key, rule);
    }
    if (!reader.broken) this.judge(keysRead, said);
  }

  /** Answers how much the key says that can change a decision. */
  private readKey(key: i32, rule: Rule): i32 {
    const reader = this.reader;
    switch (key) {
      case Key.NAME:
        this.readName();
        return 0;
      case Key.MODE:
        rule.mode = max(reader.readWord(MODES), 0);
        return 0;
      case Key.FROM:
        rule.from = readSources(reader);
        return 0;
      case Key.PUBLISH:
        rule.publish = new SubjectRules();
        return readSubjectRules(reader, Direction.PUBLISH, rule.publish);
      case Key.SUBSCRIBE:
        rule.subscribe = new SubjectRules();
        return readSubjectRules(reader, Direction.SUBSCRIBE, rule.subscribe);
      case Key.ALLOW_RESPONSES: {
        const faults = reader.faults.count;
        rule.responses = readResponses(reader);
        return rule.responses !== null || reader.faults.count > faults ? 1 : 0;
      }
      case Key.REPLIES:
        rule.repliesAny = reader.readWord(REPLIES) == 1;
        return 0;
      case Key.ROLLUP:
        rule.rollupAll = reader.readWord(ROLLUPS) == 1;
        return 0;
    }
    return 0;
  }

  /**
   * Reads the name without making a string of it, if that is possible: strings would be garbage among what stays of a large
   * policy, whose memory could then not be joined when it goes.
   */
  private readName(): void {
    const reader = this.reader;
    if (reader.atText && isPlainName(reader.textStart, reader.textEnd)) {
      reader.skip();
      this.write(reader.textStart, <i32>(reader.textEnd - reader.textStart));
      return;
    }
    const name = reader.readString("a name such as orders-api");
    if (name !== null) this.readText(name);
  }

  private readText(name: string): void {
    const problem = nameProblem(name);
    if (problem.length > 0) {
      this.reader.fault(`${quoted(name)} ${problem}`);
      return;
    }
    const bytes = utf8(name);
    this.write(changetype<usize>(bytes), bytes.length);
  }

  private write(name: usize, length: i32): void {
    const other = this.names.write(name, length);
    if (other == NONE) return;
    const shown = quoted(String.UTF8.decodeUnsafe(name, <usize>length));
    this.reader.fault(`${shown} is the name of rules[${decimal(other)}] already: write another one`);
  }

  /** Reports what the rule lacks: a name, a source, or anything that it allows or denies. */
  private judge(keysRead: u32, said: i32): void {
    const reader = this.reader;
    if ((keysRead & (1 << Key.NAME)) == 0) {
      reader.faultOf("name", "is missing: write what audit and stats shall call the rule");
    }
    if ((keysRead & (1 << Key.FROM)) == 0) {
      reader.faultOf(
        "from",
        'is missing, which is never "anyone": write [{"principals": ["*"]}] for every authenticated peer',
      );
    }
    if (said == 0) {
      reader.fault("does nothing: give publish or subscribe an allow or a deny, or write allow_responses");
    }
  }
}
