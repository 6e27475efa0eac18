import { growTo } from "../bytes/linear-memory";
import { readPolicy } from "../policy/config";
import { forgetAnswers } from "../policy/decision-cache";
import { PolicyDocument } from "../policy/document";
import { RuleSets } from "../policy/rule-set";

/** A configuration that this VM has read, shared by all of its root contexts that have it in force. */
@final
export class LoadedPolicy {
  private users: i32 = 0;

  constructor(
    /** The fingerprint of the text; 0 for the policy before the first configuration, which has no text. */
    readonly fingerprint: u64,
    readonly rules: RuleSets,
  ) {}

  /** The configuration as it was read. */
  get document(): PolicyDocument {
    return this.rules.document;
  }

  /** Somebody has it in force: `findLoaded` finds it until `release` has been called as often. */
  hold(): void {
    this.users++;
    if (this.users == 1 && this.fingerprint != 0) loaded.push(this);
  }

  /** Undoes one `hold`. The last one lets its rules go. */
  release(): void {
    if (--this.users > 0) return;
    if (this.fingerprint != 0) {
      due = 2;
      forgetAnswers();
    }
    this.rules.end();
    const place = loaded.indexOf(this);
    if (place >= 0) loaded.splice(place, 1);
  }
}

/**
 * Bytes of a text before which linear memory gets MEMORY_OF_LARGE at once. A policy of a mebibyte needs so much while it takes
 * the place of another one of its size and all tables of decisions are full: 22 MiB in use, and gaps. Smaller policies fit into
 * what doubling brings, and those above LARGEST_TEXT do not fit into this either.
 */
const LARGE_TEXT: i32 = 256 << 10;
const LARGEST_TEXT: i32 = 1536 << 10;
const MEMORY_OF_LARGE: usize = 30 << 20;

/** All policies that somebody has in force. */
const loaded: LoadedPolicy[] = [];
/** Collections that are due: one since rules have been dropped, and one for when the last connection has left them. */
let due: i32 = 0;

/**
 * Collects now what was read of policies that nobody uses any more, if a collection is due. By itself the collector begins when
 * a quarter more has been taken than was in use, and linear memory, which never shrinks, would grow for that (docs/adr/0013).
 */
export function collectReleased(): void {
  if (due == 0) return;
  due--;
  __collect();
}

/** The policy of a text of that fingerprint, if a root context of this VM has it in force; else null. */
export function findLoaded(fingerprint: u64): LoadedPolicy | null {
  for (let i = 0; i < loaded.length; i++) {
    if (loaded[i].fingerprint == fingerprint) return loaded[i];
  }
  return null;
}

/** Makes room for a text of `length` bytes that is about to be read. */
export function makeRoomForText(length: i32): void {
  // `due` stays as it is: this text may be refused, and connections have yet to leave the former policy.
  if (due > 0) __collect();
  if (length > LARGE_TEXT && length <= LARGEST_TEXT) growTo(MEMORY_OF_LARGE);
}

/** The policy of the text, found or read now. One with faults must not be held. */
export function loadPolicy(text: usize, length: i32, fingerprint: u64): LoadedPolicy {
  const found = findLoaded(fingerprint);
  if (found != null) return found;
  makeRoomForText(length);
  return new LoadedPolicy(fingerprint, new RuleSets(readPolicy(text, length)));
}

/** The policy before the first configuration: without rules, so that no peer may connect. */
export function noPolicy(): LoadedPolicy {
  return new LoadedPolicy(0, new RuleSets(new PolicyDocument()));
}
