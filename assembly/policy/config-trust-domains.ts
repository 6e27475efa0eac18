import { decimal } from "../bytes/digits";
import { quoted } from "./faults";
import { JsonReader } from "./json";
import { isName } from "./source-read";

/** A mesh has one trust domain and a few aliases while it moves between them. */
export const MAX_TRUST_DOMAINS: i32 = 64;

/** The SPIFFE ID specification's bound on a trust domain's name (SPIFFE-ID.md §2.1). */
const MAX_TRUST_DOMAIN_LENGTH: i32 = 255;

function problem(domain: string, before: string[]): string {
  if (domain.includes("*")) {
    return "has '*': name each trust domain, a certificate of any other is nobody's";
  }
  if (domain.startsWith("spiffe:")) return "begins with the scheme: leave spiffe:// out";
  if (domain.length > MAX_TRUST_DOMAIN_LENGTH) {
    return `is ${decimal(domain.length)} characters long: use at most ${decimal(MAX_TRUST_DOMAIN_LENGTH)}`;
  }
  if (!isName(domain, false)) {
    return "is no trust domain: use letters, digits, '.', '-' and '_'";
  }
  return before.includes(domain) ? "is written twice: keep one of them" : "";
}

/** Reads `trustDomains`: the mesh's own, then its aliases. */
export function readTrustDomains(reader: JsonReader, into: string[]): void {
  if (!reader.beginArray('a list of trust domains such as ["cluster.local"]')) {
    return;
  }
  let elements = 0;
  for (let place = reader.nextElement(); place >= 0; place = reader.nextElement()) {
    elements++;
    if (place >= MAX_TRUST_DOMAINS) {
      reader.fault(`one trust domain too many: keep at most ${decimal(MAX_TRUST_DOMAINS)}`);
      reader.skipElements();
      return;
    }
    const domain = reader.readString("a trust domain such as cluster.local");
    if (domain === null) continue;
    const reason = problem(domain, into);
    if (reason.length > 0) reader.fault(`${quoted(domain)} ${reason}`);
    else into.push(domain);
  }
  if (elements == 0 && !reader.broken) {
    reader.fault('is empty, so that nobody could be authenticated: write the mesh\'s own, such as ["cluster.local"]');
  }
}
