import { EntryList, NO_ENTRIES } from "./entry-list";
import { Sources } from "./source";

/** Whether decisions are carried out, or only counted and audited. */
export const enum Mode {
  ENFORCE,
  DRY_RUN,
}

/** The words for them in configurations and stats, by `Mode`. */
export const MODES: StaticArray<string> = ["ENFORCE", "DRY_RUN"];

/** `allow_responses` without an end to the number of responses. */
export const UNLIMITED_RESPONSES: i32 = -1;

/** `allow_responses` without an end to their time, in milliseconds. */
export const UNLIMITED_TIME: i64 = -1;

/** nats-server's DEFAULT_ALLOW_RESPONSE_MAX_MSGS. */
export const DEFAULT_RESPONSES: i32 = 1;

/** nats-server's DEFAULT_ALLOW_RESPONSE_EXPIRATION, in milliseconds. */
export const DEFAULT_RESPONSE_TIME: i64 = 120_000;

/** Of a rule without `from`, which is a fault. */
const NO_SOURCES: Sources = new Sources([]);

/** `publish` or `subscribe` of one rule. An empty `allow` allows nothing. */
export class SubjectRules {
  allow: EntryList = NO_ENTRIES;
  /** `allow: ALL`: everything, as an absent list means it to nats-server. */
  allowAll: bool = false;
  deny: EntryList = NO_ENTRIES;
}

/** Of a rule that does not say; nobody changes it. */
const NO_SUBJECTS: SubjectRules = new SubjectRules();

/** `allow_responses` of one rule. */
export class ResponseRule {
  constructor(
    /** Responses to one message, at least 1, or UNLIMITED_RESPONSES. */
    readonly max: i32,
    /** Milliseconds after that message, at least 1, or UNLIMITED_TIME. */
    readonly expiresMs: i64,
  ) {}
}

/** One entry of `rules`; its name is in `PolicyDocument.names`. */
export class Rule {
  /** The rule's own word; a configuration in DRY_RUN carries none of its rules out. */
  mode: Mode = Mode.ENFORCE;
  from: Sources = NO_SOURCES;
  publish: SubjectRules = NO_SUBJECTS;
  subscribe: SubjectRules = NO_SUBJECTS;
  /** Null when the rule grants none. */
  responses: ResponseRule | null = null;
  /** `replies: ANY`: reply subjects are not held to the subscribe permissions. */
  repliesAny: bool = false;
  /** `rollup: ALL`: headers about a whole stream, or more than one subject, may be sent (nats/header-uses.ts). */
  rollupAll: bool = false;
  /** It is only what another rule of the same place denies (`denials`). */
  isDenials: bool = false;

  constructor(
    /** Its place in `rules`. */
    readonly index: i32,
  ) {}

  /** Bytes of all its lists. */
  get listBytes(): i32 {
    return (
      this.publish.allow.length + this.publish.deny.length + this.subscribe.allow.length + this.subscribe.deny.length
    );
  }

  /** Has it an entry that denies? */
  get denies(): bool {
    return this.publish.deny.length > 0 || this.subscribe.deny.length > 0;
  }

  /** What it denies, as a rule that allows nothing. */
  denials(): Rule {
    const rule = new Rule(this.index);
    rule.isDenials = true;
    rule.mode = this.mode;
    rule.publish = new SubjectRules();
    rule.publish.deny = this.publish.deny;
    rule.subscribe = new SubjectRules();
    rule.subscribe.deny = this.subscribe.deny;
    return rule;
  }
}
