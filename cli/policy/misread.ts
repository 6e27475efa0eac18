import type { Field } from "../manifests/field.ts";
import { entryParts } from "./pattern-tree.ts";
import { isOwnTrustDomain } from "./trust-domains.ts";

/** An entry or a name that means another thing than it seems to: the filter takes it, as nats-server and Istio do. */
export interface Misread {
  id: "subject-literal-wildcard" | "subject-case" | "principal-shape";
  value: Field;
  message: string;
  remedy: string;
}

/** First tokens of NATS's own subjects, and what follows `$JS`. nats-server tells capitals from small letters. */
const NATS_TOKENS = ["$SYS", "$JS", "$KV", "$O", "$MQTT", "_INBOX"];
const JETSTREAM_TOKENS = ["API", "ACK", "FC"];

/** What to write for everything, instead of the word ALL in a list. */
const EVERYTHING = {
  allow: "the word stands alone: allow: ALL",
  deny: 'to deny everything write [">"]: ALL is a word of allow alone',
  patterns: 'for all subjects write [">"]: ALL is a word of allow alone',
};

/** What is wrong with an entry of a list of subjects, as far as it seems to be meant otherwise. */
function misreadSubject(value: Field, list: keyof typeof EVERYTHING): Misread | undefined {
  const [subject] = entryParts(value.text() ?? "");
  const literal = { id: "subject-literal-wildcard", value } as const;
  if (subject.toUpperCase() === "ALL") {
    return {
      ...literal,
      message: `${subject} in a list is the one subject of that name`,
      remedy: EVERYTHING[list],
    };
  }
  const tokens = subject.split(".");
  const part = tokens.find((token) => token.length > 1 && /[*>]/.test(token));
  if (part !== undefined) {
    const message = `${subject} is one subject with these very characters: in ${part} nothing is a wildcard`;
    return { ...literal, message, remedy: "write * for one whole token, or > for all tokens from there on" };
  }
  if (subject.includes(",")) {
    const message = `${subject} is one subject: a comma separates nothing in it`;
    return { ...literal, message, remedy: "write each subject as an entry of its own, in quotes if need be" };
  }
  const [first = "", second = ""] = tokens;
  const [own, below] = [first.toUpperCase(), second.toUpperCase()];
  if (!NATS_TOKENS.includes(own)) return undefined;
  const isBelow = own === "$JS" && JETSTREAM_TOKENS.includes(below);
  const right = [own, ...(tokens.length > 1 ? [isBelow ? below : second] : []), ...tokens.slice(2)].join(".");
  if (right === subject) return undefined;
  const message = `${subject} is none of NATS's own subjects: these are in capitals`;
  return { id: "subject-case", value, message, remedy: `write ${right}` };
}

/** Entries of a policy's lists of subjects that mean another thing than they seem to. */
export function misreadSubjects(config: Field): Misread[] {
  const rules = config
    .items("rules")
    .flatMap((rule) =>
      (["publish", "subscribe"] as const).flatMap((operation) =>
        (["allow", "deny"] as const).flatMap((list) =>
          rule.items(operation, list).flatMap((entry) => misreadSubject(entry, list) ?? []),
        ),
      ),
    );
  const classes = config.items("telemetry", "subjects").flatMap((one) => one.items("patterns"));
  return [...rules, ...classes.flatMap((pattern) => misreadSubject(pattern, "patterns") ?? [])];
}

/** As Istio names a workload; names of Kubernetes have no capitals. */
const WORKLOAD = /^[^/]+\/ns\/[a-z0-9][-a-z0-9]*\/sa\/[a-z0-9][-.a-z0-9]*$/;

/** Of another trust domain, or an URI that is no SPIFFE ID: neither has to have this form. */
function isElsewhere(principal: string, ours: readonly string[]): boolean {
  const [trustDomain = "", ...path] = principal.split("/");
  return principal.includes(":") || (path.length > 0 && !isOwnTrustDomain(trustDomain, ours));
}

/** Names of a policy's sources that no workload of Kubernetes has. `ours` are its trust domains. */
export function misreadNames(config: Field, ours: readonly string[]): Misread[] {
  const sources = config.items("rules").flatMap((rule) => rule.items("from"));
  const of = (...keys: string[]): Field[] => sources.flatMap((source) => keys.flatMap((key) => source.items(key)));
  const principals = of("principals", "notPrincipals").flatMap((value): Misread[] => {
    const text = value.text() ?? "";
    if (text === "" || text.includes("*") || isElsewhere(text, ours) || WORKLOAD.test(text)) return [];
    const near = text.toLowerCase().replace(/\/$/, "");
    const form = `${text.includes("/") ? (text.split("/")[0] ?? "") : (ours[0] ?? "TRUST_DOMAIN")}/ns/NAMESPACE/sa/SERVICE_ACCOUNT`;
    const message = `${text} is no name that Istio gives a workload, so it matches none`;
    return [{ id: "principal-shape", value, message, remedy: `write ${WORKLOAD.test(near) ? near : form}` }];
  });
  const names = of("namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts").flatMap(
    (value): Misread[] => {
      const text = value.text() ?? "";
      const lower = text.toLowerCase();
      if (text === lower) return [];
      const message = `${text} has capitals, which no name of Kubernetes has, so it matches nobody`;
      return [{ id: "principal-shape", value, message, remedy: `write ${lower}` }];
    },
  );
  return [...principals, ...names];
}
