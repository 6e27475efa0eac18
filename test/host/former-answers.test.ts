import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { pub, Wire } from "./wire.ts";

const RULES = 10_000;
const SUBJECTS = 8000;

/** A policy of many rules with a subject each, of a text of its own. */
function policyNumber(number: number): string {
  const rules = Array.from({ length: RULES }, (_, i) => {
    return `{"name":"${i}","from":[{"principals":["*"]}],"publish":{"allow":["o.${i}.>"]}}`;
  });
  return `{"trustDomains":["cluster.local"],"rules":[${rules.join(",")}]${" ".repeat(number)}}`;
}

describe("answers of policies that are gone", () => {
  it("take no place from those of the next, so that its first answers are remembered at once", async (t: TestContext) => {
    const host = new Host(await stepCountingModule());
    const lines = Array.from({ length: SUBJECTS }, (_, i) => pub(`o.${i}.x`)).join("");
    let former: number | undefined;
    /** Steps for subjects of which each was asked for once before. */
    const askedAgain = (_: unknown, number: number): number => {
      const { accepted, root } = host.configure(policyNumber(number));
      assert.ok(accepted);
      if (former !== undefined) host.deleteRoot(former);
      former = root;
      const wire = Wire.connected(host);
      assert.equal(wire.client(lines), lines);
      const steps = stepsOf(host, () => wire.client(lines));
      wire.connection.close();
      return steps;
    };
    const steps = Array.from({ length: 6 }, askedAgain);
    t.diagnostic(steps.join(", "));
    assert.ok(Math.max(...steps) < 1.2 * steps[0]!, `steps under each policy: ${steps.join(", ")}`);
  });
});
