import { growTo } from "../bytes/linear-memory";
import { readPolicy } from "../policy/config";
import { PolicyDocument } from "../policy/document";
import { RuleSets } from "../policy/rule-set";

/** A configuration that this VM has read, shared by all of its plugins that have it in force. */
@final
export class LoadedPolicy {
  private users: i32 = 0;

  constructor(
    /** Of the text; 0 for the one before the first configuration, which is of no text. */
    readonly fingerprint: u64,
    readonly rules: RuleSets,
  ) {}

  get document(): PolicyDocument {
    return this.rules.document;
  }

  /** It stays findable until `release` is called as often. */
  hold(): void {
    this.users++;
    if (this.users == 1 && this.fingerprint != 0) loaded.push(this);
  }

  release(): void {
    if (--this.users > 0) return;
    hasReleased = true;
    this.rules.end();
    const place = loaded.indexOf(this);
    if (place >= 0) loaded.splice(place, 1);
  }
}

/**
 * Bytes of linear memory that a VM has use for under a policy of rules that are as small as they can be, for each byte of its
 * text: 20 while it takes the place of another of its size and all tables of decisions are full, and some for gaps.
 */
const MEMORY_FOR_EACH_BYTE: usize = 26;
const MEMORY_AT_FIRST: usize = 3 << 20;
/** Larger ones grow by what they turn out to need. */
const MOST_MEMORY: usize = 32 << 20;

const loaded: LoadedPolicy[] = [];
/** What a policy was made of may be given back. */
let hasReleased: bool = false;

/**
 * Gives back now what was read of policies that nobody uses any more. By itself the collector begins when as much again has
 * been taken as was in use, and linear memory, which never shrinks, would grow for that: a mebibyte of rules that took the
 * place of another three times came to 39 MiB in use, with this to 28.
 */
export function collectReleased(): void {
  if (!hasReleased) return;
  hasReleased = false;
  __collect();
}

/** What the text says: read now, or found if a plugin of this VM has it in force. With faults it must not be held. */
export function loadPolicy(text: usize, length: i32, fingerprint: u64): LoadedPolicy {
  for (let i = 0; i < loaded.length; i++) {
    if (loaded[i].fingerprint == fingerprint) return loaded[i];
  }
  collectReleased();
  growTo(min<usize>(MEMORY_AT_FIRST + <usize>length * MEMORY_FOR_EACH_BYTE, MOST_MEMORY));
  return new LoadedPolicy(fingerprint, new RuleSets(readPolicy(text, length)));
}

/** What is in force before the first configuration: no rules, and so no peer that may connect. */
export function noPolicy(): LoadedPolicy {
  return new LoadedPolicy(0, new RuleSets(new PolicyDocument()));
}
