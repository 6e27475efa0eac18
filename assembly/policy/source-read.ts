import { quoted } from "./faults";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { hasSpiffeScheme, MAX_URI_LENGTH } from "./principal";
import { Source } from "./source";
import { NamespacePattern, PrincipalPattern, ServiceAccountPattern, TrustDomainPattern } from "./source-patterns";

const enum Field {
  PRINCIPALS,
  NOT_PRINCIPALS,
  NAMESPACES,
  NOT_NAMESPACES,
  SERVICE_ACCOUNTS,
  NOT_SERVICE_ACCOUNTS,
  TRUST_DOMAINS,
  NOT_TRUST_DOMAINS,
}

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

const EXAMPLES: StaticArray<string> = [
  'a list of principals such as ["cluster.local/ns/shop/sa/orders-api"]',
  'a list of namespaces such as ["shop"]',
  'a list of service accounts such as ["shop/orders-api"]',
  'a list of trust domains such as ["cluster.local"]',
];

const ELEMENTS: StaticArray<string> = [
  "a principal such as cluster.local/ns/shop/sa/orders-api",
  "a namespace such as shop",
  "a service account such as shop/orders-api",
  "a trust domain such as cluster.local",
];

// The list in hand; lists are kept without the room to grow that an Array has.
const principalsRead: PrincipalPattern[] = [];
const namespacesRead: NamespacePattern[] = [];
const serviceAccountsRead: ServiceAccountPattern[] = [];
const trustDomainsRead: TrustDomainPattern[] = [];
const sourcesRead: Source[] = [];

/** Blanks, control characters: in no identity, and unseen in a text editor. */
function hasBlank(value: string): bool {
  for (let i = 0, length = value.length; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (unit <= 0x20 || (unit >= 0x7f && unit <= 0xa0)) return true;
  }
  return false;
}

function isNameCharacter(unit: i32): bool {
  const letter = (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
  const digit = unit >= 0x30 && unit <= 0x39;
  return letter || digit || unit == 0x2d || unit == 0x2e || unit == 0x5f;
}

/** Whether `value` is made of letters, digits, `-`, `.`, `_`, and `*` where that is a wildcard. */
export function isName(value: string, wildcards: bool): bool {
  for (let i = 0, length = value.length; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (!isNameCharacter(unit) && !(wildcards && unit == 0x2a)) return false;
  }
  return value.length > 0;
}

function stars(value: string): i32 {
  let count = 0;
  for (let i = 0, length = value.length; i < length; i++) {
    if (value.charCodeAt(i) == 0x2a) count++;
  }
  return count;
}

/** Why `value` cannot be a principal, with the remedy; "" when it can. */
function principalProblem(value: string): string {
  if (value.length > MAX_URI_LENGTH) {
    return `is longer than the ${MAX_URI_LENGTH} characters of a SPIFFE ID`;
  }
  if (hasBlank(value)) return "has a blank or a control character: remove it";
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

function readPrincipal(reader: JsonReader, into: PrincipalPattern[]): void {
  const value = reader.readString(ELEMENTS[0]);
  if (value === null) return;
  const problem = principalProblem(value);
  if (problem.length > 0) reader.fault(`${quoted(value)} ${problem}`);
  else into.push(new PrincipalPattern(value));
}

function readNamespace(reader: JsonReader, into: NamespacePattern[]): void {
  const value = reader.readString(ELEMENTS[1]);
  if (value === null) return;
  if (!isName(value, true)) {
    reader.fault(`${quoted(value)} is no namespace: use letters, digits, '-' and '*' as wildcard`);
  } else {
    into.push(new NamespacePattern(value));
  }
}

function readServiceAccount(reader: JsonReader, into: ServiceAccountPattern[]): void {
  const value = reader.readString(ELEMENTS[2]);
  if (value === null) return;
  const slash = value.indexOf("/");
  if (slash < 0) {
    reader.fault(
      `${quoted(value)} names no namespace, and the filter has none of its own to add: write NAMESPACE/${value.substring(0, 80)}`,
    );
    return;
  }
  if (stars(value) > 0) {
    reader.fault(`${quoted(value)} has '*', which is no wildcard here: use namespaces or principals`);
    return;
  }
  const namespace = value.substring(0, slash);
  const name = value.substring(slash + 1);
  if (!isName(namespace, false) || !isName(name, false)) {
    reader.fault(`${quoted(value)} is no service account: write NAMESPACE/NAME`);
    return;
  }
  into.push(new ServiceAccountPattern(namespace, name));
}

function readTrustDomain(reader: JsonReader, into: TrustDomainPattern[]): void {
  const value = reader.readString(ELEMENTS[3]);
  if (value === null) return;
  if (!isName(value, true)) {
    reader.fault(`${quoted(value)} is no trust domain: use letters, digits, '.', '-', '_' and at most one '*'`);
  } else if (stars(value) > 1) {
    reader.fault(`${quoted(value)} has more than one '*': keep one`);
  } else {
    into.push(new TrustDomainPattern(value));
  }
}

function readPrincipals(reader: JsonReader): StaticArray<PrincipalPattern> {
  const list = principalsRead;
  list.length = 0;
  while (reader.nextElement() >= 0) readPrincipal(reader, list);
  return StaticArray.fromArray<PrincipalPattern>(list);
}

function readNamespaces(reader: JsonReader): StaticArray<NamespacePattern> {
  const list = namespacesRead;
  list.length = 0;
  while (reader.nextElement() >= 0) readNamespace(reader, list);
  return StaticArray.fromArray<NamespacePattern>(list);
}

function readServiceAccounts(reader: JsonReader): StaticArray<ServiceAccountPattern> {
  const list = serviceAccountsRead;
  list.length = 0;
  while (reader.nextElement() >= 0) readServiceAccount(reader, list);
  return StaticArray.fromArray<ServiceAccountPattern>(list);
}

function readTrustDomains(reader: JsonReader): StaticArray<TrustDomainPattern> {
  const list = trustDomainsRead;
  list.length = 0;
  while (reader.nextElement() >= 0) readTrustDomain(reader, list);
  return StaticArray.fromArray<TrustDomainPattern>(list);
}

/** Answers how many values the list has that could be read. */
function readList(reader: JsonReader, field: i32, into: Source): i32 {
  switch (field) {
    case Field.PRINCIPALS:
      return (into.principals = readPrincipals(reader)).length;
    case Field.NOT_PRINCIPALS:
      return (into.notPrincipals = readPrincipals(reader)).length;
    case Field.NAMESPACES:
      return (into.namespaces = readNamespaces(reader)).length;
    case Field.NOT_NAMESPACES:
      return (into.notNamespaces = readNamespaces(reader)).length;
    case Field.SERVICE_ACCOUNTS:
      return (into.serviceAccounts = readServiceAccounts(reader)).length;
    case Field.NOT_SERVICE_ACCOUNTS:
      return (into.notServiceAccounts = readServiceAccounts(reader)).length;
    case Field.TRUST_DOMAINS:
      return (into.trustDomains = readTrustDomains(reader)).length;
  }
  return (into.notTrustDomains = readTrustDomains(reader)).length;
}

function readSource(reader: JsonReader): Source {
  const source = new Source();
  if (!reader.beginObject('a source such as {"namespaces": ["shop"]}')) {
    return source;
  }
  const faultsBefore = reader.faults.count;
  let lists = 0;
  for (let field = reader.nextKey(SOURCE_KEYS); field != NO_MORE_KEYS; field = reader.nextKey(SOURCE_KEYS)) {
    lists++;
    if (!reader.beginArray(EXAMPLES[field >> 1])) continue;
    const faultsInList = reader.faults.count;
    const values = readList(reader, field, source);
    // Istio reads an empty list as no list, which would admit more than written.
    if (values == 0 && reader.faults.count == faultsInList) {
      reader.fault("is empty: name somebody or leave the key out");
    }
  }
  if (lists == 0 && reader.faults.count == faultsBefore) {
    reader.fault('names nobody: write whom it means, or {"principals": ["*"]} for every authenticated peer');
  }
  return source;
}

/** Reads a rule's `from`. An empty one is a fault: it is never "anyone". */
export function readSources(reader: JsonReader): StaticArray<Source> {
  if (!reader.beginArray('a list of sources such as [{"namespaces": ["shop"]}]')) {
    return [];
  }
  const list = sourcesRead;
  list.length = 0;
  while (reader.nextElement() >= 0) {
    list.push(readSource(reader));
  }
  if (list.length == 0 && !reader.broken) {
    reader.fault('is empty, which admits nobody: write [{"principals": ["*"]}] for every authenticated peer');
  }
  return StaticArray.fromArray<Source>(list);
}
