import { Principal, parsePrincipal, workloadUri } from "./principal";

/**
 * Peers that are remembered, of some 0.6 KiB each and at most 16 KiB (a URI of MAX_URI_LENGTH, four times over). Beyond that
 * all are forgotten, and remembered anew as they come.
 */
const MAX_REMEMBERED_PEERS: i32 = 256;

/** The peers of connections under one configuration. */
export class Peers {
  /**
   * Peers by URI. A workload has many connections, which share what is known of it: so an open connection takes 0.2 KiB less,
   * and one that opens 16 allocations instead of 27.
   */
  private readonly byUri: Map<string, Principal> = new Map();

  /** `trustDomains`: the mesh's own, then its aliases. They may still come. */
  constructor(private readonly trustDomains: string[]) {}

  /**
   * The peer that a certificate's URI names. It is authenticated when the URI
   * can be read and, if it is a SPIFFE ID, lies in one of the trust domains;
   * "" (no certificate, or none with a URI) never is. All connections of the peer
   * are given the same one, so nobody may change it.
   */
  principalOf(uri: string): Principal {
    if (this.byUri.has(uri)) return this.byUri.get(uri);
    const principal = parsePrincipal(uri);
    principal.authenticated = principal.isSpiffe
      ? this.trustDomains.includes(principal.trustDomain)
      : principal.isReadable;
    // One that cannot be read may be of any length, and is not kept.
    if (!principal.isReadable) return principal;
    if (this.byUri.size >= MAX_REMEMBERED_PEERS) this.byUri.clear();
    this.byUri.set(uri, principal);
    return principal;
  }

  /** The principal of `identity: WORKLOAD`; not authenticated unless both parts are known. */
  workloadOf(namespace: string, serviceAccount: string): Principal {
    if (this.trustDomains.length == 0 || namespace.length == 0 || serviceAccount.length == 0) {
      return parsePrincipal("");
    }
    const uri = workloadUri(this.trustDomains[0], namespace, serviceAccount);
    const principal = this.principalOf(uri);
    // A slash within a part would make the URI somebody else's; parsing authenticates nobody.
    return principal.serviceAccount == serviceAccount ? principal : parsePrincipal(uri);
  }
}
