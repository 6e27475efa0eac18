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
    if (this.fingerprint != 0) due = 2;
    this.rules.end();
    const place = loaded.indexOf(this);
    if (place >= 0) loaded.splice(place, 1);
  }
}

/**
 * A policy of so many bytes gets all the memory at once that one of a mebibyte needs, while it takes the place of another of its
 * size and all tables of decisions are full: 22 MiB in use, and gaps. Smaller ones fit what doubling brings, and larger ones do not
 * fit this either.
 */
const LARGE_TEXT: i32 = 256 << 10;
const LARGEST_TEXT: i32 = 1536 << 10;
const MEMORY_OF_LARGE: usize = 30 << 20;

const loaded: LoadedPolicy[] = [];
/** Collections that are due: one when rules have been dropped, and one when the last connection has left them. */
let due: i32 = 0;

/**
 * Gives back now what was read of policies that nobody uses any more. By itself the collector begins when a quarter more has
 * been taken than was in use, and linear memory, which never shrinks, would grow for that (docs/adr/0013).
 */
export function collectReleased(): void {
  if (due == 0) return;
  due--;
  __collect();
}

/** What was read of the text of that fingerprint, if a plugin of this VM has it in force. */
export function findLoaded(fingerprint: u64): LoadedPolicy | null {
  for (let i = 0; i < loaded.length; i++) {
    if (loaded[i].fingerprint == fingerprint) return loaded[i];
  }
  return null;
}

/** A text of `length` bytes is about to be read. */
export function makeRoom(length: i32): void {
  // What is due remains so: this text may be refused, and connections have yet to leave the former policy.
  if (due > 0) __collect();
  if (length > LARGE_TEXT && length <= LARGEST_TEXT) growTo(MEMORY_OF_LARGE);
}

/** What the text says: found, or read now. With faults it must not be held. */
export function loadPolicy(text: usize, length: i32, fingerprint: u64): LoadedPolicy {
  const found = findLoaded(fingerprint);
  if (found != null) return found;
  makeRoom(length);
  return new LoadedPolicy(fingerprint, new RuleSets(readPolicy(text, length)));
}

/** What is in force before the first configuration: no rules, and so no peer that may connect. */
export function noPolicy(): LoadedPolicy {
  return new LoadedPolicy(0, new RuleSets(new PolicyDocument()));
}
