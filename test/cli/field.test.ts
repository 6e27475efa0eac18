import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../cli/manifests/read.ts";
import { sourceOf } from "./support.ts";

const TEXT = `
rules: [{name: a}, {name: b}]
base: &base {one: 1, two: [2, {three: 3}]}
merged: {<<: [{one: first}, *base], two: own}
alias: *base
`;

describe("a field", () => {
  const [root] = readManifests(sourceOf(TEXT), "default").others;

  it("is made once for each value, however often it is asked for", () => {
    for (const path of [["rules"], ["rules", 1], ["rules", 1, "name"], ["merged", "one"], ["alias", "two", 1]])
      assert.ok(root?.get(...path) !== undefined && root.get(...path) === root.get(...path), path.join("."));
    assert.equal(root?.items("rules"), root?.items("rules"));
    assert.equal(root?.members("merged"), root?.members("merged"));
  });

  it("is without its places what kubectl reads", () => {
    const base = { one: 1, two: [2, { three: 3 }] };
    assert.deepEqual(root?.plain(), {
      rules: [{ name: "a" }, { name: "b" }],
      base,
      merged: { one: "first", two: "own" },
      alias: base,
    });
  });
});
