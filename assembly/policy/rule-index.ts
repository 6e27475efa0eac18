import { Principal } from "./principal";
import { Rule } from "./rules";

/**
 * Finds the rules that may match a peer without asking each: most rules of a large policy name a few principals, service
 * accounts or namespaces without wildcards, and are found by those. What it finds is still to be asked, and in any order.
 */
@final
export class RuleIndex {
  /** Rules by what a source of theirs requires of the peer. */
  private readonly byName: Map<string, i32[]> = new Map();
  /** Rules with a source that requires nothing of the kind. */
  private readonly others: i32[] = [];

  constructor(private readonly rules: Rule[]) {
    for (let i = 0; i < rules.length; i++) {
      const sources = rules[i].from;
      for (let j = 0; j < sources.length; j++) {
        const names = sources[j].requiredNames();
        if (names.length == 0) this.others.push(i);
        for (let k = 0; k < names.length; k++) this.add(names[k], i);
      }
    }
  }

  /** The rules that match, in their order. */
  matching(peer: Principal): Rule[] {
    const candidates: i32[] = [];
    this.collect(this.others, candidates);
    const names = peer.indexNames();
    for (let i = 0; i < names.length; i++) {
      if (this.byName.has(names[i])) this.collect(this.byName.get(names[i]), candidates);
    }
    candidates.sort((a, b) => a - b);
    const found: Rule[] = [];
    let last = -1;
    for (let i = 0; i < candidates.length; i++) {
      const rule = candidates[i];
      if (rule != last && this.matches(this.rules[rule], peer)) found.push(this.rules[rule]);
      last = rule;
    }
    return found;
  }

  private matches(rule: Rule, peer: Principal): bool {
    const sources = rule.from;
    for (let i = 0; i < sources.length; i++) {
      if (sources[i].matches(peer)) return true;
    }
    return false;
  }

  private add(name: string, rule: i32): void {
    if (!this.byName.has(name)) this.byName.set(name, []);
    this.byName.get(name).push(rule);
  }

  private collect(from: i32[], into: i32[]): void {
    for (let i = 0; i < from.length; i++) into.push(from[i]);
  }
}
