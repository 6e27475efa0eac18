import { globMatches } from "../../assembly/policy/source-patterns";
import { read } from "./policy-support";

const API: string = "spiffe://cluster.local/ns/shop/sa/orders-api";

/** Whether the source admits the peer if these trust domains are ours. */
function admitsIn(trustDomains: string, source: string, uri: string): bool {
  const document = read(
    `{"rules":[{"name":"r","from":[${source}],"publish":{"allow":["a"]}}],"trustDomains":[${trustDomains}]}`,
  );
  expect(document.faults.toString()).toBe("");
  return document.rules[0].from.matches(document.peers.principalOf(uri));
}

function admits(source: string, uri: string): bool {
  return admitsIn('"cluster.local"', source, uri);
}

describe("principals", () => {
  it("match the SPIFFE ID without its scheme, exactly", () => {
    const source = '{"principals":["cluster.local/ns/shop/sa/orders-api"]}';
    expect(admits(source, API)).toBe(true);
    expect(admits(source, API + "2")).toBe(false);
    expect(admits(source, "spiffe://cluster.local/ns/shop/sa/orders")).toBe(false);
    expect(admits(source, "spiffe://cluster.local/ns/SHOP/sa/orders-api")).toBe(false);
  });

  it("match by a prefix with a trailing '*', and by a suffix with a leading one", () => {
    expect(admits('{"principals":["cluster.local/ns/shop/*"]}', API)).toBe(true);
    expect(admits('{"principals":["cluster.local/ns/sho*"]}', API)).toBe(true);
    expect(admits('{"principals":["cluster.local/ns/bank/*"]}', API)).toBe(false);
    expect(admits('{"principals":["*/sa/orders-api"]}', API)).toBe(true);
    expect(admits('{"principals":["*-api"]}', API)).toBe(true);
    expect(admits('{"principals":["*/sa/orders"]}', API)).toBe(false);
  });

  it("match every authenticated peer with '*' alone, and nobody else", () => {
    expect(admits('{"principals":["*"]}', API)).toBe(true);
    expect(admits('{"principals":["*"]}', "https://idp.example/7")).toBe(true);
    expect(admits('{"principals":["*"]}', "")).toBe(false);
    expect(admits('{"principals":["*"]}', "spiffe://evil/ns/shop/sa/orders-api")).toBe(false);
  });

  it("match if any of the list does", () => {
    expect(admits('{"principals":["x","cluster.local/ns/shop/sa/orders-api","y"]}', API)).toBe(true);
    expect(admits('{"principals":["x","y"]}', API)).toBe(false);
  });

  it("name a URI of another scheme by writing its scheme", () => {
    expect(admits('{"principals":["https://idp.example/7"]}', "https://idp.example/7")).toBe(true);
    expect(admits('{"principals":["https://idp.example/*"]}', "https://idp.example/7")).toBe(true);
    expect(admits('{"principals":["https://idp.example/8"]}', "https://idp.example/7")).toBe(false);
    expect(admits('{"principals":["urn:uuid:*"]}', "urn:uuid:7")).toBe(true);
  });

  it("never take a URI of another scheme for a SPIFFE ID that ends or begins alike", () => {
    expect(admits('{"principals":["*/sa/orders-api"]}', "https://evil/ns/shop/sa/orders-api")).toBe(false);
    expect(admits('{"principals":["cluster.local*"]}', "cluster.local:/ns/shop")).toBe(false);
    expect(
      admits('{"principals":["cluster.local/ns/shop/sa/orders-api"]}', "cluster.local/ns/shop/sa/orders-api"),
    ).toBe(false);
  });
});

describe("principals of a mesh that changes its trust domain", () => {
  it("match the same workload in each trust domain of ours", () => {
    const source = '{"principals":["old.example/ns/shop/sa/api"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://old.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api2")).toBe(false);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://other.example/ns/shop/sa/api")).toBe(false);
  });

  it("also match by a trailing '*' after sa/", () => {
    const source = '{"principals":["old.example/ns/shop/sa/*"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/bank/sa/api")).toBe(false);
  });

  it("need no migration if their trust domain is only '*'", () => {
    const source = '{"principals":["*/ns/shop/sa/api"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://old.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://old.example/ns/bank/sa/api")).toBe(false);
  });

  it("take cluster.local for whatever the mesh is called", () => {
    const source = '{"principals":["cluster.local/ns/shop/sa/api"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://old.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example"', source, "spiffe://cluster.local/ns/shop/sa/api")).toBe(false);
  });

  it("stay as written if they are not a whole SPIFFE ID, as in Istio", () => {
    const source = '{"principals":["old.example/ns/shop/*"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://old.example/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api")).toBe(false);
    const longer = '{"principals":["old.example/ns/shop/sa/api/x"]}';
    expect(admitsIn('"new.example","old.example"', longer, "spiffe://old.example/ns/shop/sa/api/x")).toBe(true);
    expect(admitsIn('"new.example","old.example"', longer, "spiffe://new.example/ns/shop/sa/api/x")).toBe(false);
  });

  it("stay as written if they name a trust domain that is not ours", () => {
    const source = '{"principals":["other.example/ns/shop/sa/api"]}';
    expect(admitsIn('"new.example","old.example"', source, "spiffe://new.example/ns/shop/sa/api")).toBe(false);
    expect(admitsIn('"new.example","old.example"', source, "spiffe://other.example/ns/shop/sa/api")).toBe(false);
  });

  it("match in each of ours if a leading '*' fits one of them", () => {
    const source = '{"principals":["*.example/ns/shop/sa/api"]}';
    expect(admitsIn('"mesh","old.example"', source, "spiffe://mesh/ns/shop/sa/api")).toBe(true);
    expect(admitsIn('"mesh","old"', source, "spiffe://mesh/ns/shop/sa/api")).toBe(false);
    // Only cluster.local itself stands for whatever the mesh is called.
    const local = '{"principals":["*cluster.local/ns/shop/sa/api"]}';
    expect(admitsIn('"mesh"', local, "spiffe://mesh/ns/shop/sa/api")).toBe(false);
  });
});

describe("namespaces", () => {
  it("match the namespace of a workload in any trust domain of ours", () => {
    expect(admits('{"namespaces":["shop"]}', API)).toBe(true);
    expect(admits('{"namespaces":["shop2"]}', API)).toBe(false);
    expect(admits('{"namespaces":["sho"]}', API)).toBe(false);
    expect(admitsIn('"a","b"', '{"namespaces":["shop"]}', "spiffe://b/ns/shop/sa/x")).toBe(true);
    expect(admits('{"namespaces":["shop"]}', "spiffe://evil/ns/shop/sa/x")).toBe(false);
  });

  it("may have '*' anywhere, as in Istio", () => {
    expect(admits('{"namespaces":["sh*"]}', API)).toBe(true);
    expect(admits('{"namespaces":["*op"]}', API)).toBe(true);
    expect(admits('{"namespaces":["s*p"]}', API)).toBe(true);
    expect(admits('{"namespaces":["*"]}', API)).toBe(true);
    expect(admits('{"namespaces":["b*"]}', API)).toBe(false);
  });

  it("admit only URIs of Istio's form", () => {
    expect(admits('{"namespaces":["shop"]}', "https://evil/ns/shop/sa/x")).toBe(false);
    expect(admits('{"namespaces":["shop"]}', "spiffe://cluster.local/x/ns/shop/sa/x")).toBe(false);
    expect(admits('{"namespaces":["*"]}', "spiffe://cluster.local/agent")).toBe(false);
  });
});

describe("serviceAccounts", () => {
  it("match namespace and name together", () => {
    expect(admits('{"serviceAccounts":["shop/orders-api"]}', API)).toBe(true);
    expect(admits('{"serviceAccounts":["shop/orders"]}', API)).toBe(false);
    expect(admits('{"serviceAccounts":["bank/orders-api"]}', API)).toBe(false);
    expect(admits('{"serviceAccounts":["shopping/orders-api"]}', API)).toBe(false);
    expect(admits('{"serviceAccounts":["sho/orders-api"]}', API)).toBe(false);
    expect(admits('{"serviceAccounts":["shop/orders-api2"]}', API)).toBe(false);
    expect(admits('{"serviceAccounts":["sa/x"]}', "spiffe://cluster.local/ns/ns/sa/x")).toBe(false);
  });

  it("take a dot for a dot, where Istio's expression takes any character", () => {
    expect(admits('{"serviceAccounts":["shop/a.b"]}', "spiffe://cluster.local/ns/shop/sa/a.b")).toBe(true);
    expect(admits('{"serviceAccounts":["shop/a.b"]}', "spiffe://cluster.local/ns/shop/sa/axb")).toBe(false);
  });

  it("admit only URIs of Istio's form", () => {
    expect(admits('{"serviceAccounts":["shop/x"]}', "spiffe://cluster.local/ns/shop/sa/x/pod/1")).toBe(false);
    expect(admits('{"serviceAccounts":["shop/x"]}', "https://evil/ns/shop/sa/x")).toBe(false);
  });
});

describe("trustDomains", () => {
  it("match the peer's trust domain, each of ours standing for all of ours", () => {
    expect(admits('{"trustDomains":["cluster.local"]}', API)).toBe(true);
    expect(admits('{"trustDomains":["other"]}', API)).toBe(false);
    expect(admits('{"trustDomains":["cluster.local"]}', "spiffe://cluster.local/db")).toBe(true);
    expect(admitsIn('"a","b"', '{"trustDomains":["a"]}', "spiffe://b/ns/x/sa/y")).toBe(true);
  });

  it("may have one '*' anywhere", () => {
    expect(admits('{"trustDomains":["*"]}', API)).toBe(true);
    expect(admits('{"trustDomains":["*.local"]}', API)).toBe(true);
    expect(admits('{"trustDomains":["cluster.*"]}', API)).toBe(true);
    expect(admits('{"trustDomains":["c*l"]}', API)).toBe(true);
    expect(admits('{"trustDomains":["*.example"]}', API)).toBe(false);
  });

  it("admit only SPIFFE IDs", () => {
    expect(admits('{"trustDomains":["*"]}', "https://idp.example/7")).toBe(false);
    expect(admits('{"trustDomains":["cluster.local"]}', "https://cluster.local/ns/shop/sa/x")).toBe(false);
  });
});

describe("the not… fields", () => {
  it("exclude the peers that they name and admit every other authenticated peer", () => {
    expect(admits('{"notPrincipals":["cluster.local/ns/shop/sa/orders-api"]}', API)).toBe(false);
    expect(admits('{"notPrincipals":["cluster.local/ns/shop/sa/other"]}', API)).toBe(true);
    expect(admits('{"notNamespaces":["shop"]}', API)).toBe(false);
    expect(admits('{"notNamespaces":["bank"]}', API)).toBe(true);
    expect(admits('{"notServiceAccounts":["shop/orders-api"]}', API)).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/other"]}', API)).toBe(true);
    expect(admits('{"notServiceAccounts":["shopping/orders-api"]}', API)).toBe(true);
    expect(admits('{"notTrustDomains":["cluster.local"]}', API)).toBe(false);
    expect(admits('{"notTrustDomains":["other"]}', API)).toBe(true);
  });

  it("never admit an unauthenticated peer by themselves", () => {
    const fields: StaticArray<string> = [
      '{"notPrincipals":["x"]}',
      '{"notNamespaces":["x"]}',
      '{"notServiceAccounts":["x/y"]}',
      '{"notTrustDomains":["x"]}',
    ];
    for (let i = 0; i < fields.length; i++) {
      expect(admits(fields[i], "")).toBe(false, fields[i]);
      expect(admits(fields[i], "spiffe://evil/ns/shop/sa/x")).toBe(false, fields[i]);
      expect(admits(fields[i], "cluster.local/ns/shop/sa/x")).toBe(false, fields[i]);
    }
  });

  it("exclude wherever Istio's expressions find the value, in URIs of any form", () => {
    expect(admits('{"notNamespaces":["shop"]}', "spiffe://cluster.local/x/ns/shop/pod/1")).toBe(false);
    expect(admits('{"notNamespaces":["shop"]}', "https://idp/ns/shop/x")).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/x"]}', "spiffe://cluster.local/ns/shop/pod/1/sa/x")).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/x"]}', "spiffe://cluster.local/ns/shop/sa/x/pod/1")).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/x"]}', "spiffe://cluster.local/r/1/ns/shop/p/sa/x/2")).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/x"]}', "spiffe://cluster.local/r/1/ns/shop/sa/x")).toBe(false);
    expect(admits('{"notServiceAccounts":["shop/x"]}', "spiffe://cluster.local/ns/shop/sa/xy/1")).toBe(true);
    expect(admits('{"notTrustDomains":["*"]}', "https://idp/7")).toBe(false);
    expect(admits('{"notTrustDomains":["cluster.local"]}', "https://idp/7")).toBe(true);
  });

  it("exclude the same workload in each trust domain of ours", () => {
    const source = '{"notPrincipals":["a/ns/shop/sa/x"]}';
    expect(admitsIn('"a","b"', source, "spiffe://b/ns/shop/sa/x")).toBe(false);
    expect(admitsIn('"a","b"', '{"notTrustDomains":["a"]}', "spiffe://b/ns/shop/sa/x")).toBe(false);
  });
});

describe("a source with several fields", () => {
  it("matches if all of them do", () => {
    expect(admits('{"namespaces":["shop"],"notServiceAccounts":["shop/admin"]}', API)).toBe(true);
    expect(admits('{"namespaces":["shop"],"notServiceAccounts":["shop/orders-api"]}', API)).toBe(false);
    expect(admits('{"namespaces":["shop"],"principals":["*/sa/other"]}', API)).toBe(false);
    expect(admits('{"namespaces":["bank"],"principals":["*"]}', API)).toBe(false);
    expect(
      admits(
        '{"principals":["*-api"],"namespaces":["s*"],"serviceAccounts":["shop/orders-api"],"trustDomains":["cluster.local"]}',
        API,
      ),
    ).toBe(true);
  });
});

describe("several sources", () => {
  it("admit a peer that one of them admits, whatever fields the others have", () => {
    expect(admits('{"namespaces":["bank"]},{"serviceAccounts":["shop/orders-api"]}', API)).toBe(true);
    expect(admits('{"serviceAccounts":["shop/orders-api"]},{"namespaces":["bank"]}', API)).toBe(true);
    expect(admits('{"notNamespaces":["shop"]},{"principals":["*-api"]}', API)).toBe(true);
    expect(admits('{"notNamespaces":["shop"]},{"principals":["*/sa/other"]}', API)).toBe(false);
    // It matches neither of the two sources, although it matches one field of each.
    expect(
      admits('{"namespaces":["shop"],"principals":["*/sa/x"]},{"namespaces":["bank"],"principals":["*"]}', API),
    ).toBe(false);
  });
});

describe("a pattern with '*' and '?'", () => {
  it("takes any characters for '*' and exactly one for '?'", () => {
    expect(globMatches("", "")).toBe(true);
    expect(globMatches("*", "")).toBe(true);
    expect(globMatches("?", "")).toBe(false);
    expect(globMatches("?*", "a")).toBe(true);
    expect(globMatches("a*b*c", "a--b--b--c")).toBe(true);
    expect(globMatches("a*b*c", "a--c--b")).toBe(false);
    expect(globMatches("*ab", "aab")).toBe(true);
    expect(globMatches("a?c", "abc")).toBe(true);
    expect(globMatches("a?c", "ac")).toBe(false);
    expect(globMatches("**", "x")).toBe(true);
    expect(globMatches("a", "aa")).toBe(false);
  });

  it("ends within the product of the lengths on text made to mislead it", () => {
    expect(globMatches("*" + "a*".repeat(200) + "b", "a".repeat(2000))).toBe(false);
  });
});
