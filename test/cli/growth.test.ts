import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Field } from "../../cli/manifests/field.ts";
import { checkPolicies } from "../../cli/doctor/check.ts";
import { PatternTree } from "../../cli/policy/pattern-tree.ts";
import { Plugin } from "../../cli/mesh/plugin.ts";
import { DOCUMENTS } from "./sound-mesh.ts";
import { doctor, filter, sourceOf } from "./support.ts";

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
    "consumers that others may change, but for denies",
    (index) => ({
      publish: {
        allow: ["$JS.API.CONSUMER.CREATE.S.*.>", `$JS.ACK.S.c${index}.>`],
        deny: ["$JS.API.CONSUMER.CREATE.S.*.>"],
      },
      subscribe: { allow: ["_INBOX.>"] },
    }),
  ],
  [
    "denies of what is allowed",
    (index) => ({ publish: { allow: ["a.>"], deny: ["a.>"] }, subscribe: { allow: [`b.${index}`], deny: ["b.>"] } }),
  ],
];

/** How often methods are called while something runs. */
function calls(methods: readonly (readonly [prototype: object, name: string])[], run: () => void): number {
  let count = 0;
  const restore = (methods as unknown as [Record<string, (...args: unknown[]) => unknown>, string][]).map(
    ([prototype, name]) => {
      const original = prototype[name]!;
      prototype[name] = function (...args): unknown {
        count++;
        return original.apply(this, args);
      };
      return (): void => void (prototype[name] = original);
    },
  );
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return count;
}

/** How often a value of the policy, or a tree of patterns, is asked for something while it is checked. */
function questions(count: number, rule: (index: number) => object): number {
  const rules = Array.from({ length: count }, (_, index) => ({
    name: `r${index}`,
    from: [{ serviceAccounts: [`a/b${index}`] }],
    ...rule(index),
  }));
  const policy = sourceOf(JSON.stringify({ trustDomains: ["cluster.local"], rules }));
  const asked = [
    [Field.prototype, "get"],
    [PatternTree.prototype, "takingWhole"],
  ] as const;
  return calls(asked, () => checkPolicies([policy], filter, "default"));
}

/** How often doctor asks whether a plugin selects a workload, with so many nats-servers that each have a plugin. */
function comparisons(count: number): number {
  const servers = Array.from({ length: count }, (_, index) =>
    DOCUMENTS.map((text) => text.replaceAll(/(?<=(?:app|name): )(?:istio-)?nats\b(?!:)/g, `$&-${index}`)).join("---\n"),
  );
  return calls([[Plugin.prototype, "selectsWorkload"]], () => doctor(servers.join("---\n")));
}

describe("the work of a check", () => {
  for (const [what, rule] of POLICIES)
    it(`grows no faster than the number of rules with ${what}`, () => {
      const [few, many] = [questions(50, rule), questions(400, rule)];
      assert.ok(many < few * 8 * 1.1, `${few} questions for 50 rules, ${many} for 400`);
    });
});

describe("the work of doctor", () => {
  it("grows no faster than the number of pairs of a plugin and nats-server's pods", () => {
    const [few, many] = [comparisons(5), comparisons(40)];
    assert.ok(many < few * 8 ** 2 * 1.1, `${few} comparisons for 5 of each, ${many} for 40`);
  });
});
