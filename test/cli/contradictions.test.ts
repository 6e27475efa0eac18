import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { freshSeed, Random } from "../host/random.ts";
import { PING, pub, Wire } from "../host/wire.ts";
import { doctor } from "./support.ts";

const TRUST_DOMAINS = ["cluster.local", "old.example"];
const NAMESPACES = ["shop", "audit", "web"];
const ACCOUNTS = ["api", "batch"];
/** An account that no value names. */
const PEERS = NAMESPACES.flatMap((namespace) =>
  [...ACCOUNTS, "nobody"].flatMap((account) =>
    TRUST_DOMAINS.map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${account}`),
  ),
);

type Source = Record<string, string[]>;

const POSITIVE = ["principals", "serviceAccounts", "namespaces"];

function value(random: Random, key: string): string {
  const namespace = random.pick(NAMESPACES);
  if (/namespaces/i.test(key)) return namespace;
  const account = random.pick(ACCOUNTS);
  if (/serviceAccounts/i.test(key)) return `${namespace}/${account}`;
  return `${random.pick(TRUST_DOMAINS)}/ns/${namespace}/sa/${account}`;
}

function randomSource(random: Random): Source {
  const keys = [...POSITIVE, "notPrincipals", "notServiceAccounts", "notNamespaces"].filter(
    () => random.below(2) === 0,
  );
  if (!keys.some((key) => POSITIVE.includes(key))) keys.push(random.pick(POSITIVE));
  return Object.fromEntries(
    keys.map((key) => [key, [...new Set(Array.from({ length: 1 + random.below(2) }, () => value(random, key)))]]),
  );
}

function policyOf(sources: readonly Source[]): { trustDomains: string[]; rules: object[] } {
  const rules = sources.map((source, i) => ({ name: `r${i}`, from: [source], publish: { allow: [`s.${i}`] } }));
  return {
    trustDomains: TRUST_DOMAINS,
    rules: [...rules, { name: "all", from: [{ principals: ["*"] }], publish: { allow: ["all"] } }],
  };
}

/** For each source, whether the filter lets some of the peers publish by its rule. */
function matched(sources: readonly Source[]): boolean[] {
  const host = new Host(filterModule());
  assert.ok(host.configure(policyOf(sources)).accepted);
  const some = sources.map(() => false);
  for (const peer of PEERS) {
    const wire = new Wire(host, peer);
    wire.client('CONNECT {"verbose":false,"pedantic":false}\r\n');
    for (const i of sources.keys()) if (wire.client(pub(`s.${i}`)) !== PING) some[i] = true;
  }
  return some;
}

/** For each source, whether doctor says about all values of one of its lists that they match nobody. */
function toldVoid(sources: readonly Source[]): boolean[] {
  const text = JSON.stringify(
    {
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "WasmPlugin",
      metadata: { name: "istio-nats" },
      spec: { pluginConfig: policyOf(sources) },
    },
    null,
    1,
  );
  const told = new Set(doctor(text).flatMap(({ id, place }) => (id === "source-void" ? [place.line] : [])));
  const lines = text.split("\n");
  let line = 0;
  return sources.map((source) =>
    Object.entries(source)
      .map(([key, values]) => {
        line = lines.findIndex((one, i) => i > line && one.trim() === `"${key}": [`);
        return POSITIVE.includes(key) && values.every((_, i) => told.has(line + 2 + i));
      })
      .includes(true),
  );
}

describe("a source about which doctor says that it matches nobody", () => {
  it("is one by which the filter admits nobody, and if doctor is silent it admits somebody", () => {
    const random = new Random(freshSeed());
    const sources = Array.from({ length: 300 }, () => randomSource(random));
    const some = matched(sources);
    const told = toldVoid(sources);
    for (const [i, source] of sources.entries())
      assert.equal(told[i], !some[i], `seed ${random.seed}: ${JSON.stringify(source)}`);
    assert.ok(told.includes(true) && told.includes(false));
  });

  it("is never one that a wildcard, or a name that Istio finds elsewhere too, may let match", () => {
    const sources: Source[] = [
      { principals: ["*/sa/api"], namespaces: ["shop"] },
      { principals: ["cluster.local/ns/shop/sa/api"], namespaces: ["sh*"] },
      { principals: ["cluster.local/ns/ns/sa/api"], namespaces: ["sa"] },
    ];
    assert.deepEqual(toldVoid(sources), [false, false, false]);
    const host = new Host(filterModule());
    host.configure(policyOf(sources));
    const passes = (peer: string, i: number): boolean => {
      const wire = new Wire(host, `spiffe://cluster.local/ns/${peer}`);
      wire.client('CONNECT {"verbose":false,"pedantic":false}\r\n');
      return wire.client(pub(`s.${i}`)) !== PING;
    };
    assert.deepEqual([passes("shop/sa/api", 0), passes("shop/sa/api", 1), passes("ns/sa/api", 2)], [true, true, true]);
  });
});
