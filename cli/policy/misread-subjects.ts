import type { Field } from "../manifests/field.ts";
import { isFilledIn, unfilledRemedy } from "../manifests/unfilled.ts";
import { characterName } from "../manifests/unlike-kubernetes.ts";
import type { Misread } from "./misread.ts";
import { entryParts } from "./pattern-tree.ts";
import { OPERATIONS } from "./rule-entries.ts";

/** First tokens of NATS's own subjects, and what follows `$JS`. nats-server's subjects are case-sensitive. */
const NATS_TOKENS = ["$SYS", "$JS", "$KV", "$O", "$MQTT", "_INBOX"];
const JETSTREAM_TOKENS = ["API", "ACK", "FC"];

/** The same where the first character is missing or another one, before what no application calls its own subjects. */
const UNSIGNED: ReadonlyMap<string, string> = new Map([
  ...JETSTREAM_TOKENS.flatMap((below) => ["JS", "_JS"].map((first) => [`${first}.${below}`, `$JS.${below}`] as const)),
  ["INBOX", "_INBOX"],
  ["$INBOX", "_INBOX"],
]);

/** What to write for everything, instead of the word ALL in a list. */
const EVERYTHING = {
  allow: "write the word by itself, not in a list: allow: ALL",
  deny: 'to deny everything write [">"]; only allow has the word ALL',
  patterns: 'for all subjects write [">"]; only allow has the word ALL',
};

type ListOfSubjects = keyof typeof EVERYTHING;

interface SubjectEntry {
  value: Field;
  list: ListOfSubjects;
  /** Whether a queue group may stand behind its subject. */
  mayHaveQueue: boolean;
}

const WILDCARDS = "write * for one whole token, or > for all tokens from that point on";

/** Wildcards of AMQP and MQTT, with NATS's own. */
const FOREIGN_WILDCARDS: ReadonlyMap<string, string> = new Map([
  ["#", ">"],
  ["+", "*"],
]);

/**
 * The subject of a topic of MQTT with a wildcard, as nats-server makes it (server/mqtt.go, `mqttToNATSSubjectConversion`): an empty
 * level is a slash. Undefined for what is no such topic.
 */
function subjectOfTopic(topic: string): string | undefined {
  const levels = topic.split("/");
  const isOfMany = levels.at(-1) === "#";
  if (levels.length === 1 || !(isOfMany || levels.includes("+"))) return undefined;
  const tokens = levels.map((level) => (level === "" ? "/" : level === "+" ? "*" : level));
  return (isOfMany ? [...tokens.slice(0, -1), ">"] : tokens).join(".");
}

/** What editors and chats put around a text, or into it: quotation marks that YAML does not know, and what nobody sees. */
const MARKS = /^["'`‘’“”„«»]|["'`‘’“”„«»]$/;
const UNSEEN = /(?![ \t])[\p{Cc}\p{Cf}\p{Z}]/u;

type Slip = Pick<Misread, "message" | "remedy">;

/** A subject that is taken for one with exactly its characters, and why. */
function literally(subject: string, why: string, remedy: string): Slip {
  return { message: `${subject} is one subject with exactly these characters${why}`, remedy };
}

/** What a template has left in a subject. What a substitution fills in may be a wildcard. */
function unfilledSlip(subject: string): Slip | undefined {
  const remedy = unfilledRemedy(subject);
  return remedy === undefined || isFilledIn(subject)
    ? undefined
    : literally(subject, ", which a template has left there", remedy);
}

/** What an editor or a chat has put around the entry of a subject, or into it. */
function pastedSlip(subject: string, entry: string): Slip | undefined {
  const [unseen] = UNSEEN.exec(entry) ?? [];
  if (unseen !== undefined)
    return literally(subject, `: one of them is ${characterName(unseen)}, which is invisible`, "write it anew");
  return MARKS.test(entry)
    ? literally(subject, ": the quotation marks are some of them", 'write it without them, or in plain ones: "…"')
    : undefined;
}

/** NestJS makes such subjects of its patterns. */
function isJsonObject(subject: string): boolean {
  if (!subject.startsWith("{")) return false;
  try {
    JSON.parse(subject);
    return true;
  } catch {
    return false;
  }
}

/** A subject as the audit writes it: quoted as nats-server quotes (assembly/telemetry/quoted-bytes.ts). */
function quotedSlip(subject: string): Slip | undefined {
  if (!subject.includes('\\"') || isJsonObject(subject)) return undefined;
  const remedy = `write ${subject.replace(/\\(["\\])/g, "$1")}`;
  return literally(subject, ": the backslashes, with which the audit quotes, are some of them", remedy);
}

/** What in a subject looks like a wildcard of NATS, or is one elsewhere. */
function wildcardSlip(subject: string): Slip | undefined {
  const tokens = subject.split(".");
  const foreign = tokens.find((token) => FOREIGN_WILDCARDS.has(token));
  if (foreign !== undefined) {
    const meant = FOREIGN_WILDCARDS.get(foreign) ?? "";
    const isMisplaced = meant === ">" && tokens.at(-1) !== foreign;
    const remedy = isMisplaced ? WILDCARDS : `write ${meant} instead of ${foreign}`;
    return literally(subject, `: ${foreign} is no wildcard in NATS`, remedy);
  }
  const meant = subjectOfTopic(subject);
  if (meant !== undefined) return literally(subject, `: to NATS it is no topic of MQTT's`, `write ${meant}`);
  const part = tokens.find((token) => token.length > 1 && /[*>]/.test(token));
  return part === undefined ? undefined : literally(subject, `: nothing in ${part} is a wildcard`, WILDCARDS);
}

/** Why a subject is one subject, though it seems to be several or all of them. The first reason is told. */
function literalSlip(subject: string, entry: string, list: ListOfSubjects): Slip | undefined {
  if (subject.toUpperCase() === "ALL")
    return { message: `${subject} in a list is just a subject of that name`, remedy: EVERYTHING[list] };
  const slip = unfilledSlip(subject) ?? pastedSlip(subject, entry) ?? quotedSlip(subject) ?? wildcardSlip(subject);
  const [separator] = /[,;]/.exec(subject) ?? [];
  if (slip !== undefined || separator === undefined || isJsonObject(subject)) return slip;
  const message = `${subject} is one subject: a ${separator === "," ? "comma" : "semicolon"} does not separate subjects`;
  return { message, remedy: "write each subject as an entry of its own, in quotes if necessary" };
}

/**
 * A subject of NATS's own whose first character is missing or another one. Whoever writes NATS's own beside it, in the same rule,
 * means another one by this.
 */
function unsignedSlip(subject: string, beside: readonly string[]): Slip | undefined {
  const [first = "", second = ""] = subject.split(".");
  const written = [`${first}.${second}`, first].find((beginning) => UNSIGNED.has(beginning));
  if (written === undefined) return undefined;
  const own = UNSIGNED.get(written) ?? "";
  if (beside.some((other) => other.startsWith(own))) return undefined;
  const message = `${subject} is not one of NATS's own subjects`;
  return {
    message,
    remedy: `write ${own}${subject.slice(written.length)}, unless your applications have this subject`,
  };
}

/** A subject of NATS's own whose first tokens are not in capitals. */
function caseSlip(subject: string): Slip | undefined {
  const [first = "", second = "", ...others] = subject.split(".");
  const [own, below] = [first.toUpperCase(), second.toUpperCase()];
  if (!NATS_TOKENS.includes(own)) return undefined;
  const isBelow = own === "$JS" && JETSTREAM_TOKENS.includes(below);
  const right = [own, ...(subject.includes(".") ? [isBelow ? below : second] : []), ...others].join(".");
  if (right === subject) return undefined;
  const message = `${subject} is not one of NATS's own subjects, which are in capitals`;
  return { message, remedy: `write ${right}` };
}

/** A subject in the next line, for want of a comma or a dash. Where that has no dot and no wildcard, it may be meant as a queue group. */
function continuedSlip(value: Field, [subject, queue]: ReturnType<typeof entryParts>): Slip | undefined {
  if (queue === undefined || !value.isContinued || !/[.*>]/.test(queue)) return undefined;
  return {
    message: `${subject} goes on in the next line, which makes ${queue} its queue group`,
    remedy: `write each as an entry of its own: "${subject}", "${queue}"`,
  };
}

/** What is wrong with an entry of a list of subjects that seems to be meant differently, of all that its rule or class has. */
function misreadSubject({ value, list, mayHaveQueue }: SubjectEntry, beside: readonly string[]): Misread | undefined {
  const entry = value.text() ?? "";
  const parts = entryParts(entry);
  const [subject] = parts;
  const literal = (mayHaveQueue ? continuedSlip(value, parts) : undefined) ?? literalSlip(subject, entry, list);
  if (literal) return { id: "subject-literal-wildcard", value, ...literal };
  const slip = caseSlip(subject) ?? unsignedSlip(subject, beside);
  return slip && { id: "subject-case", value, ...slip };
}

/** Entries of a policy's lists of subjects that do not mean what they seem to mean. */
export function misreadSubjects(config: Field): Misread[] {
  const misread = (entries: readonly SubjectEntry[]): Misread[] => {
    const beside = entries.flatMap(({ value }) => value.text() ?? []);
    return entries.flatMap((entry) => misreadSubject(entry, beside) ?? []);
  };
  const rules = config
    .items("rules")
    .flatMap((rule) =>
      misread(
        OPERATIONS.flatMap((operation) =>
          (["allow", "deny"] as const).flatMap((list) =>
            rule.items(operation, list).map((value) => ({ value, list, mayHaveQueue: operation === "subscribe" })),
          ),
        ),
      ),
    );
  const classes = config
    .items("telemetry", "subjects")
    .flatMap((one) =>
      misread(one.items("patterns").map((value) => ({ value, list: "patterns", mayHaveQueue: false }))),
    );
  return [...rules, ...classes];
}
