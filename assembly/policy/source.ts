import { Principal } from "./principal";
import { NamespacePattern, PrincipalPattern, ServiceAccountPattern, TrustDomainPattern } from "./source-patterns";

// Most sources have one list of the eight: the absent ones share these, which
// nobody changes (eight lists of their own cost 0.8 KB a source).
const NO_PRINCIPALS: StaticArray<PrincipalPattern> = [];
const NO_NAMESPACES: StaticArray<NamespacePattern> = [];
const NO_SERVICE_ACCOUNTS: StaticArray<ServiceAccountPattern> = [];
const NO_TRUST_DOMAINS: StaticArray<TrustDomainPattern> = [];

// An interface would cost a dynamic call table; four short loops are plain.

function anyPrincipal(patterns: StaticArray<PrincipalPattern>, peer: Principal): bool {
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i].matches(peer)) return true;
  }
  return false;
}

function anyNamespace(patterns: StaticArray<NamespacePattern>, peer: Principal): bool {
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i].matches(peer)) return true;
  }
  return false;
}

function anyServiceAccount(patterns: StaticArray<ServiceAccountPattern>, peer: Principal): bool {
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i].matches(peer)) return true;
  }
  return false;
}

function anyTrustDomain(patterns: StaticArray<TrustDomainPattern>, peer: Principal): bool {
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i].matches(peer)) return true;
  }
  return false;
}

/** None as soon as one of the patterns matches more than one name. */
function namesOfPrincipals(patterns: StaticArray<PrincipalPattern>): string[] {
  const names: string[] = [];
  for (let i = 0; i < patterns.length; i++) {
    const name = patterns[i].requiredName;
    if (name == "") return [];
    names.push(name);
  }
  return names;
}

function namesOfServiceAccounts(patterns: StaticArray<ServiceAccountPattern>): string[] {
  const names: string[] = [];
  for (let i = 0; i < patterns.length; i++) names.push(patterns[i].requiredName);
  return names;
}

function namesOfNamespaces(patterns: StaticArray<NamespacePattern>): string[] {
  const names: string[] = [];
  for (let i = 0; i < patterns.length; i++) {
    const name = patterns[i].requiredName;
    if (name == "") return [];
    names.push(name);
  }
  return names;
}

/**
 * One entry of a rule's `from`, with the meaning of Istio's Source: a list
 * matches when one of its values does, a `not…` list when none does, and the
 * source when all lists that it has do. Deliberately stricter than Istio: a
 * peer that is not authenticated matches nothing, `not…` lists included, and
 * `namespaces`, `serviceAccounts` and `trustDomains` admit SPIFFE IDs alone,
 * the first two only those of Istio's form.
 */
export class Source {
  principals: StaticArray<PrincipalPattern> = NO_PRINCIPALS;
  notPrincipals: StaticArray<PrincipalPattern> = NO_PRINCIPALS;
  namespaces: StaticArray<NamespacePattern> = NO_NAMESPACES;
  notNamespaces: StaticArray<NamespacePattern> = NO_NAMESPACES;
  serviceAccounts: StaticArray<ServiceAccountPattern> = NO_SERVICE_ACCOUNTS;
  notServiceAccounts: StaticArray<ServiceAccountPattern> = NO_SERVICE_ACCOUNTS;
  trustDomains: StaticArray<TrustDomainPattern> = NO_TRUST_DOMAINS;
  notTrustDomains: StaticArray<TrustDomainPattern> = NO_TRUST_DOMAINS;

  /** Applies the configuration's trust domains, which the text may name after the rules. */
  migrate(trustDomains: string[]): void {
    for (let i = 0; i < this.principals.length; i++) {
      this.principals[i].migrate(trustDomains);
    }
    for (let i = 0; i < this.notPrincipals.length; i++) {
      this.notPrincipals[i].migrate(trustDomains);
    }
    for (let i = 0; i < this.trustDomains.length; i++) {
      this.trustDomains[i].migrate(trustDomains);
    }
    for (let i = 0; i < this.notTrustDomains.length; i++) {
      this.notTrustDomains[i].migrate(trustDomains);
    }
  }

  /**
   * Names of which a peer must have one for the source to match (`Principal.indexNames`); none when it may match peers of
   * any name. A list that names peers exactly suffices, since all lists must match.
   */
  requiredNames(): string[] {
    let names = namesOfPrincipals(this.principals);
    if (names.length == 0) names = namesOfServiceAccounts(this.serviceAccounts);
    if (names.length == 0) names = namesOfNamespaces(this.namespaces);
    return names;
  }

  matches(peer: Principal): bool {
    if (!peer.authenticated) return false;
    return this.admits(peer) && !this.excludes(peer);
  }

  private admits(peer: Principal): bool {
    if (this.principals.length > 0 && !anyPrincipal(this.principals, peer)) {
      return false;
    }
    if (this.namespaces.length > 0 && !(peer.isWorkload && anyNamespace(this.namespaces, peer))) {
      return false;
    }
    if (this.serviceAccounts.length > 0 && !(peer.isWorkload && anyServiceAccount(this.serviceAccounts, peer))) {
      return false;
    }
    return this.trustDomains.length == 0 || (peer.isSpiffe && anyTrustDomain(this.trustDomains, peer));
  }

  private excludes(peer: Principal): bool {
    return (
      anyPrincipal(this.notPrincipals, peer) ||
      anyNamespace(this.notNamespaces, peer) ||
      anyServiceAccount(this.notServiceAccounts, peer) ||
      anyTrustDomain(this.notTrustDomains, peer)
    );
  }
}
