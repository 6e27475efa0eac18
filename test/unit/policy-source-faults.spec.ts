import { expectFault, faultsOf, withRule, withSource } from "./policy-support";

const ACT: string = '"publish":{"allow":["a"]}';

describe("the faults of from", () => {
  it("include an empty list, an empty source and what is neither", () => {
    expectFault(
      withRule(`"name":"r","from":[],${ACT}`),
      'rules[0].from: is empty, which admits nobody: write [{"principals": ["*"]}] for every authenticated peer',
    );
    expectFault(
      withSource("{}"),
      'rules[0].from[0]: names nobody: write whom it means, or {"principals": ["*"]} for every authenticated peer',
    );
    expectFault(
      withSource('{"namespace":["shop"]}'),
      "rules[0].from[0].namespace: unknown key: did you mean namespaces?",
    );
    expectFault(
      withSource('"shop"'),
      'rules[0].from[0]: expected a source such as {"namespaces": ["shop"]}, found a string',
    );
    expectFault(
      withRule(`"name":"r","from":{"principals":["*"]},${ACT}`),
      'rules[0].from: expected a list of sources such as [{"namespaces": ["shop"]}], found an object',
    );
  });

  it("include empty lists within a source, which Istio would read as no condition", () => {
    expectFault(
      withSource('{"namespaces":["shop"],"principals":[]}'),
      "rules[0].from[0].principals: is empty: name somebody or leave the key out",
    );
    expectFault(
      withSource('{"notPrincipals":[]}'),
      "rules[0].from[0].notPrincipals: is empty: name somebody or leave the key out",
    );
  });

  it("include values that are not lists of strings", () => {
    expectFault(
      withSource('{"principals":"*"}'),
      'rules[0].from[0].principals: expected a list of principals such as ["cluster.local/ns/shop/sa/orders-api"], found a string',
    );
    expectFault(
      withSource('{"notNamespaces":{"shop":1}}'),
      'rules[0].from[0].notNamespaces: expected a list of namespaces such as ["shop"], found an object',
    );
    expectFault(
      withSource('{"serviceAccounts":[["shop/x"]]}'),
      "rules[0].from[0].serviceAccounts[0]: expected a service account such as shop/orders-api, found a list",
    );
    expectFault(
      withSource('{"namespaces":[null]}'),
      "rules[0].from[0].namespaces[0]: expected a namespace such as shop, found null",
    );
    expectFault(
      withSource('{"trustDomains":["a",7]}'),
      "rules[0].from[0].trustDomains[1]: expected a trust domain such as cluster.local, found a number",
    );
  });

  it("include principals that could match nobody", () => {
    expectFault(
      withSource('{"principals":["spiffe://cluster.local/ns/a/sa/b"]}'),
      'rules[0].from[0].principals[0]: "spiffe://cluster.local/ns/a/sa/b" begins with the scheme: write it without spiffe://, as in Istio\'s policies',
    );
    expectFault(
      withSource('{"notPrincipals":["SPIFFE://a/b"]}'),
      'rules[0].from[0].notPrincipals[0]: "SPIFFE://a/b" begins with the scheme: write it without spiffe://, as in Istio\'s policies',
    );
    expectFault(
      withSource('{"principals":["cluster.local/ns/*/sa/b"]}'),
      "rules[0].from[0].principals[0]: \"cluster.local/ns/*/sa/b\" has '*' in the middle, where it would be literal and match nobody: write it first or last",
    );
    expectFault(
      withSource('{"principals":["*/ns/a/*"]}'),
      "rules[0].from[0].principals[0]: \"*/ns/a/*\" has more than one '*': keep the leading or the trailing one",
    );
    expectFault(
      withSource('{"principals":["a b","","c\\u0000"]}'),
      'rules[0].from[0].principals[0]: "a b" has a blank or a control character: remove it\n' +
        "rules[0].from[0].principals[1]: is empty: expected a principal such as cluster.local/ns/shop/sa/orders-api\n" +
        'rules[0].from[0].principals[2]: "c\\x00" has a blank or a control character: remove it',
    );
    expectFault(
      withSource('{"principals":["a\u00a0b","a\u0085b","a\u007fb"]}'),
      'rules[0].from[0].principals[0]: "a\u00a0b" has a blank or a control character: remove it\n' +
        'rules[0].from[0].principals[1]: "a\\x85b" has a blank or a control character: remove it\n' +
        'rules[0].from[0].principals[2]: "a\\x7fb" has a blank or a control character: remove it',
    );
    expect(faultsOf(withSource(`{"principals":["${"p".repeat(2048)}"]}`))).toBe("");
    expectFault(
      withSource(`{"principals":["${"p".repeat(2049)}"]}`),
      `rules[0].from[0].principals[0]: "${"p".repeat(80)}…" is 2049 characters long: use at most 2048`,
    );
  });

  it("include namespaces, service accounts and trust domains of other characters", () => {
    expectFault(
      withSource('{"namespaces":["shop/orders"]}'),
      "rules[0].from[0].namespaces[0]: \"shop/orders\" is no namespace: use letters, digits, '-' and '*' as wildcard",
    );
    expectFault(
      withSource('{"namespaces":["sh?p"]}'),
      "rules[0].from[0].namespaces[0]: \"sh?p\" is no namespace: use letters, digits, '-' and '*' as wildcard",
    );
    expectFault(
      withSource('{"serviceAccounts":["orders-api"]}'),
      'rules[0].from[0].serviceAccounts[0]: "orders-api" names no namespace, and the filter has none of its own to add: write NAMESPACE/orders-api',
    );
    const longest = "x".repeat(79);
    expectFault(
      withSource(`{"serviceAccounts":["${longest}😀"]}`),
      `rules[0].from[0].serviceAccounts[0]: "${longest}…" names no namespace, and the filter has none of its own to add: write NAMESPACE/NAME`,
    );
    expectFault(
      withSource(`{"serviceAccounts":["${longest}xx"]}`),
      `rules[0].from[0].serviceAccounts[0]: "${longest}x…" names no namespace, and the filter has none of its own to add: write NAMESPACE/${longest}x`,
    );
    // Not even the remedy may begin a line of its own in the log.
    expectFault(
      withSource('{"serviceAccounts":["\\nt"]}'),
      'rules[0].from[0].serviceAccounts[0]: "\\x0at" names no namespace, and the filter has none of its own to add: write NAMESPACE/NAME',
    );
    expectFault(
      withSource('{"serviceAccounts":["shop/*"]}'),
      "rules[0].from[0].serviceAccounts[0]: \"shop/*\" has '*', which is no wildcard here: use namespaces or principals",
    );
    expectFault(
      withSource('{"serviceAccounts":["shop/","/x","a/b/c"]}'),
      'rules[0].from[0].serviceAccounts[0]: "shop/" is no service account: write NAMESPACE/NAME\n' +
        'rules[0].from[0].serviceAccounts[1]: "/x" is no service account: write NAMESPACE/NAME\n' +
        'rules[0].from[0].serviceAccounts[2]: "a/b/c" is no service account: write NAMESPACE/NAME',
    );
    expectFault(
      withSource('{"trustDomains":["a/b","*a*"]}'),
      "rules[0].from[0].trustDomains[0]: \"a/b\" is no trust domain: use letters, digits, '.', '-', '_' and at most one '*'\n" +
        "rules[0].from[0].trustDomains[1]: \"*a*\" has more than one '*': keep one",
    );
  });
});
