import type { Field } from "../manifests/field.ts";
import { unfilledRemedy } from "../manifests/unfilled.ts";
import type { PolicyFault } from "./judge.ts";

/** What a fault's message says is expected in the place of a text (assembly/policy/json.ts, rules-responses.ts). */
const EXPECTED: readonly [message: RegExp, text: RegExp][] = [
  [/^expected a whole number/, /^-?\d+$/],
  [/^expected true/, /^true$/],
];

/** Where a text is expected, and a number or a boolean has no quotes. */
const TEXTS =
  /^expected a (?:name|subject|principal|namespace|service account|trust domain) .*found (?:a number|true|false)$/;

const LISTS_OF_SUBJECTS = /\.(?:allow|deny|patterns)$/;
const LISTS_OF_PEERS = /\.(?:principals|namespaces|serviceAccounts|trustDomains|not[A-Z][A-Za-z]*)$/;

/** Lists of what is no text. */
const LISTS_OF_OBJECTS = /^rules$|^telemetry\.subjects$/;

/** Keys that the filter demands, and elements of lists. */
const NEEDED = /^(?:trustDomains|rules)$|\.(?:from|name|patterns)$|\]$/;

/** Units of Kubernetes' quantities, and those of nats.conf with a B (nats-server `conf/parse.go`), in which a KB has 1,024 bytes. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["K", 1000],
  ["M", 1000 ** 2],
  ["G", 1000 ** 3],
  ...["KB", "KI", "KIB"].map((unit) => [unit, 1024] as const),
  ...["MB", "MI", "MIB"].map((unit) => [unit, 1024 ** 2] as const),
  ...["GB", "GI", "GIB"].map((unit) => [unit, 1024 ** 3] as const),
]);

/** The bytes that a quantity such as `64Mi` stands for. */
function bytesOf(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,9})([kmg]i?b?)$/i.exec(text) ?? [];
  const factor = UNITS.get(unit.toUpperCase());
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

function isEverything(text: string): boolean {
  return text === "*" || text.toUpperCase() === "ALL";
}

/** What to write for the source that a text names. */
function sourceRemedy(text: string, write: (source: string) => string): string | undefined {
  // Several names, or none.
  if (/[\s,]/.test(text) || text === "") return undefined;
  if (isEverything(text)) return `write ${write('{principals: ["*"]}')} for every authenticated peer`;
  const name = text.replace(/^spiffe:\/\//, "");
  const key = { 1: "namespaces", 2: "serviceAccounts" }[name.split("/").length] ?? "principals";
  return `write ${write(`{${key}: ["${name}"]}`)}`;
}

/** Between what was to be several elements: commas, and the dash of a line that is indented further than that of the one before. */
const SEPARATORS = /,| - /;

function elementsIn(text: string, separators = SEPARATORS): string {
  const elements = text.split(separators).map((part) => `"${part.trim()}"`);
  return elements.join(", ");
}

/** For a word in the place of a list. Nobody is led to ALL who has not written it. */
function listRemedy(text: string, path: string): string | undefined {
  if (/^\[.*\]$/s.test(text.trim())) return "write the list without quotes around it";
  if (text.trim() === "" || LISTS_OF_OBJECTS.test(path)) return undefined;
  if (path.endsWith(".from")) return sourceRemedy(text, (source) => `[${source}]`);
  if (SEPARATORS.test(text)) return `write each as an element of its own: [${elementsIn(text)}]`;
  const isOfSubjects = LISTS_OF_SUBJECTS.test(path);
  if (isOfSubjects && text === "*")
    return 'write [">"] if you mean every subject, ["*"] if you mean those of one token';
  if (isOfSubjects && isEverything(text))
    return `write ${path.endsWith(".allow") ? "ALL, in capitals," : '[">"]'} if you mean every subject`;
  // Of an `allow` the filter's own message says it.
  if (path.endsWith(".allow") || (path === "trustDomains" && isEverything(text))) return undefined;
  return `write ["${LISTS_OF_PEERS.test(path) && isEverything(text) ? "*" : text}"]`;
}

/** For a text where something else belongs. */
function textRemedy(text: string, { path, message, value }: PolicyFault): string | undefined {
  if (path.endsWith("]") && value?.isContinued === true && /\S\s+\S/.test(text))
    return `write each line as an element of its own: ${elementsIn(text.trim(), /\s+/)}`;
  if (EXPECTED.some(([expected, form]) => expected.test(message) && form.test(text)))
    return `write ${text} without quotes`;
  if (message.startsWith("expected a whole number")) {
    const bytes = bytesOf(text);
    return bytes === undefined ? undefined : `write ${bytes}, which is the number of bytes`;
  }
  if (message.startsWith("expected a source"))
    return text.startsWith("{") ? "write it without quotes around it" : sourceRemedy(text, (source) => source);
  if (path.endsWith("]") && text.includes(" - "))
    return `write each as an element of its own, with the dashes in one column: ${elementsIn(text)}`;
  if (message.startsWith(PERMISSIONS) && /^\S+$/.test(text))
    return `write {allow: ${text === "ALL" ? text : `["${text}"]`}}`;
  if (text.startsWith(".") && message.includes("a token is empty"))
    return "write its first token; a shell and envsubst leave nothing of $JS or $KV, which they take for variables";
  return message.startsWith("expected a list") ? listRemedy(text, path) : undefined;
}

/** What the filter says of what `publish` or `subscribe` is. */
const PERMISSIONS = 'expected an object such as {"allow"';

/** For `publish` or `subscribe` with a list, of subjects or of what stands behind a dash too many. */
function permissionsRemedy(value: Field): string | undefined {
  const items = value.items();
  if (items.length === 0) return undefined;
  if (items.every((item) => item.text() !== undefined)) return "write allow: before the list, below this key";
  return items.some((item) => item.get("allow") ?? item.get("deny"))
    ? "remove the dash before allow or deny"
    : undefined;
}

/** For an entry with its queue group as an object. */
function queueRemedy(value: Field): string | undefined {
  const [subject, queue] = [value.text("subject"), value.text("queue")];
  return subject === undefined || queue === undefined ? undefined : `write "${subject} ${queue}"`;
}

const OF_QUEUES = 'write the queue group behind its subject, with a blank between them: "orders.> workers"';
const OF_ISTIO = "remove it here; an AuthorizationPolicy judges addresses and ports, before the filter judges subjects";

/** Keys that are known elsewhere: queue groups beside subjects, what nats-server has, and Istio's AuthorizationPolicy. */
const KEYS_OF_OTHERS: readonly [path: RegExp, remedy: string][] = [
  [/\.subscribe\.(?:queue|group)\w*$/i, OF_QUEUES],
  [/\.allow_responses\.ttl$/i, "write expires, as ttl is called here"],
  [/^rules\[\d+\]\.(?:to|when)$/, OF_ISTIO],
  [/\.from\[\d+\]\.(?:not)?(?:remote)?ipBlocks$/i, OF_ISTIO],
  [
    /\.from\[\d+\]\.(?:not)?requestPrincipals$/i,
    "remove it: a connection of NATS carries no JWT that Istio reads; write principals",
  ],
];

/** For a key that is not known where it is: its object may be one level too deep, or it belongs elsewhere. */
function keyRemedy({ path, message, value }: PolicyFault): string | undefined {
  const [, list] = /^unknown key: the keys here are (.*)$/.exec(message) ?? [];
  if (list === undefined || !value) return undefined;
  const [, key = ""] = /([\w-]+)$/.exec(path) ?? [];
  if (/^rules\[\d+\]\.(?:allow|deny)$/.test(path)) return `move ${key} below publish or subscribe`;
  const [, ofOthers] = KEYS_OF_OTHERS.find(([pattern]) => pattern.test(path)) ?? [];
  if (ofOthers !== undefined) return ofOthers;
  const known = list.split(/, | or /);
  const isWrapper = [value, ...value.items()].some((one) => one.members().some(([name]) => known.includes(name)));
  return isWrapper && key !== "" ? `remove ${key}, and write what is below it in its place` : undefined;
}

/** For a word that Kubernetes does not read as text, for a key without a value, and for a lone `>`. */
function writtenRemedy(value: Field, path: string): string | undefined {
  if (value.block === ">" && value.text() === "")
    return 'YAML reads > as the head of a folded text: write ">" in quotes';
  const { misleading } = value;
  if (!misleading) return undefined;
  const { written, read } = misleading;
  if (written !== "") return `Kubernetes reads ${written} as ${read}: write "${written}" if you mean the text`;
  if (path === "") return "write mode, trustDomains and rules below the key";
  if (!NEEDED.test(path)) return "write a value, or remove the key";
  return path.endsWith("]") ? "write a value, or remove the element" : "write a value";
}

/** What to do about a fault where that is more exact than the filter's own message. */
export function faultRemedy(fault: PolicyFault): string | undefined {
  const { path, message, value } = fault;
  if (!value) return undefined;
  const text = value.text();
  const unfilled = text === undefined ? undefined : unfilledRemedy(text);
  if (unfilled !== undefined) return unfilled;
  if (path === "" && value.block) return `remove the ${value.block}, which makes a text of what is below it`;
  if (path === "" && text?.trimStart().startsWith("{") === true)
    return "write the object itself, without quotes around it";
  if (value.type === "string" && text !== undefined) {
    const remedy = textRemedy(text, fault);
    if (remedy !== undefined) return remedy;
  }
  const isElement = path.endsWith(".from") || (path === "rules" && value.get("from") !== undefined);
  if (value.isObject && isElement && message.startsWith("expected a list"))
    return "write a dash before its first key, which makes a list of it";
  const [first] = value.members();
  if (path === "rules" && first?.[1].isObject === true)
    return `write each rule as an element of a list, with its name in it: - name: ${first[0]}`;
  if (value.isObject && message.startsWith("expected a subject")) return queueRemedy(value);
  if (value.type === "array" && message.startsWith(PERMISSIONS)) return permissionsRemedy(value);
  if (text !== undefined && !value.misleading && TEXTS.test(message)) return `write it in quotes: "${text}"`;
  if (value.type === "integer" && message.startsWith("expected a duration"))
    return `write ${text ?? ""}s if that is seconds`;
  return keyRemedy(fault) ?? writtenRemedy(value, path);
}
