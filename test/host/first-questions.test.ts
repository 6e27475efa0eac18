import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { pub, Wire } from "./wire.ts";

/** As many as fit into 1 MiB. */
const RULES = 10_000;

/** A connection under a policy that allows what begins in one of so many ways. */
function connectedUnder(beginning: string, module: WebAssembly.Module): { host: Host; wire: Wire } {
  const host = new Host(module);
  const rules = Array.from({ length: RULES }, (_, i) => ({
    name: `${i}`,
    from: [{ principals: ["*"] }],
    publish: { allow: [`${beginning}${i}.>`] },
  }));
  assert.ok(host.configure({ trustDomains: ["cluster.local"], rules }).accepted);
  return { host, wire: Wire.connected(host) };
}

describe("what is published for the first time below an entry of the policy", () => {
  for (const beginning of ["orders.", "orders.of-customer-"]) {
    it(`takes no more steps than what is published again, below ${beginning}N.>`, async (t: TestContext) => {
      const { host, wire } = connectedUnder(beginning, await stepCountingModule());
      const lines = Array.from({ length: 1000 }, (_, i) => pub(`${beginning}${(i * 7919) % RULES}.a`)).join("");
      const publish = (): void => assert.equal(wire.client(lines), lines);
      const [first, again] = [stepsOf(host, publish), stepsOf(host, publish)];
      t.diagnostic(`${first} and ${again} steps for 1,000 publishes`);
      assert.ok(first <= 1.1 * again, `${first} and ${again} steps`);
    });
  }
});
