import { HashChains, NO_LINK } from "../bytes/hash-chains";
import { Principal } from "./principal";
import { Rule } from "./rules";

/**
 * Finds the rules that may match a peer without asking each of them. Most rules of a large policy name a few principals,
 * service accounts or namespaces without wildcards, and are found by the hashes of these. A rule that is found is asked all the
 * same, since two names may share a hash.
 */
@final
export class RuleIndex {
  /** Rules by the hashes of the names of which a peer must have one (`Sources.requiredNames`). */
  private readonly byName: HashChains = new HashChains();
  /** Rules that may match peers of any name. */
  private readonly others: i32[] = [];

  constructor(private readonly rules: Rule[]) {
    const names: u32[] = [];
    for (let i = 0; i < rules.length; i++) {
      rules[i].from.requiredNames(names);
      if (names.length == 0) this.others.push(i);
      for (let k = 0; k < names.length; k++) this.byName.add(names[k], i);
    }
  }

  /** The rules that match, in their order. Of some that do not it has what they deny (`withDenials`). */
  matching(peer: Principal): Rule[] {
    const candidates: i32[] = [];
    for (let i = 0; i < this.others.length; i++) candidates.push(this.others[i]);
    const names = peer.nameHashes();
    for (let i = 0; i < names.length; i++) this.merge(names[i], candidates);
    const found: Rule[] = [];
    let last = -1;
    for (let i = 0; i < candidates.length; i++) {
      const rule = candidates[i];
      if (rule != last && this.rules[rule].from.matches(peer)) found.push(this.rules[rule]);
      last = rule;
    }
    return peer.isWorkload ? found : this.withDenials(found, peer);
  }

  /**
   * The same rules, with what others deny that would match the peer if its URI were of the form which their sources speak of. No
   * hash leads to these.
   */
  private withDenials(found: Rule[], peer: Principal): Rule[] {
    const all: Rule[] = [];
    let next = 0;
    for (let i = 0; i < this.rules.length; i++) {
      const rule = this.rules[i];
      if (next < found.length && found[next] === rule) all.push(found[next++]);
      else if (rule.denies && rule.from.matches(peer, true)) all.push(rule.denials());
    }
    return all;
  }

  /**
   * Merges the rules of a name's hash into `candidates`, which are in order and stay so. From the end, since a chain has the
   * last rule first. (Not `sort`, which would be another 1,500 bytes of the module.)
   */
  private merge(hash: u32, candidates: i32[]): void {
    let from = candidates.length - 1;
    for (let link = this.byName.first(hash); link != NO_LINK; link = this.byName.behind(link)) candidates.push(0);
    let to = candidates.length - 1;
    for (let link = this.byName.first(hash); link != NO_LINK; link = this.byName.behind(link)) {
      const rule = this.byName.number(link);
      while (from >= 0 && candidates[from] > rule) candidates[to--] = candidates[from--];
      candidates[to--] = rule;
    }
  }
}
