import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { freshSeed, Random } from "../host/random.ts";
import { PING, pub, Wire } from "../host/wire.ts";
import { istioNats } from "./support.ts";

const TRUST_DOMAINS = ["cluster.local", "old.example"];
const NAMESPACES = ["shop", "shop-eu", "ns"];
const ACCOUNTS = ["api", "sa"];
/** An account that no value names, and a peer without a SPIFFE ID. */
const PEERS = [
  ...NAMESPACES.flatMap((namespace) =>
    [...ACCOUNTS, "nobody"].flatMap((account) =>
      TRUST_DOMAINS.map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${account}`),
    ),
  ),
  "https://peer.example/api",
];

type Source = Record<string, string[]>;

const KEYS = ["principals", "namespaces", "serviceAccounts", "trustDomains"];

function value(random: Random, key: string): string {
  const namespace = random.pick(NAMESPACES);
  const account = random.pick(ACCOUNTS);
  const domain = random.pick(TRUST_DOMAINS);
  switch (key.toLowerCase().replace(/^not/, "")) {
    case "namespaces":
      return random.pick([namespace, namespace, `${namespace.slice(0, 2)}*`, `*${namespace.slice(-2)}`, "*"]);
    case "serviceaccounts":
      return `${namespace}/${account}`;
    case "trustdomains":
      return random.pick([domain, "*", `${domain.slice(0, 3)}*`]);
  }
  const workload = `${domain}/ns/${namespace}/sa/${account}`;
  return random.pick([
    workload,
    workload,
    `${domain}/ns/${namespace}/*`,
    `${domain}/ns/${namespace}/sa/*`,
    `${domain}/ns/${namespace}*`,
    `${domain}/*`,
    `*/ns/${namespace}/sa/${account}`,
    `*${workload.slice(5)}`,
    `*/sa/${account}`,
    "*",
    "https://peer.example/*",
  ]);
}

function randomSource(random: Random): Source {
  const keys = new Set([random.pick(KEYS)]);
  if (random.below(4) === 0) keys.add(random.pick(KEYS));
  if (random.below(3) === 0) keys.add(random.pick(KEYS).replace(/^./, (first) => `not${first.toUpperCase()}`));
  return Object.fromEntries(
    [...keys].map((key) => [key, [...new Set(Array.from({ length: 1 + random.below(2) }, () => value(random, key)))]]),
  );
}

function randomSources(random: Random): Source[] {
  return Array.from({ length: 1 + random.below(2) }, () => randomSource(random));
}

/** One rule that allows a subject, and two that deny it. */
interface Case {
  allowed: Source[];
  denied: Source[][];
}

function rulesOf({ allowed, denied }: Case, i: number): object[] {
  return [
    { name: `allow-${i}`, from: allowed, publish: { allow: [`s.${i}`] } },
    ...denied.map((from, j) => ({ name: `deny-${i}-${j}`, from, publish: { deny: [`s.${i}`] } })),
  ];
}

function policyOf(cases: readonly Case[]): { trustDomains: string[]; rules: object[] } {
  const connecting = { name: "all", from: [{ principals: ["*"] }], publish: { allow: ["all"] } };
  return { trustDomains: TRUST_DOMAINS, rules: [...cases.flatMap(rulesOf), connecting] };
}

/** The cases in which the filter lets some peer publish. */
function passing(cases: readonly Case[]): Set<number> {
  const host = new Host(filterModule());
  assert.ok(host.configure(policyOf(cases)).accepted);
  const some = new Set<number>();
  for (const peer of PEERS) {
    const wire = new Wire(host, peer);
    wire.client('CONNECT {"verbose":false,"pedantic":false}\r\n');
    for (const i of cases.keys()) if (wire.client(pub(`s.${i}`)) !== PING) some.add(i);
  }
  return some;
}

/** The cases in which check says that a deny takes all that is allowed. */
function told(cases: readonly Case[]): Set<number> {
  const { output } = istioNats(["check", "-"], JSON.stringify(policyOf(cases)));
  return new Set([...output.matchAll(/ rule "allow-(\d+)"[^\n]* \[allow-void\]/g)].map(([, i]) => Number(i)));
}

describe("a deny about which check says that it takes what another rule allows", () => {
  it("is one beside which the filter lets no peer of that rule publish", () => {
    const random = new Random(freshSeed());
    const cases = Array.from({ length: 500 }, () => ({
      allowed: randomSources(random),
      denied: [randomSources(random), randomSources(random)],
    }));
    const found = told(cases);
    const some = passing(cases);
    for (const i of found) assert.ok(!some.has(i), `seed ${random.seed}: ${JSON.stringify(cases[i])}`);
    assert.ok(found.size > 0 && some.size > 0);
  });

  it("is one for the namespace, the principals or the trust domain of its peers, or several for a part of them each", () => {
    const api = { principals: ["cluster.local/ns/shop/sa/api"] };
    const taken: Case[] = [
      { allowed: [api], denied: [[{ namespaces: ["shop"] }]] },
      { allowed: [api], denied: [[{ namespaces: ["sh*"], notServiceAccounts: ["shop/batch"] }]] },
      { allowed: [api], denied: [[{ serviceAccounts: ["shop/api"] }]] },
      { allowed: [api], denied: [[{ principals: ["*/sa/api"] }]] },
      { allowed: [api], denied: [[{ trustDomains: ["old.example"] }]] },
      { allowed: [api], denied: [[{ principals: ["*"], notNamespaces: ["ops"] }]] },
      { allowed: [{ namespaces: ["shop"] }], denied: [[{ principals: ["old.example/ns/shop/sa/*"] }]] },
      { allowed: [{ principals: ["*"], namespaces: ["shop"] }], denied: [[{ namespaces: ["shop"] }]] },
      { allowed: [api, { namespaces: ["ns2"] }], denied: [[{ namespaces: ["ns2"] }], [{ namespaces: ["shop"] }]] },
    ];
    assert.deepEqual([...told(taken)], [...taken.keys()]);
    assert.equal(passing(taken).size, 0);
    const left: Case[] = [
      { allowed: [{ principals: ["*"] }], denied: [[{ namespaces: ["shop"] }]] },
      { allowed: [api, { namespaces: ["shop-eu"] }], denied: [[{ namespaces: ["shop"] }]] },
      { allowed: [api], denied: [[{ namespaces: ["shop"], notPrincipals: api.principals }]] },
      // This one is not another workload's in the other trust domain (docs/reference/policy.md).
      { allowed: [api], denied: [[{ principals: ["cluster.local/ns/shop/*"] }]] },
      { allowed: [{ namespaces: ["shop"] }], denied: [[{ serviceAccounts: ["shop/api"] }]] },
    ];
    assert.deepEqual([...told(left)], []);
    assert.equal(passing(left).size, left.length);
  });

  it("is told with some of the other rules that it takes for that, and with how many more there are", () => {
    const each = ["a", "b", "c", "d", "e", "f"].map((namespace) => [{ namespaces: [namespace] }]);
    const { output } = istioNats(["check", "-"], JSON.stringify(policyOf([{ allowed: each.flat(), denied: each }])));
    assert.match(output, /\(and rule "deny-0-1", rule "deny-0-2", rule "deny-0-3" and 2 more to the rest of them\)/);
  });
});
