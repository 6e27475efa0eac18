import { NOT_NAMED, Principal } from "./principal";
import { SourceList, SourcePattern } from "./source-patterns";

/**
 * A rule's `from`, with the meaning of Istio's Sources: it matches when one of its sources does. In a source a list matches
 * when one of its values does, a `not…` list when none does, and the source when all lists that it has do. Deliberately
 * stricter than Istio: a peer that is not authenticated matches nothing, `not…` lists included, and `namespaces`,
 * `serviceAccounts` and `trustDomains` admit SPIFFE IDs alone, the first two only those of Istio's form. What a rule denies holds
 * for others as well, as Istio's own DENY does.
 *
 * All values lie in one list, since an object for each source and one for each of its lists took a fifth of a large policy's
 * memory.
 */
@final
export class Sources {
  /**
   * The values of one source lie behind those of the other (`SourcePattern.isFirst`), and in a source those of one list behind
   * those of the other.
   */
  constructor(private readonly patterns: StaticArray<SourcePattern>) {}

  /**
   * Applies the configuration's trust domains, which the text may name after the rules. Answers how many comparisons that took
   * at most.
   */
  migrate(trustDomains: string[]): i32 {
    const patterns = this.patterns;
    for (let i = 0; i < patterns.length; i++) patterns[i].migrate(trustDomains);
    return 1 + patterns.length * trustDomains.length;
  }

  /**
   * Does one of the sources match the peer? None does if it is not authenticated. `ofAnyForm`: one matches as well that would if
   * lists admitted what they find in URIs of any form.
   */
  matches(peer: Principal, ofAnyForm: bool = false): bool {
    if (!peer.authenticated) return false;
    let start = 0;
    while (start < this.patterns.length) {
      const end = this.endOfSource(start);
      if (this.sourceMatches(start, end, peer, ofAnyForm)) return true;
      start = end;
    }
    return false;
  }

  /**
   * Puts into `names`, in place of what is there, hashes of names of which a peer must have one to match
   * (`Principal.nameHashes`). None when peers of any name may match.
   */
  requiredNames(names: u32[]): void {
    names.length = 0;
    let start = 0;
    while (start < this.patterns.length) {
      const end = this.endOfSource(start);
      // All lists of a source must match, so that one of them that names peers exactly is enough.
      const isNamed =
        this.addNames(start, end, SourceList.PRINCIPALS, names) ||
        this.addNames(start, end, SourceList.SERVICE_ACCOUNTS, names) ||
        this.addNames(start, end, SourceList.NAMESPACES, names);
      if (!isNamed) {
        names.length = 0;
        return;
      }
      start = end;
    }
  }

  /**
   * Adds the names of one list of a source. Answers false, and adds none, if there is no such list or one of its values matches
   * more than one name.
   */
  private addNames(start: i32, end: i32, list: SourceList, names: u32[]): bool {
    const before = names.length;
    for (let i = start; i < end; i++) {
      const pattern = this.patterns[i];
      if (pattern.list != list) continue;
      const name = pattern.requiredName();
      if (name == NOT_NAMED) {
        names.length = before;
        return false;
      }
      names.push(name);
    }
    return names.length > before;
  }

  private sourceMatches(start: i32, end: i32, peer: Principal, ofAnyForm: bool): bool {
    let i = start;
    while (i < end) {
      const list = this.patterns[i].list;
      let some = false;
      for (; i < end && this.patterns[i].list == list; i++) some = some || this.patterns[i].matches(peer);
      const matches = isNot(list) ? !some : some && (ofAnyForm || isOfForm(list, peer));
      if (!matches) return false;
    }
    return true;
  }

  private endOfSource(start: i32): i32 {
    let end = start + 1;
    while (end < this.patterns.length && !this.patterns[end].isFirst) end++;
    return end;
  }
}

function isNot(list: SourceList): bool {
  return (list & 1) != 0;
}

/** Is the peer's URI of the form that the list speaks of? */
function isOfForm(list: SourceList, peer: Principal): bool {
  if (list == SourceList.PRINCIPALS) return true;
  return list == SourceList.TRUST_DOMAINS ? peer.isSpiffe : peer.isWorkload;
}
