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
    this.rules.forgetAll();
    const place = loaded.indexOf(this);
    if (place >= 0) loaded.splice(place, 1);
  }
}

const loaded: LoadedPolicy[] = [];

/** What the text says: read now, or found if a plugin of this VM has it in force. With faults it must not be held. */
export function loadPolicy(text: usize, length: i32, fingerprint: u64): LoadedPolicy {
  for (let i = 0; i < loaded.length; i++) {
    if (loaded[i].fingerprint == fingerprint) return loaded[i];
  }
  return new LoadedPolicy(fingerprint, new RuleSets(readPolicy(text, length)));
}

/** What is in force before the first configuration: no rules, and so no peer that may connect. */
export function noPolicy(): LoadedPolicy {
  return new LoadedPolicy(0, new RuleSets(new PolicyDocument()));
}
