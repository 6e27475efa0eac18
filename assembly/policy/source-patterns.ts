import { Ascii, countOf } from "../bytes/ascii";
import { sameBytes } from "../bytes/compare";
import {
  namedHash,
  NOT_NAMED,
  PeerName,
  Principal,
  schemeLength,
  serviceAccountHash,
  SPIFFE_SCHEME,
} from "./principal";

/** The trust domain that means "whatever ours is called" in Istio's policies. */
const CLUSTER_LOCAL: string = "cluster.local";

/**
 * Whether `pattern` takes the whole of `text`: `*` stands for any characters (none and `/` included), `?` for exactly one. Steps
 * are bounded by the product of the lengths; nothing is allocated. Exported for specs.
 */
export function globMatches(pattern: string, text: string): bool {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const unit = p < pattern.length ? pattern.charCodeAt(p) : -1;
    if (unit == Ascii.STAR) {
      star = p++;
      resume = t;
    } else if (unit == Ascii.QUESTION_MARK || unit == text.charCodeAt(t)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern.charCodeAt(p) == Ascii.STAR) p++;
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

const enum Form {
  ANY,
  EXACT,
  PREFIX,
  SUFFIX,
}

/**
 * The lists of a source, numbered as the keys of the configuration are (source-read.ts): behind each list comes its `not…`
 * form, which is odd.
 */
export const enum SourceList {
  PRINCIPALS,
  NOT_PRINCIPALS,
  NAMESPACES,
  NOT_NAMESPACES,
  SERVICE_ACCOUNTS,
  NOT_SERVICE_ACCOUNTS,
  TRUST_DOMAINS,
  NOT_TRUST_DOMAINS,
}

/** One value of a source's list. Its fields are small, since large policies have as many values as rules. */
export abstract class SourcePattern {
  /** SourceList. */
  list: u8 = 0;
  /** The first value of its source. */
  isFirst: bool = false;

  /** Whether the value names this authenticated peer. */
  abstract matches(peer: Principal): bool;

  /** Applies the configuration's trust domains, which the text may name after the rules. */
  migrate(_trustDomains: string[]): void {}

  /** The hash of the one name that a peer must have to match (`Principal.nameHashes`); NOT_NAMED when there is no such name. */
  requiredName(): u32 {
    return NOT_NAMED;
  }
}

/**
 * One value of `principals`: a SPIFFE ID without its scheme, `prefix*`,
 * `*suffix` or `*`, as Istio's StringMatcherWithPrefix reads it. A value with
 * a scheme of its own names a URI that is no SPIFFE ID.
 */
@final
export class PrincipalPattern extends SourcePattern {
  /** Form. */
  private form: u8 = <u8>Form.EXACT;
  private namesOtherUri: bool;
  private text: string;
  // Istio's trust domain migration: where in `text` the path begins that
  // matches in any of our trust domains; 0 when none does.
  private migratedFrom: i32 = 0;

  constructor(value: string) {
    super();
    this.text = value;
    this.namesOtherUri = schemeLength(value) > 0;
    if (value == "*") {
      this.form = <u8>Form.ANY;
    } else if (value.startsWith("*")) {
      this.form = <u8>Form.SUFFIX;
      this.text = value.substring(1);
    } else if (value.endsWith("*")) {
      this.form = <u8>Form.PREFIX;
      this.text = value.substring(0, value.length - 1);
    }
  }

  /**
   * Lets the value match in every trust domain of ours when it names one of
   * them, or `cluster.local`. As in Istio that holds only for values of five
   * segments (TD/ns/NS/sa/SA) whose first is not `*` alone: others are
   * compared as they are written (pilot/pkg/security/trustdomain/bundle.go).
   * A value with a scheme is too: no trust domain has its colon.
   */
  migrate(trustDomains: string[]): void {
    if (this.form == Form.ANY) return;
    const leading = this.form == Form.SUFFIX;
    const slash = this.text.indexOf("/");
    if (slash < 0 || countOf(this.text, Ascii.SLASH) != 4) return;
    if (slash == 0 && leading) return;
    const trustDomain = this.text.substring(0, slash);
    let ours = trustDomain == CLUSTER_LOCAL && !leading;
    for (let i = 0; i < trustDomains.length && !ours; i++) {
      ours = leading ? trustDomains[i].endsWith(trustDomain) : trustDomains[i] == trustDomain;
    }
    if (ours) this.migratedFrom = slash + 1;
  }

  requiredName(): u32 {
    if (this.form != Form.EXACT) return NOT_NAMED;
    return namedHash(this.migratedFrom == 0 ? PeerName.WHOLE : PeerName.PATH, this.text, this.migratedFrom);
  }

  matches(peer: Principal): bool {
    if (this.form == Form.ANY) return true;
    if (this.namesOtherUri == peer.isSpiffe) return false;
    // `*suffix` means a SPIFFE ID that ends so, since Istio puts the scheme before the value.
    const name = peer.name;
    if (this.form == Form.SUFFIX && name.endsWith(this.text)) return true;
    if (this.form == Form.PREFIX && name.startsWith(this.text)) return true;
    if (this.form == Form.EXACT && name == this.text) return true;
    if (this.migratedFrom == 0) return false;
    const whole = this.form != Form.PREFIX;
    return continues(peer.path, this.text, this.migratedFrom, whole);
  }
}

/** What stands before and behind a namespace where Istio searches it in the whole URI. */
const BEFORE_NAMESPACE: string = "*/ns/";
const BEHIND_NAMESPACE: string = "/*";

/** `/ns/` and `/sa/`, packed with the first unit lowest. */
const NAMESPACE_MARK: u64 = 0x002f_0073_006e_002f;
const ACCOUNT_MARK: u64 = 0x002f_0061_0073_002f;

/**
 * Does the text contain the four units of `mark`, and behind them these `units` at `name`? Those four are compared at once: a peer of
 * another form than Istio's is compared with each rule that denies something.
 */
function contains(text: string, mark: u64, name: usize, units: i32): bool {
  const bytes = units << 1;
  const end = changetype<usize>(text) + ((<usize>text.length) << 1);
  for (let at = changetype<usize>(text); at + sizeof<u64>() + <usize>bytes <= end; at += 2) {
    if (load<u64>(at) == mark && sameBytes(at + sizeof<u64>(), name, bytes)) return true;
  }
  return false;
}

/** One value of `namespaces`; `*` stands for anything, a slash too, as in Istio's `.*` of it. */
@final
export class NamespacePattern extends SourcePattern {
  private hasStar: bool;
  private matchesOthers: bool;
  private glob: string;

  constructor(value: string) {
    super();
    const hasStar = value.includes("*");
    this.hasStar = hasStar;
    this.matchesOthers = hasStar || value == "sa" || value == "ns";
    this.glob = BEFORE_NAMESPACE + value + BEHIND_NAMESPACE;
  }

  /**
   * None when other namespaces could match: with `*`, and for `sa` and `ns`, which Istio's expression also finds in
   * `…/ns/ns/sa/ACCOUNT` and in `//ns/ns/…`.
   */
  requiredName(): u32 {
    if (this.matchesOthers) return NOT_NAMED;
    return namedHash(
      PeerName.NAMESPACE,
      this.glob,
      BEFORE_NAMESPACE.length,
      this.glob.length - BEHIND_NAMESPACE.length,
    );
  }

  matches(peer: Principal): bool {
    const glob = this.glob;
    if (this.hasStar) return globMatches(glob, peer.uri);
    const name = changetype<usize>(glob) + ((<usize>BEFORE_NAMESPACE.length) << 1);
    // With the slash behind it.
    return contains(peer.uri, NAMESPACE_MARK, name, glob.length - BEFORE_NAMESPACE.length - 1);
  }
}

/**
 * One value of `serviceAccounts`, NAMESPACE/NAME, without wildcards. Istio's
 * expression also finds it where further pairs stand between or behind:
 * `spiffe://.+/ns/NAMESPACE/(.+/|)sa/NAME(/.+)?`.
 */
@final
export class ServiceAccountPattern extends SourcePattern {
  constructor(
    private value: string,
    /** Where in `value` the slash lies. */
    private slash: i32,
  ) {
    super();
  }

  /** Peers of another form match no source with a service account (source.ts). */
  requiredName(): u32 {
    const value = this.value;
    return serviceAccountHash(
      namedHash(PeerName.NAMESPACE, value, 0, this.slash),
      namedHash(PeerName.SERVICE_ACCOUNT, value, this.slash + 1),
    );
  }

  matches(peer: Principal): bool {
    const value = this.value;
    if (peer.isWorkload) {
      // In a URI of Istio's form the expression below can match nothing else.
      return (
        peer.namespace.length == this.slash &&
        value.startsWith(peer.namespace) &&
        continues(peer.serviceAccount, value, this.slash + 1, true)
      );
    }
    const uri = peer.uri;
    const behindSlash = this.slash + 1;
    const begin = changetype<usize>(value);
    if (!contains(uri, NAMESPACE_MARK, begin, behindSlash)) return false;
    const name = begin + ((<usize>behindSlash) << 1);
    if (!contains(uri, ACCOUNT_MARK, name, value.length - behindSlash)) return false;
    const account = "/sa/" + value.substring(behindSlash);
    const before = SPIFFE_SCHEME + "?*/ns/" + value.substring(0, behindSlash);
    const direct = before + account.substring(1);
    const behind = before + "?*" + account;
    return (
      globMatches(direct, uri) ||
      globMatches(direct + "/?*", uri) ||
      globMatches(behind, uri) ||
      globMatches(behind + "/?*", uri)
    );
  }
}

/** One value of `trustDomains`: exact, or with one `*` that stops at a slash. */
@final
export class TrustDomainPattern extends SourcePattern {
  private isAlias: bool = false;

  constructor(private value: string) {
    super();
  }

  /** As Istio's ExpandTrustDomainAliases: one of ours stands for all of ours. */
  migrate(trustDomains: string[]): void {
    this.isAlias = trustDomains.includes(this.value);
  }

  matches(peer: Principal): bool {
    if (this.value == "*") return true;
    if (!peer.isSpiffe) return false;
    // If the value is one of our trust domains it stands for all of them, and only peers of those are authenticated.
    return this.isAlias || globMatches(this.value, peer.trustDomain);
  }
}
