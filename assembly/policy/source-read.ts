import { Ascii, countOf, isWordCharacter } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { MAX_SHOWN_UNITS, quoted } from "./faults";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { hasSpiffeScheme, MAX_URI_LENGTH } from "./principal";
import { Sources } from "./source";
import {
  NamespacePattern,
  PrincipalPattern,
  ServiceAccountPattern,
  SourceList,
  SourcePattern,
  TrustDomainPattern,
} from "./source-patterns";

/** By SourceList. */
const SOURCE_KEYS: StaticArray<string> = [
  "principals",
  "notPrincipals",
  "namespaces",
  "notNamespaces",
  "serviceAccounts",
  "notServiceAccounts",
  "trustDomains",
  "notTrustDomains",
];

/** By SourceList, where a list and its `not…` form share one. */
const EXAMPLES: StaticArray<string> = [
  'a list of principals such as ["cluster.local/ns/shop/sa/orders-api"]',
  'a list of namespaces such as ["shop"]',
  'a list of service accounts such as ["shop/orders-api"]',
  'a list of trust domains such as ["cluster.local"]',
];

/** Values read of the rule in hand. They are then kept in a StaticArray, without the room to grow that an Array has. */
const patternsRead: SourcePattern[] = [];

/** Blanks and control characters of ASCII and Latin-1 are in no identity, and unseen in a text editor. */
function hasLatin1BlankOrControl(value: string): bool {
  for (let i = 0, length = value.length; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (unit <= Ascii.SPACE || (unit >= Ascii.DELETE && unit <= 0xa0)) return true;
  }
  return false;
}

/** Whether `value` from `from` to before `to` is made of letters, digits, `-`, `.`, `_`, and `*` where that is a wildcard. */
export function isName(value: string, wildcards: bool, from: i32 = 0, to: i32 = value.length): bool {
  for (let i = from; i < to; i++) {
    const unit = value.charCodeAt(i);
    if (!isWordCharacter(unit) && unit != Ascii.DOT && !(wildcards && unit == Ascii.STAR)) return false;
  }
  return to > from;
}

function stars(value: string): i32 {
  return countOf(value, Ascii.STAR);
}

/** Why `value` cannot be a principal, with the remedy; "" when it can. */
function principalProblem(value: string): string {
  if (value.length > MAX_URI_LENGTH) {
    return `is ${decimal(value.length)} characters long: use at most ${decimal(MAX_URI_LENGTH)}`;
  }
  if (hasLatin1BlankOrControl(value)) return "has a blank or a control character: remove it";
  if (hasSpiffeScheme(value)) {
    return "begins with the scheme: write it without spiffe://, as in Istio's policies";
  }
  const count = stars(value);
  if (count > 1) {
    return "has more than one '*': keep the leading or the trailing one";
  }
  if (count == 1 && !value.startsWith("*") && !value.endsWith("*")) {
    return "has '*' in the middle, where it would be literal and match nobody: write it first or last";
  }
  return "";
}

function readPrincipal(reader: JsonReader): SourcePattern | null {
  const value = reader.readString("a principal such as cluster.local/ns/shop/sa/orders-api");
  if (value === null) return null;
  const problem = principalProblem(value);
  if (problem.length == 0) return new PrincipalPattern(value);
  reader.fault(`${quoted(value)} ${problem}`);
  return null;
}

function readNamespace(reader: JsonReader): SourcePattern | null {
  const value = reader.readString("a namespace such as shop");
  if (value === null) return null;
  if (isName(value, true)) return new NamespacePattern(value);
  reader.fault(`${quoted(value)} is no namespace: use letters, digits, '-' and '*' as wildcard`);
  return null;
}

function readServiceAccount(reader: JsonReader): SourcePattern | null {
  const value = reader.readString("a service account such as shop/orders-api");
  if (value === null) return null;
  const slash = value.indexOf("/");
  if (slash < 0) {
    const name = isName(value, false) ? value.substring(0, MAX_SHOWN_UNITS) : "NAME";
    reader.fault(
      `${quoted(value)} names no namespace, and the filter has none of its own to add: write NAMESPACE/${name}`,
    );
    return null;
  }
  if (stars(value) > 0) {
    reader.fault(`${quoted(value)} has '*', which is no wildcard here: use namespaces or principals`);
    return null;
  }
  if (!isName(value, false, 0, slash) || !isName(value, false, slash + 1)) {
    reader.fault(`${quoted(value)} is no service account: write NAMESPACE/NAME`);
    return null;
  }
  return new ServiceAccountPattern(value, slash);
}

function readTrustDomain(reader: JsonReader): SourcePattern | null {
  const value = reader.readString("a trust domain such as cluster.local");
  if (value === null) return null;
  if (!isName(value, true)) {
    reader.fault(`${quoted(value)} is no trust domain: use letters, digits, '.', '-', '_' and at most one '*'`);
  } else if (stars(value) > 1) {
    reader.fault(`${quoted(value)} has more than one '*': keep one`);
  } else {
    return new TrustDomainPattern(value);
  }
  return null;
}

function readValue(reader: JsonReader, list: i32): SourcePattern | null {
  switch (list) {
    case SourceList.PRINCIPALS:
    case SourceList.NOT_PRINCIPALS:
      return readPrincipal(reader);
    case SourceList.NAMESPACES:
    case SourceList.NOT_NAMESPACES:
      return readNamespace(reader);
    case SourceList.SERVICE_ACCOUNTS:
    case SourceList.NOT_SERVICE_ACCOUNTS:
      return readServiceAccount(reader);
  }
  return readTrustDomain(reader);
}

function readList(reader: JsonReader, list: i32): void {
  if (!reader.beginArray(EXAMPLES[list >> 1])) return;
  const faultsBefore = reader.faults.count;
  const valuesBefore = patternsRead.length;
  while (reader.nextElement() >= 0) {
    const pattern = readValue(reader, list);
    if (pattern === null) continue;
    pattern.list = <u8>list;
    patternsRead.push(pattern);
  }
  // Istio reads an empty list as no list, which would admit more than written.
  if (patternsRead.length == valuesBefore && reader.faults.count == faultsBefore) {
    reader.fault("is empty: name somebody or leave the key out");
  }
}

function readSource(reader: JsonReader): void {
  if (!reader.beginObject('a source such as {"namespaces": ["shop"]}')) return;
  const faultsBefore = reader.faults.count;
  const first = patternsRead.length;
  let lists = 0;
  for (let list = reader.nextKey(SOURCE_KEYS); list != NO_MORE_KEYS; list = reader.nextKey(SOURCE_KEYS)) {
    lists++;
    readList(reader, list);
  }
  if (lists == 0 && reader.faults.count == faultsBefore) {
    reader.fault('names nobody: write whom it means, or {"principals": ["*"]} for every authenticated peer');
  }
  if (patternsRead.length > first) patternsRead[first].isFirst = true;
}

/** Reads a rule's `from`. An empty one is a fault: it is never "anyone". */
export function readSources(reader: JsonReader): Sources {
  patternsRead.length = 0;
  if (!reader.beginArray('a list of sources such as [{"namespaces": ["shop"]}]')) return new Sources([]);
  let sources = 0;
  while (reader.nextElement() >= 0) {
    sources++;
    readSource(reader);
  }
  if (sources == 0 && !reader.broken) {
    reader.fault('is empty, which admits nobody: write [{"principals": ["*"]}] for every authenticated peer');
  }
  return new Sources(StaticArray.fromArray<SourcePattern>(patternsRead));
}
