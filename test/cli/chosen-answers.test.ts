import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { CONNECT, PING, pub, Wire } from "../host/wire.ts";
import { checkPolicies } from "../../cli/doctor/check.ts";
import { filter, sourceOf } from "./support.ts";

type Rule = Record<string, unknown>;

function policyOf(rules: readonly Rule[]): object {
  const named = rules.map((rule, i) => ({ name: `r${i}`, from: [{ serviceAccounts: ["shop/app"] }], ...rule }));
  return { trustDomains: ["cluster.local"], rules: named };
}

/** What `check` says about where answers go. */
function told(...rules: Rule[]): { message: string; remedy: string }[] {
  const { findings } = checkPolicies([sourceOf(JSON.stringify(policyOf(rules)))], filter, "default");
  return findings.filter(({ id }) => id === "answers-chosen");
}

/** Whether the filter lets the peer ask on `subject` with this reply subject, on which it may not publish. */
function isAsked(rules: readonly Rule[], subject: string, reply: string): boolean {
  const host = new Host(filterModule());
  assert.ok(host.configure(policyOf(rules)).accepted);
  const wire = new Wire(host, "spiffe://cluster.local/ns/shop/sa/app");
  wire.client(CONNECT);
  assert.equal(wire.client(pub(reply)), PING, "the peer may publish there itself");
  return wire.client(pub(subject, "", reply)) !== PING;
}

describe("a rule about which check says that its peers choose where answers go", () => {
  const auditor = { publish: { allow: ["ask.me"] }, subscribe: { allow: [">"] } };
  const app = { publish: { allow: ["orders.>"], deny: ["orders.admin.>"] }, subscribe: { allow: ["orders.>"] } };

  it("is one under which the filter takes a reply subject on which they may not publish", () => {
    assert.equal(told(auditor).length, 1);
    assert.ok(isAsked([auditor], "ask.me", "orders.new"));
    assert.equal(told(app).length, 1);
    assert.ok(isAsked([app], "orders.new", "orders.admin.drop"));
  });

  it("is so no more once its remedy is followed to the letter", () => {
    const [finding] = told(app);
    assert.match(finding?.remedy ?? "", /^deny orders\.admin\.> for subscribe too; /);
    const mended = { ...app, subscribe: { ...app.subscribe, deny: ["orders.admin.>"] } };
    assert.deepEqual(told(mended), []);
    assert.ok(!isAsked([mended], "orders.new", "orders.admin.drop"));
    const narrow = { ...auditor, subscribe: { allow: ["_INBOX.>"] } };
    assert.deepEqual(told(narrow), []);
    assert.ok(!isAsked([narrow], "ask.me", "orders.new"));
  });

  it("may have its rights from several rules, if these are surely about one peer", () => {
    const other = { ...auditor, from: [{ serviceAccounts: ["shop/other"] }] };
    const reads = { subscribe: { allow: [">"] } };
    const asks = { publish: { allow: ["ask.me"] } };
    const deny = { from: [{ principals: ["*"] }], publish: { deny: ["orders.>"] } };
    assert.deepEqual(told(reads, { ...asks, from: other.from }), []);
    assert.equal(told(reads, { ...asks, from: [{ principals: ["cluster.local/ns/shop/sa/app"] }] }).length, 1);
    assert.equal(told(reads, { ...asks, from: [{ principals: ["*"] }] }).length, 1);
    const all = { publish: { allow: "ALL" }, subscribe: { allow: "ALL" } };
    assert.deepEqual(told(all), []);
    assert.equal(told(all, deny).length, 1);
    // The denies of a workload that is surely another one change nothing.
    const denies = { publish: { deny: [">"] }, subscribe: { deny: [">"] } };
    assert.equal(told(auditor, { ...denies, from: other.from }).length, 1);
    assert.deepEqual(told(auditor, { ...denies, from: [{ namespaces: ["shop"] }] }), []);
  });

  it("is never one that reads no more than a shared inbox, nor one that says replies: ANY", () => {
    const inbox = { publish: { allow: [">"], deny: ["_INBOX.>"] }, subscribe: { allow: ["_INBOX.>"] } };
    assert.deepEqual(told(inbox), []);
    assert.deepEqual(told({ ...auditor, replies: "ANY" }), []);
  });

  it("is never one whose publishes nobody answers, or whose denies are where no reply may be", () => {
    assert.deepEqual(told({ ...auditor, publish: { allow: ["_INBOX.app.>"] } }), []);
    assert.deepEqual(told({ ...auditor, publish: { allow: ["ask.me"], deny: ["ask.>"] } }), []);
    const jetStream = { publish: { allow: "ALL", deny: ["$JS.API.STREAM.>"] }, subscribe: { allow: [">"] } };
    assert.deepEqual(told(jetStream), []);
    assert.ok(!isAsked([jetStream], "a", "$JS.API.STREAM.LIST"));
  });

  it("names some of thousands of denies, in no minutes", () => {
    const denies = Array.from({ length: 4000 }, (_, i) => ({
      from: [{ principals: ["*"] }],
      publish: { allow: [">"], deny: [`secret.${i}`] },
      subscribe: { allow: [">"], ...(i % 2 ? { deny: [`secret.${i}`] } : {}) },
    }));
    const all = told(...denies);
    assert.equal(all.length, denies.length);
    assert.ok((all[0]?.message.length ?? 0) < 300);
  });
});
