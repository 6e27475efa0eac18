import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { istioNats } from "./support.ts";

const ANSWERS = { name: "answers", from: [{ serviceAccounts: ["shop/a"] }], allow_responses: true };

function told(...rules: object[]): string {
  const { output } = istioNats(["check", "-"], JSON.stringify({ trustDomains: ["cluster.local"], rules }));
  return output;
}

describe("what a rule may lack since other rules may be for the same peers", () => {
  it("is not reported where one of them has a principal that is the end of many names", () => {
    const peer = { name: "a", from: [{ principals: ["cluster.local/ns/shop/sa/a"] }] };
    const ends = { name: "b", from: [{ principals: ["*/sa/a"] }], subscribe: { allow: ["_INBOX.>"] } };
    const pull = { ...peer, publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c"] } };
    assert.match(told(pull), /js-unanswered/);
    assert.doesNotMatch(told(pull, ends), /js-unanswered/);
    const narrow = { ...peer, subscribe: { allow: ["_INBOX.*"] } };
    assert.match(told(narrow), /inbox-one-token/);
    assert.doesNotMatch(told(narrow, ends), /inbox-one-token/);
  });
});

describe("allow_responses", () => {
  it("is reported where no rule lets the peers subscribe, so that they receive nothing to answer", () => {
    const other = { name: "b", from: [{ serviceAccounts: ["shop/b"] }], subscribe: { allow: ["a.>"] } };
    assert.match(
      told(ANSWERS, other),
      /: warning: rule "answers" has allow_responses, but its peers may subscribe to nothing, .* \[word-void\]\n {4}allow the subscription on which the requests arrive, or remove allow_responses\n/,
    );
    assert.doesNotMatch(told({ ...ANSWERS, publish: { allow: ["b"] }, allow_responses: false }, other), /word-void/);
  });

  it("is not reported besides what else is wrong with the rule for the same cause", () => {
    for (const [rule, id] of [
      [{ name: "answers", allow_responses: true }, "policy-fault"],
      [{ ...ANSWERS, from: [] }, "policy-fault"],
      [{ ...ANSWERS, allow_responses: null }, "policy-fault"],
      [{ ...ANSWERS, allow_responses: "true" }, "policy-fault"],
      [{ ...ANSWERS, publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c"] } }, "js-unanswered"],
    ] as const) {
      const output = told(rule);
      assert.ok(output.includes(`[${id}]`), output);
      assert.doesNotMatch(output, /word-void/);
    }
    const anyReply = { ...ANSWERS, publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c"] }, replies: "ANY" };
    assert.match(told(anyReply), /word-void/);
    assert.match(told({ ...ANSWERS, allow_responses: { max: 2 } }), /word-void/);
  });

  it("is not reported where any rule that may be for the same peers lets them subscribe", () => {
    const subscribe = { allow: ["a.>"] };
    for (const source of [
      { serviceAccounts: ["shop/a"] },
      { principals: ["cluster.local/ns/shop/sa/a"] },
      { principals: ["*"] },
      { principals: ["*/sa/a"] },
      { principals: ["*/shop/sa/a"] },
      { principals: ["*/ns/shop/sa/a"] },
      { principals: ["*/a"] },
      { namespaces: ["shop"] },
      { notPrincipals: ["cluster.local/ns/shop/sa/b"] },
    ])
      assert.doesNotMatch(told(ANSWERS, { name: "s", from: [source], subscribe }), /word-void/);
    assert.doesNotMatch(told({ ...ANSWERS, subscribe: { allow: ["a work"] } }), /word-void/);
    const [anybody] = [{ ...ANSWERS, from: [{ namespaces: ["shop"] }] }];
    assert.doesNotMatch(told(anybody, { name: "s", from: [{ serviceAccounts: ["shop/a"] }], subscribe }), /word-void/);
  });
});
