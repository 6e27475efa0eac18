import { Principal, SPIFFE_SCHEME, schemeLength } from "./principal";

/** The trust domain that means "whatever ours is called" in Istio's policies. */
const CLUSTER_LOCAL: string = "cluster.local";

/**
 * Whether `pattern` takes the whole of `text`: `*` stands for any characters
 * (none and `/` included), `?` for exactly one. Steps are bounded by the
 * product of the lengths; nothing is allocated.
 */
export function globMatches(pattern: string, text: string): bool {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const unit = p < pattern.length ? pattern.charCodeAt(p) : -1;
    if (unit == 0x2a) {
      star = p++;
      resume = t;
    } else if (unit == 0x3f || unit == text.charCodeAt(t)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern.charCodeAt(p) == 0x2a) p++;
  return p == pattern.length;
}

/** Whether `text` begins with, or (`whole`) is, `wanted` from `wantedFrom` on. */
function continues(text: string, wanted: string, wantedFrom: i32, whole: bool): bool {
  const length = wanted.length - wantedFrom;
  if (whole ? text.length != length : text.length < length) return false;
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) != wanted.charCodeAt(wantedFrom + i)) return false;
  }
  return true;
}

function slashes(text: string): i32 {
  let count = 0;
  for (let i = 0, length = text.length; i < length; i++) {
    if (text.charCodeAt(i) == 0x2f) count++;
  }
  return count;
}

const enum Form {
  ANY,
  EXACT,
  PREFIX,
  SUFFIX,
}

/**
 * One value of `principals`: a SPIFFE ID without its scheme, `prefix*`,
 * `*suffix` or `*`, as Istio's StringMatcherWithPrefix reads it. A value with
 * a scheme of its own names a URI that is no SPIFFE ID.
 */
export class PrincipalPattern {
  private form: i32 = Form.EXACT;
  private text: string;
  private namesOtherUri: bool;
  // Istio's trust domain migration: where in `text` the path begins that
  // matches in any of our trust domains; 0 when none does.
  private migratedFrom: i32 = 0;

  constructor(value: string) {
    this.text = value;
    this.namesOtherUri = schemeLength(value) > 0;
    if (value == "*") {
      this.form = Form.ANY;
    } else if (value.startsWith("*")) {
      this.form = Form.SUFFIX;
      this.text = value.substring(1);
    } else if (value.endsWith("*")) {
      this.form = Form.PREFIX;
      this.text = value.substring(0, value.length - 1);
    }
  }

  /**
   * Lets the value match in every trust domain of ours when it names one of
   * them, or `cluster.local`. As in Istio that holds only for values of five
   * segments (TD/ns/NS/sa/SA) whose first is not `*` alone: others are
   * compared as they are written (pilot/pkg/security/trustdomain/bundle.go).
   */
  migrate(trustDomains: string[]): void {
    if (this.form == Form.ANY || this.namesOtherUri) return;
    const leading = this.form == Form.SUFFIX;
    const slash = this.text.indexOf("/");
    if (slash < 0 || slashes(this.text) != 4) return;
    if (slash == 0 && leading) return;
    const trustDomain = this.text.substring(0, slash);
    let ours = trustDomain == CLUSTER_LOCAL && !leading;
    for (let i = 0; i < trustDomains.length && !ours; i++) {
      ours = leading ? trustDomains[i].endsWith(trustDomain) : trustDomains[i] == trustDomain;
    }
    if (ours) this.migratedFrom = slash + 1;
  }

  /** The name that a peer must have for it to match, as `Principal.indexNames` has it; "" when there is no such name. */
  get requiredName(): string {
    if (this.form != Form.EXACT) return "";
    return this.migratedFrom == 0 ? "n" + this.text : "p" + this.text.substring(this.migratedFrom);
  }

  /** Whether the value names this authenticated peer. */
  matches(peer: Principal): bool {
    if (this.form == Form.ANY) return true;
    if (this.namesOtherUri == peer.isSpiffe) return false;
    // *suffix means a SPIFFE ID that ends so: Istio keeps the scheme before it.
    const name = peer.name;
    if (this.form == Form.SUFFIX && name.endsWith(this.text)) return true;
    if (this.form == Form.PREFIX && name.startsWith(this.text)) return true;
    if (this.form == Form.EXACT && name == this.text) return true;
    if (this.migratedFrom == 0) return false;
    const whole = this.form != Form.PREFIX;
    return continues(peer.path, this.text, this.migratedFrom, whole);
  }
}

/** One value of `namespaces`; `*` stands for anything, as in Istio's `.*` of it. */
export class NamespacePattern {
  private glob: string;
  /**
   * The same, "" when others could match: with `*`, and `sa` and `ns`, which Istio's expression also finds in
   * `…/ns/ns/sa/ACCOUNT` and in `//ns/ns/…`.
   */
  readonly requiredName: string;

  constructor(value: string) {
    this.requiredName = value.includes("*") || value == "sa" || value == "ns" ? "" : "d" + value;
    // Istio searches /ns/VALUE/ in the whole URI and lets * pass a slash.
    this.glob = "*/ns/" + value + "/*";
  }

  matches(peer: Principal): bool {
    return globMatches(this.glob, peer.uri);
  }
}

/**
 * One value of `serviceAccounts`, NAMESPACE/NAME, without wildcards. Istio's
 * expression also finds it where further pairs stand between or behind:
 * `spiffe://.+/ns/NAMESPACE/(.+/|)sa/NAME(/.+)?`.
 */
export class ServiceAccountPattern {
  constructor(
    private namespace: string,
    private name: string,
  ) {}

  /** The same. Peers of another form match no source with a service account (source.ts). */
  get requiredName(): string {
    return "s" + this.namespace + "/" + this.name;
  }

  matches(peer: Principal): bool {
    if (peer.isWorkload) {
      // In a URI of Istio's form the expression can find nothing else.
      return peer.namespace == this.namespace && peer.serviceAccount == this.name;
    }
    const before = SPIFFE_SCHEME + "?*/ns/" + this.namespace + "/";
    const account = "sa/" + this.name;
    return (
      globMatches(before + account, peer.uri) ||
      globMatches(before + account + "/?*", peer.uri) ||
      globMatches(before + "?*/" + account, peer.uri) ||
      globMatches(before + "?*/" + account + "/?*", peer.uri)
    );
  }
}

/** One value of `trustDomains`: exact, or with one `*` that stops at a slash. */
export class TrustDomainPattern {
  private isAlias: bool = false;

  constructor(private value: string) {}

  /** As Istio's ExpandTrustDomainAliases: one of ours stands for all of ours. */
  migrate(trustDomains: string[]): void {
    this.isAlias = trustDomains.includes(this.value);
  }

  matches(peer: Principal): bool {
    if (this.value == "*") return true;
    if (!peer.isSpiffe) return false;
    // Only peers of our trust domains are authenticated.
    return this.isAlias || globMatches(this.value, peer.trustDomain);
  }
}
