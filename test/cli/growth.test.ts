import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Field } from "../../cli/manifests/field.ts";
import { checkPolicies } from "../../cli/policy/check.ts";
import { PatternTree } from "../../cli/policy/pattern-tree.ts";
import { filter, sourceOf } from "./support.ts";

/** Policies of so many rules, each about peers of its own, that ask every check that compares rules with each other. */
const POLICIES: [what: string, rule: (index: number) => object][] = [
  ["pulls whose peers subscribe to nothing", () => ({ publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c"] } })],
  ["responses of peers that subscribe to nothing", () => ({ allow_responses: true })],
  ["narrow inboxes", (index) => ({ subscribe: { allow: [`_INBOX.a${index}.*`] } })],
  [
    "denies that name what is read",
    (index) => ({
      publish: { allow: ["$JS.API.>"], deny: [`$JS.API.CONSUMER.CREATE.S${index}.c.f`] },
      subscribe: { allow: ["_INBOX.>"] },
    }),
  ],
  [
    "denies of what is allowed",
    (index) => ({ publish: { allow: ["a.>"], deny: ["a.>"] }, subscribe: { allow: [`b.${index}`], deny: ["b.>"] } }),
  ],
];

/** How often a value of the policy, or a tree of patterns, is asked for something while it is checked. */
function questions(count: number, rule: (index: number) => object): number {
  const rules = Array.from({ length: count }, (_, index) => ({
    name: `r${index}`,
    from: [{ serviceAccounts: [`a/b${index}`] }],
    ...rule(index),
  }));
  let asked = 0;
  const restore = (
    [
      [Field.prototype, "get"],
      [PatternTree.prototype, "takingWhole"],
    ] as unknown as [Record<string, (...args: unknown[]) => unknown>, string][]
  ).map(([prototype, name]) => {
    const original = prototype[name]!;
    prototype[name] = function (...args): unknown {
      asked++;
      return original.apply(this, args);
    };
    return (): void => void (prototype[name] = original);
  });
  try {
    checkPolicies([sourceOf(JSON.stringify({ trustDomains: ["cluster.local"], rules }))], filter, "default");
  } finally {
    for (const undo of restore) undo();
  }
  return asked;
}

describe("the work of a check", () => {
  for (const [what, rule] of POLICIES)
    it(`grows no faster than the number of rules with ${what}`, () => {
      const [few, many] = [questions(50, rule), questions(400, rule)];
      assert.ok(many < few * 8 * 1.1, `${few} questions for 50 rules, ${many} for 400`);
    });
});
