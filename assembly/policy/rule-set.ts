import { hasRoomBeside } from "../bytes/budget";
import { PolicyDocument } from "./document";
import { Permissions } from "./permissions";
import { PermissionsInMaking } from "./permissions-in-making";
import { Principal } from "./principal";
import { RuleIndex } from "./rule-index";
import { Mode, Rule } from "./rules";
import { SubjectClasses } from "./subject-classes";

/** Entries of all sets of this VM, whichever policy's they are, and how many there have been at most. */
let entriesNow: i32 = 0;
let entriesAtMost: i32 = 0;

/** What the rules that match one principal say: what is enforced, and what would be if the dry-run rules were. */
@final
export class RuleSet {
  private users: i32 = 0;
  /** May `RuleSets` still give it to a principal? */
  private findable: bool = true;

  constructor(
    readonly enforced: Permissions,
    /**
     * Null when no matching rule in DRY_RUN could report anything: then `enforced` is all there is. While other rules are enforced, its
     * lists allow nothing that those of `enforced` do not.
     */
    readonly shadow: Permissions | null,
    private readonly classes: SubjectClasses,
  ) {
    entriesNow += this.entryCount;
    entriesAtMost = max(entriesAtMost, entriesNow);
  }

  /** Does a connection have it? */
  get isHeld(): bool {
    return this.users > 0;
  }

  /** What it takes of memory, in entries. */
  get entryCount(): i32 {
    const shadow = this.shadow;
    return this.enforced.entryCount + (shadow != null ? shadow.entryCount : 0);
  }

  /** Keeps its permissions until `release` has been called as often. */
  hold(): void {
    this.users++;
  }

  /** Undoes one `hold`. The last one frees the permissions, if nobody can find the set any more. */
  release(): void {
    this.users--;
    this.destroyIfUnused();
  }

  /** Nobody finds it any more. It lives on for those who hold it. */
  forget(): void {
    this.findable = false;
    this.destroyIfUnused();
  }

  private destroyIfUnused(): void {
    if (this.users > 0 || this.findable) return;
    entriesNow -= this.entryCount;
    this.enforced.destroy();
    const shadow = this.shadow;
    if (shadow != null) shadow.destroy();
    this.classes.release();
  }
}

/**
 * At most so many sets are remembered, and at most so many principals with their set. For one set more, all sets and principals are
 * forgotten; for one principal more, all principals are. Those that still come are remembered anew.
 */
const MAX_REMEMBERED: i32 = 4096;
/**
 * Entries, of some 100 bytes each, that all sets together may have before those that no connection has are forgotten. 2,000 principals
 * that came and went, each with a rule of its own beside 5,000 entries for everybody, left 1 GiB of them (Node host).
 */
const MAX_ENTRIES: i32 = 32_768;

/** For each byte of their lists compiled rules take so many at most: 60 MiB for 1.1 MB of the shortest entries (Node host). */
const COMPILED: usize = 64;
/** Bytes of the shortest entry of a list (policy/entry-list.ts). */
const LEAST_ENTRY: usize = 5;
/** Bytes that rules leave in one piece to all that has no other answer than a trap where there is no room. */
const LEFT: usize = 16 << 20;

/** Finds and compiles the rule sets of one configuration: once for each distinct set of rules. */
@final
export class RuleSets {
  private readonly byPrincipal: Map<string, RuleSet> = new Map();
  private readonly byRules: Map<string, RuleSet> = new Map();

  /** Entries of the sets in `byRules`, and how many there may be until unused sets are forgotten. */
  private entries: i32 = 0;
  private entriesBound: i32 = MAX_ENTRIES;

  /** Made for the first peer, since not every VM that reads a configuration has peers. */
  private index: RuleIndex | null = null;

  constructor(readonly document: PolicyDocument) {}

  /**
   * The set of the rules that match the principal; null where memory has no room for it. Call its `hold` before anything else is
   * asked of this object.
   */
  of(principal: Principal): RuleSet | null {
    const key = principal.authenticated ? principal.uri : "";
    if (this.byPrincipal.has(key)) return this.byPrincipal.get(key);
    const matching = this.matching(principal);
    const rulesKey = keyOf(matching);
    let set: RuleSet;
    if (this.byRules.has(rulesKey)) set = this.byRules.get(rulesKey);
    else {
      if (!hasRoomFor(matching)) {
        this.forgetUnused();
        if (!hasRoomFor(matching)) return null;
      }
      set = this.compile(matching);
      if (this.byRules.size >= MAX_REMEMBERED) this.forgetAll();
      else if (this.entries + set.entryCount > this.entriesBound) this.forgetUnused();
      this.byRules.set(rulesKey, set);
      this.entries += set.entryCount;
    }
    if (this.byPrincipal.size >= MAX_REMEMBERED) this.byPrincipal.clear();
    this.byPrincipal.set(key, set);
    return set;
  }

  /** Forgets all sets: those that nobody holds are freed. */
  forgetAll(): void {
    const sets = this.byRules.values();
    this.byPrincipal.clear();
    this.byRules.clear();
    for (let i = 0; i < sets.length; i++) sets[i].forget();
    this.entries = 0;
    this.entriesBound = MAX_ENTRIES;
  }

  /**
   * Forgets the sets that no connection has, and does so again once there are twice as many entries as are left, so that looking for
   * them takes little of what compiling takes.
   */
  private forgetUnused(): void {
    const keys = this.byRules.keys();
    this.byPrincipal.clear();
    this.entries = 0;
    for (let i = 0; i < keys.length; i++) {
      const set = this.byRules.get(keys[i]);
      if (set.isHeld) this.entries += set.entryCount;
      else {
        this.byRules.delete(keys[i]);
        set.forget();
      }
    }
    this.entriesBound = max(MAX_ENTRIES, this.entries * 2);
  }

  /**
   * A newer configuration is in force. Connections keep what they hold, and nobody is given rights by this one any more, so
   * that its rules can go at once: those of two configurations are in memory now. (A connection that had no rights yet, and
   * whose configuration the host has dropped before it, is refused.)
   */
  end(): void {
    this.forgetAll();
    this.index = null;
    this.document.rules = [];
  }

  private matching(principal: Principal): Rule[] {
    if (!principal.authenticated) return [];
    let index = this.index;
    if (index == null) this.index = index = new RuleIndex(this.document.rules);
    return index.matching(principal);
  }

  private compile(matching: Rule[]): RuleSet {
    const count = this.document.rules.length;
    const classes = this.document.classes;
    const enforcedOnes = new PermissionsInMaking();
    const enforces = this.document.mode == Mode.ENFORCE;
    let hasDryRun = false;
    for (let i = 0; i < matching.length; i++) {
      const rule = matching[i];
      if (rule.mode == Mode.ENFORCE) enforcedOnes.add(rule);
      else if (!enforces || rule.denies || rule.responses != null) hasDryRun = true;
    }
    const enforced = new Permissions(count, enforcedOnes, classes.hold());
    if (!hasDryRun) return new RuleSet(enforced, null, classes);
    const all = new PermissionsInMaking();
    for (let i = 0; i < matching.length; i++) {
      const rule = matching[i];
      // It is asked only about what the others let pass: what it allows changes nothing. What it grants is known to a newer policy that
      // is in DRY_RUN as a whole, which must not count the answer as one that it would refuse (docs/adr/0008).
      const onTrial = enforces && rule.mode == Mode.DRY_RUN;
      all.add(rule, !onTrial);
    }
    return new RuleSet(enforced, new Permissions(count, all, enforced.classes), classes);
  }
}

/**
 * Is there room to compile these rules, enforced and on trial? What sets that are gone have left is in gaps between blocks that stay,
 * of which nobody knows how much they are together: where an eighth of all entries that there were is gone, the gaps are room for
 * these.
 */
function hasRoomFor(rules: Rule[]): bool {
  let bytes: usize = 0;
  for (let i = 0; i < rules.length; i++) bytes += <usize>rules[i].listBytes;
  if (hasRoomBeside(bytes * COMPILED + LEFT)) return true;
  const entries = <i32>(bytes / LEAST_ENTRY);
  return entriesNow + entries <= entriesAtMost - entriesAtMost / 8 && hasRoomBeside(LEFT / 2);
}

/** A string that is another for other rules: their numbers as its units, negative for denials alone. Nobody reads it. */
function keyOf(rules: Rule[]): string {
  const numbers = new StaticArray<i32>(rules.length);
  for (let i = 0; i < rules.length; i++) numbers[i] = rules[i].isDenials ? ~rules[i].index : rules[i].index;
  return String.UTF16.decodeUnsafe(changetype<usize>(numbers), (<usize>numbers.length) << 2);
}
