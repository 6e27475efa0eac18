import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { PING, pub, Wire } from "./wire.ts";

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

describe("what is published to an inbox for the first time", () => {
  for (const allow of [["_INBOX.>"], []]) {
    const verdict = allow.length > 0 ? "allowed" : "refused";
    it(`takes as few steps when it is ${verdict} beside entries of all kinds, used or not`, async (t: TestContext) => {
      const module = await stepCountingModule();
      const lines = Array.from({ length: 1000 }, (_, i) => pub(`_INBOX.GnBcBNfwZ4nZ${i}.1`)).join("");
      const stepsBeside = (entries: string[], used: number): number => {
        const host = new Host(module);
        const rule = { name: "r", from: [{ principals: ["*"] }], publish: { allow: ["ok.>", ...entries, ...allow] } };
        assert.ok(host.configure({ trustDomains: ["cluster.local"], rules: [rule] }).accepted);
        const wire = Wire.connected(host);
        const below = entries.slice(0, used).map((entry) => pub(entry.replace(">", "x")));
        assert.equal(wire.client(below.join("")), below.join(""));
        // The first few tell that one token decides.
        wire.client(pub("_INBOX.1.1") + pub("_INBOX.2.1"));
        return stepsOf(host, () => assert.equal(wire.client(lines), allow.length > 0 ? lines : PING.repeat(1000)));
      };
      // Among so many beginnings some share the group of the inboxes (policy/question.ts).
      const others = Array.from({ length: 1000 }, (_, i) => `${(i * 7919).toString(36)}.events.v1.>`);
      const steps = [stepsBeside([], 0), stepsBeside(others, 0), stepsBeside(others, others.length)];
      t.diagnostic(`${steps.join(", ")} steps for 1,000 publishes`);
      assert.ok(Math.max(...steps) <= 1.1 * steps[0]!, steps.join(", "));
    });
  }
});

describe("what begins like entries of two to eight tokens and has only two", () => {
  const subjects = {
    "comes in turn with what is below one of them": (i: number) => [`orders.w${i % 100}`, `orders.c0.${i}`],
    "is too long to be remembered": (i: number) => [`orders.${i}${"x".repeat(3000)}`],
  };
  for (const [behaviour, subjectsOf] of Object.entries(subjects)) {
    it(`takes hardly more steps than beside one of them if it ${behaviour}`, async (t: TestContext) => {
      const module = await stepCountingModule();
      const entries = Array.from({ length: 7 }, (_, i) => `orders.${`c${i}.`.repeat(i + 1)}>`);
      const steps = [1, entries.length].map((count) => {
        const host = new Host(module);
        const allow = [...entries.slice(0, count), "orders.*"];
        const rule = { name: "r", from: [{ principals: ["*"] }], publish: { allow } };
        assert.ok(host.configure({ trustDomains: ["cluster.local"], rules: [rule] }).accepted);
        const wire = Wire.connected(host);
        const publishAll = (): void => {
          for (let i = 0; i < 300; i++) {
            const lines = subjectsOf(i)
              .map((subject) => pub(subject))
              .join("");
            assert.equal(wire.client(lines), lines);
          }
        };
        publishAll();
        return stepsOf(host, publishAll) / 300;
      });
      t.diagnostic(`${steps.join(", ")} steps for each`);
      assert.ok(steps[1]! <= 1.1 * steps[0]!, steps.join(", "));
    });
  }
});
