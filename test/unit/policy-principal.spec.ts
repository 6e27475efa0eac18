import { Principal, MAX_URI_LENGTH, parsePrincipal } from "../../assembly/policy/principal";
import { read, withKeys } from "./policy-support";

const mesh = read(
  '{"trustDomains":["cluster.local","old.example"],"rules":[{"name":"r","from":[{"principals":["*"]}],"publish":{"allow":["a"]}}]}',
);

function isAuthenticated(uri: string): bool {
  return mesh.peers.principalOf(uri).authenticated;
}

describe("a certificate's URI", () => {
  it("has a trust domain, namespace and service account if it has Istio's form", () => {
    const principal = parsePrincipal("spiffe://cluster.local/ns/shop/sa/orders-api");
    expect(principal.isSpiffe).toBe(true);
    expect(principal.isWorkload).toBe(true);
    expect(principal.trustDomain).toBe("cluster.local");
    expect(principal.namespace).toBe("shop");
    expect(principal.serviceAccount).toBe("orders-api");
    expect(principal.name).toBe("cluster.local/ns/shop/sa/orders-api");
    expect(principal.path).toBe("ns/shop/sa/orders-api");
    expect(principal.uri).toBe("spiffe://cluster.local/ns/shop/sa/orders-api");
  });

  it("has only a trust domain if it is a SPIFFE ID of another form", () => {
    const others: StaticArray<string> = [
      "spiffe://cluster.local/agent",
      "spiffe://cluster.local/ns/shop",
      "spiffe://cluster.local/ns/shop/sa/",
      "spiffe://cluster.local/ns//sa/api",
      "spiffe://cluster.local/ns/shop/sa/api/pod",
      "spiffe://cluster.local/ns/shop/sa/api/",
      "spiffe://cluster.local/ns/shop/x/sa/api",
      "spiffe://cluster.local/ns/shop/sax/api",
      "spiffe://cluster.local/x/ns/shop/sa/api",
      "spiffe://cluster.local/NS/shop/SA/api",
      "spiffe://cluster.local/sa/shop/ns/api",
    ];
    for (let i = 0; i < others.length; i++) {
      const principal = parsePrincipal(others[i]);
      expect(principal.isSpiffe).toBe(true, others[i]);
      expect(principal.trustDomain).toBe("cluster.local", others[i]);
      expect(principal.isWorkload).toBe(false, others[i]);
      expect(principal.namespace + principal.serviceAccount).toBe("", others[i]);
    }
  });

  it("stays whole if its scheme is another", () => {
    const principal = parsePrincipal("https://idp.example/users/7");
    expect(principal.isSpiffe).toBe(false);
    expect(principal.isReadable).toBe(true);
    expect(principal.name).toBe("https://idp.example/users/7");
    expect(principal.trustDomain).toBe("");
    const schemes: StaticArray<string> = ["spiffy", "spiff", "spiffes", "s"];
    for (let i = 0; i < schemes.length; i++) {
      const uri = schemes[i] + "://cluster.local/ns/shop/sa/api";
      expect(parsePrincipal(uri).name).toBe(uri);
    }
  });

  it("authenticates nobody merely by being parsed", () => {
    expect(parsePrincipal("spiffe://cluster.local/ns/shop/sa/api").authenticated).toBe(false);
    expect(new Principal("x").authenticated).toBe(false);
  });
});

describe("a peer", () => {
  it("is authenticated in the mesh's own trust domain and its aliases", () => {
    expect(isAuthenticated("spiffe://cluster.local/ns/shop/sa/api")).toBe(true);
    expect(isAuthenticated("spiffe://old.example/ns/shop/sa/api")).toBe(true);
    expect(isAuthenticated("spiffe://cluster.local/any/path")).toBe(true);
  });

  it("is not authenticated in any other trust domain, however similar", () => {
    const strangers: StaticArray<string> = [
      "spiffe://evil/ns/shop/sa/api",
      "spiffe://cluster.local.evil/ns/shop/sa/api",
      "spiffe://cluster.loca/ns/shop/sa/api",
      "spiffe://Cluster.Local/ns/shop/sa/api",
      "spiffe://evil@cluster.local/ns/shop/sa/api",
      "spiffe://cluster.local:443/ns/shop/sa/api",
      "spiffe://evil/cluster.local/ns/shop/sa/api",
      "spiffe://cluster.local?x/ns/shop/sa/api",
    ];
    for (let i = 0; i < strangers.length; i++) expect(isAuthenticated(strangers[i])).toBe(false, strangers[i]);
  });

  it("is not authenticated without a certificate or with a URI that cannot be read", () => {
    const unreadable: StaticArray<string> = [
      "",
      "spiffe://",
      "spiffe:///ns/shop/sa/api",
      "spiffe://cluster.local",
      "spiffe://cluster.local/",
      "spiffe:cluster.local/ns/shop/sa/api",
      "SPIFFE://cluster.local/ns/shop/sa/api",
      "Spiffe://cluster.local/ns/shop/sa/api",
      "cluster.local/ns/shop/sa/api",
      "://cluster.local/ns/shop/sa/api",
      "1a://cluster.local",
      " spiffe://cluster.local/ns/shop/sa/api",
      "spiffe://cluster.local/ns/shop/sa/a pi",
      "spiffe://cluster.local/ns/shop/sa/api\n",
      "spiffe://cluster.local/ns/shop/sa/\u0000",
      "spiffe://cluster.local/ns/shop/sa/\u007f",
    ];
    for (let i = 0; i < unreadable.length; i++) {
      expect(isAuthenticated(unreadable[i])).toBe(false, unreadable[i]);
      expect(parsePrincipal(unreadable[i]).isReadable).toBe(false, unreadable[i]);
    }
  });

  it("is authenticated with a URI of another scheme, which belongs to no trust domain", () => {
    expect(isAuthenticated("https://idp.example/users/7")).toBe(true);
    expect(isAuthenticated("urn:uuid:7")).toBe(true);
  });

  it("is read once for all its connections, and again after hundreds of others have come", () => {
    const uri = "spiffe://cluster.local/ns/shop/sa/api";
    const peer = mesh.peers.principalOf(uri);
    expect(mesh.peers.principalOf(uri) === peer).toBe(true);
    for (let i = 0; i < 1000; i++) {
      const other = mesh.peers.principalOf(`${uri}-${i}`);
      assert(other.serviceAccount == `api-${i}` && other.authenticated, other.uri);
    }
    const again = mesh.peers.principalOf(uri);
    expect(again === peer).toBe(false);
    expect(again.name).toBe(peer.name);
    expect(again.authenticated).toBe(true);
    expect(mesh.peers.principalOf("spiffe://evil/ns/shop/sa/api").authenticated).toBe(false);
    expect(mesh.peers.principalOf("spiffe://evil/ns/shop/sa/api").authenticated).toBe(false);
  });

  it("is not remembered if its URI cannot be read, because that may be of any length", () => {
    expect(mesh.peers.principalOf("no uri") === mesh.peers.principalOf("no uri")).toBe(false);
  });

  it("is not authenticated with a URI longer than a SPIFFE ID may be", () => {
    const before = "spiffe://cluster.local/ns/shop/sa/";
    expect(isAuthenticated(before + "a".repeat(MAX_URI_LENGTH - before.length))).toBe(true);
    expect(isAuthenticated(before + "a".repeat(MAX_URI_LENGTH - before.length + 1))).toBe(false);
  });
});

describe("the workload that a proxy serves", () => {
  it("is named in the first trust domain", () => {
    const workload = mesh.peers.workloadOf("shop", "orders-api");
    expect(workload.uri).toBe("spiffe://cluster.local/ns/shop/sa/orders-api");
    expect(workload.authenticated).toBe(true);
    expect(workload.namespace).toBe("shop");
  });

  it("is not authenticated unless both parts are known", () => {
    expect(mesh.peers.workloadOf("", "api").authenticated).toBe(false);
    expect(mesh.peers.workloadOf("shop", "").authenticated).toBe(false);
    expect(mesh.peers.workloadOf("", "").authenticated).toBe(false);
    expect(mesh.peers.workloadOf("", "api").uri).toBe("");
    expect(mesh.peers.workloadOf("shop", "").uri).toBe("");
  });

  it("cannot become another by a slash in one of its parts", () => {
    expect(mesh.peers.principalOf("spiffe://cluster.local/ns/shop/sa/api/x").authenticated).toBe(true);
    expect(mesh.peers.workloadOf("shop/sa/admin", "x").authenticated).toBe(false);
    expect(mesh.peers.workloadOf("shop", "api/x").authenticated).toBe(false);
    expect(mesh.peers.principalOf("spiffe://cluster.local/ns/shop/sa/api/x").authenticated).toBe(true);
    expect(mesh.peers.workloadOf("a/b", "c d").authenticated).toBe(false);
  });

  it("is nobody in a configuration without a trust domain", () => {
    expect(read("{}").peers.workloadOf("shop", "api").authenticated).toBe(false);
    expect(read(withKeys('"mode":"ENFORCE"')).peers.workloadOf("shop", "api").authenticated).toBe(true);
  });
});
