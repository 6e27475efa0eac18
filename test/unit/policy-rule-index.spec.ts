import { PolicyDocument } from "../../assembly/policy/document";
import { RuleIndex } from "../../assembly/policy/rule-index";
import { read } from "./policy-support";

const SOURCES: StaticArray<string> = [
  '{"principals":["*"]}',
  '{"principals":["cluster.local/ns/shop/sa/orders"]}',
  '{"principals":["old.domain/ns/shop/sa/orders"]}',
  '{"principals":["foreign.domain/ns/shop/sa/orders"]}',
  '{"principals":["cluster.local/ns/shop/sa/orders","cluster.local/ns/bank/*"]}',
  '{"principals":["*/sa/orders"]}',
  '{"principals":["cluster.local/some/path"]}',
  '{"principals":["urn:orders"]}',
  '{"namespaces":["shop"]}',
  '{"namespaces":["sa"]}',
  '{"namespaces":["ns"]}',
  '{"namespaces":["sh*"]}',
  '{"namespaces":["shop","b*"]}',
  '{"serviceAccounts":["shop/orders"]}',
  '{"serviceAccounts":["shop/orders","bank/orders"]}',
  '{"namespaces":["shop"],"serviceAccounts":["bank/orders"]}',
  '{"principals":["*"],"namespaces":["shop"]}',
  '{"notNamespaces":["shop"]}',
  '{"namespaces":["shop"],"notPrincipals":["cluster.local/ns/shop/sa/orders"]}',
  '{"trustDomains":["old.domain"]}',
];

const URIS: StaticArray<string> = [
  "",
  "urn:orders",
  "spiffe://cluster.local/ns/shop/sa/orders",
  "spiffe://old.domain/ns/shop/sa/orders",
  "spiffe://foreign.domain/ns/shop/sa/orders",
  "spiffe://cluster.local/ns/bank/sa/orders",
  "spiffe://cluster.local/ns/ns/sa/orders",
  "spiffe://cluster.local/ns/sa/sa/sa",
  "spiffe://ns/ns/shop/sa/orders",
  "spiffe://ns/ns/sa/sa/ns",
  "spiffe://cluster.local/some/path",
  "spiffe://cluster.local/ns/shop/x/sa/orders",
];

/** Each source by itself in a rule, and then each with its neighbour. */
function document(): PolicyDocument {
  let rules = "";
  for (let i = 0; i < SOURCES.length * 2; i++) {
    const first = SOURCES[i % SOURCES.length];
    const more = i < SOURCES.length ? "" : "," + SOURCES[(i + 1) % SOURCES.length];
    if (i > 0) rules += ",";
    rules += `{"name":"r${i}","from":[${first}${more}],"publish":{"allow":["a"]}}`;
  }
  return read(`{"trustDomains":["cluster.local","old.domain","ns"],"rules":[${rules}]}`);
}

describe("the index of rules", () => {
  it("finds exactly the rules that match when each is checked by itself, in their order", () => {
    const policy = document();
    expect(policy.faults.toString()).toBe("");
    const index = new RuleIndex(policy.rules);
    for (let i = 0; i < URIS.length; i++) {
      const peer = policy.peers.principalOf(URIS[i]);
      let wanted = "";
      for (let j = 0; j < policy.rules.length; j++) {
        if (policy.rules[j].from.matches(peer)) wanted += ` ${j}`;
      }
      let found = "";
      const rules = index.matching(peer);
      for (let j = 0; j < rules.length; j++) found += ` ${rules[j].index}`;
      expect(found).toBe(wanted, URIS[i]);
    }
  });
});
