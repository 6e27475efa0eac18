import { Ascii, CASE_BIT, isDigit, isLetter } from "../bytes/ascii";
import { GOLDEN_32 } from "../bytes/golden-ratio";
import { hashBytes } from "../bytes/hash";

/** What every SPIFFE ID begins with; Istio's policies write principals without it. */
export const SPIFFE_SCHEME: string = "spiffe://";

/** The SPIFFE ID specification's bound on the whole URI (SPIFFE-ID.md §2.3), in UTF-16 units here. */
export const MAX_URI_LENGTH: i32 = 2048;

/** Which name of a peer it is that a hash is of. */
export const enum PeerName {
  /** What `principals` are compared with. */
  WHOLE = 1,
  /** The same without the trust domain. */
  PATH,
  NAMESPACE,
  SERVICE_ACCOUNT,
}

/** In place of the hash of a name: there is none. No name has this hash. */
export const NOT_NAMED: u32 = 0;

/**
 * The hash of a name: of the units of `text` from `from` to before `to`. The same text as another kind of name has another
 * hash. It is never NOT_NAMED. Two names may share one.
 */
export function namedHash(kind: PeerName, text: string, from: i32 = 0, to: i32 = text.length): u32 {
  const hash = hashBytes(changetype<usize>(text) + ((<usize>from) << 1), (to - from) << 1);
  return max<u32>(hash ^ (<u32>kind * GOLDEN_32), 1);
}

/** The hash of a service account in its namespace, by the hashes of both names. It is never NOT_NAMED. Two may share one. */
export function serviceAccountHash(namespace: u32, name: u32): u32 {
  return max<u32>(name ^ rotl<u32>(namespace, 16), 1);
}

/**
 * Who is at the other end of a connection, read from its certificate's URI.
 * Nobody is authenticated by parsing: only `Peers.principalOf` says
 * so, because only a configuration knows whose trust domains are ours. It is
 * shared by all connections of the peer, and never changed after that.
 */
export class Principal {
  /** Whether a source may match at all. */
  authenticated: bool = false;
  /** Whether the URI is a SPIFFE ID, of whatever path. */
  isSpiffe: bool = false;
  /** "" unless a SPIFFE ID. */
  trustDomain: string = "";
  /** "" unless the path is /ns/NAMESPACE/sa/SERVICE_ACCOUNT. */
  namespace: string = "";
  /** "" unless the path is /ns/NAMESPACE/sa/SERVICE_ACCOUNT. */
  serviceAccount: string = "";
  /** What `principals` are compared with: the SPIFFE ID without its scheme, else the whole URI. */
  name: string = "";
  /** The part of a SPIFFE ID's name behind its trust domain, without the first slash. */
  path: string = "";

  constructor(
    /** The URI as the certificate has it; "" when there is none. */
    readonly uri: string,
  ) {}

  /** Whether the URI has Istio's form, so that namespace and service account are known. */
  get isWorkload(): bool {
    return this.namespace.length > 0;
  }

  /** Whether the URI is something `principals` could name. */
  get isReadable(): bool {
    return this.name.length > 0;
  }

  /**
   * The hashes by which a `RuleIndex` finds the rules that may match this peer. They are made as `Sources.requiredNames` makes
   * those of a rule.
   */
  nameHashes(): u32[] {
    const hashes = [namedHash(PeerName.WHOLE, this.name), namedHash(PeerName.PATH, this.path)];
    if (this.isWorkload) {
      const namespace = namedHash(PeerName.NAMESPACE, this.namespace);
      hashes.push(serviceAccountHash(namespace, namedHash(PeerName.SERVICE_ACCOUNT, this.serviceAccount)));
      hashes.push(namespace);
    }
    return hashes;
  }
}

function hasAsciiBlankOrControl(text: string): bool {
  for (let i = 0, length = text.length; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= Ascii.SPACE || unit == Ascii.DELETE) return true;
  }
  return false;
}

/** The length of a URI's scheme (RFC 3986 §3.1), or 0 when it has none. */
export function schemeLength(uri: string): i32 {
  for (let i = 0, length = uri.length; i < length; i++) {
    const unit = uri.charCodeAt(i);
    if (unit == Ascii.COLON) return i;
    const mark = unit == Ascii.PLUS || unit == Ascii.DASH || unit == Ascii.DOT;
    if (!isLetter(unit) && (i == 0 || (!isDigit(unit) && !mark))) return 0;
  }
  return 0;
}

/**
 * Whether a URI's scheme is `spiffe`, in whatever case (RFC 3986 §3.1). By hand, since `String.toLowerCase` brings Unicode's tables
 * of cases into the module, which are 8 KB.
 */
export function hasSpiffeScheme(uri: string): bool {
  const length = schemeLength(uri);
  if (length != SPIFFE_SCHEME.indexOf(":")) return false;
  for (let i = 0; i < length; i++) {
    if ((uri.charCodeAt(i) | CASE_BIT) != SPIFFE_SCHEME.charCodeAt(i)) return false;
  }
  return true;
}

function readWorkload(principal: Principal): void {
  const path = principal.path;
  if (!path.startsWith("ns/")) return;
  const namespaceEnd = path.indexOf("/", 3);
  if (namespaceEnd <= 3 || !path.startsWith("/sa/", namespaceEnd)) return;
  const account = path.substring(namespaceEnd + 4);
  if (account.length == 0 || account.includes("/")) return;
  principal.namespace = path.substring(3, namespaceEnd);
  principal.serviceAccount = account;
}

/**
 * Reads a certificate's URI. A SPIFFE ID gives its trust domain, and namespace
 * and service account when its path is Istio's; any other URI stays whole. What
 * has no scheme, blanks or control characters, no trust domain or path, more
 * than MAX_URI_LENGTH, or `spiffe` in another case is unreadable, so that it
 * can never be authenticated.
 */
export function parsePrincipal(uri: string): Principal {
  const principal = new Principal(uri);
  if (uri.length > MAX_URI_LENGTH || hasAsciiBlankOrControl(uri)) return principal;
  if (!hasSpiffeScheme(uri)) {
    if (schemeLength(uri) > 0) principal.name = uri;
    return principal;
  }
  if (!uri.startsWith(SPIFFE_SCHEME)) return principal;
  const name = uri.substring(SPIFFE_SCHEME.length);
  const slash = name.indexOf("/");
  if (slash <= 0 || slash == name.length - 1) return principal;
  principal.isSpiffe = true;
  principal.name = name;
  principal.trustDomain = name.substring(0, slash);
  principal.path = name.substring(slash + 1);
  readWorkload(principal);
  return principal;
}

/** The SPIFFE ID that Istio issues to a service account. */
export function workloadUri(trustDomain: string, namespace: string, serviceAccount: string): string {
  return SPIFFE_SCHEME + trustDomain + "/ns/" + namespace + "/sa/" + serviceAccount;
}
