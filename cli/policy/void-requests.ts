import type { Field } from "../manifests/field.ts";
import { unfilledRemedy } from "../manifests/unfilled.ts";
import { intersection } from "./pattern-overlap.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";

/**
 * What clients publish to JetStream: requests (nats-server `server/jetstream_api.go`, 2.10 to 2.15), acknowledgements of 9 tokens, or
 * of 11 and more (`server/consumer.go`, `replyInfo`), answers of flow control, and parts of a backup.
 */
export const JETSTREAM_FORMS: readonly string[] = [
  "$JS.API.INFO",
  ...["NAMES", "LIST", "TEMPLATE.NAMES"].map((name) => `$JS.API.STREAM.${name}`),
  ...[
    ...["CREATE", "UPDATE", "INFO", "DELETE", "PURGE", "SNAPSHOT", "RESTORE", "CANCEL_MOVE"],
    ...["MSG.GET", "MSG.DELETE", "PEER.REMOVE", "PEER.EVACUATE", "LEADER.STEPDOWN"],
    ...["TEMPLATE.CREATE", "TEMPLATE.INFO", "TEMPLATE.DELETE"],
  ].map((name) => `$JS.API.STREAM.${name}.*`),
  ...["CREATE", "NAMES", "LIST"].map((name) => `$JS.API.CONSUMER.${name}.*`),
  "$JS.API.CONSUMER.CREATE.*.>",
  ...[
    ...["DURABLE.CREATE", "INFO", "DELETE", "PAUSE", "UNPIN", "RESET", "MSG.NEXT"],
    ...["LEADER.STEPDOWN", "PEER.REMOVE", "PEER.EVACUATE"],
  ].map((name) => `$JS.API.CONSUMER.${name}.*.*`),
  ...["*", "*.>"].map((behind) => `$JS.API.DIRECT.GET.${behind}`),
  ...["META.LEADER.STEPDOWN", "META.RESCUE", "SERVER.REMOVE", "SERVER.EVACUATE"].map((name) => `$JS.API.${name}`),
  ...["PURGE.*", "STREAM.MOVE.*.*", "STREAM.CANCEL_MOVE.*.*"].map((name) => `$JS.API.ACCOUNT.${name}`),
  ...["*.*.*.*.*.*.*", "*.*.*.*.*.*.*.*.*", "*.*.*.*.*.*.*.*.*.>"].map((behind) => `$JS.ACK.${behind}`),
  ...["*.*.*", "*.*.*.*.*"].map((behind) => `$JS.FC.${behind}`),
  ...["ACK.*.>", "RESTORE.*.>"].map((behind) => `$JS.SNAPSHOT.${behind}`),
];

/** Keys of buckets, and chunks and names of objects, as client libraries publish them. */
const FORMS: readonly string[] = [...JETSTREAM_FORMS, "$KV.*.>", "$O.*.C.*", "$O.*.M.*"];

/** What is judged: elsewhere below `$JS.` lies what somebody has made up. */
const JUDGED = /^(?:\$JS\.(?:API|ACK|FC|SNAPSHOT)|\$KV|\$O)(?:\.|$)/;

/** Behind a domain of JetStream come its API, and the keys of a bucket there. */
const IN_DOMAIN = /^(\$JS\.[^.]+\.API\.)(.+)$/;

/** How the streams of buckets and object stores begin, and what nats-server's own mappings call objects, which no library does. */
const BY_STREAM = /^\$(?:(KV)_|(OBJ)[._])/;

const WORDS = new Set(FORMS.flatMap((form) => form.split(".").slice(2)).filter((token) => /^[A-Z_]+$/.test(token)));

function wordsOf(subject: string): string[] {
  return subject
    .split(".")
    .slice(2)
    .filter((token) => WORDS.has(token));
}

/**
 * The shortest form with the words of a request that lacks one, or has tokens too many, and with the names that stand in it.
 * Undefined if it has hardly a word.
 */
function formOf(subject: string): string | undefined {
  const words = wordsOf(subject);
  if (!subject.startsWith("$JS.API.") || words.length < 2) return undefined;
  const having = FORMS.filter((form) => words.every((word) => wordsOf(form).includes(word)));
  const [form] = having.sort((a, b) => wordsOf(a).length - wordsOf(b).length);
  const names = subject
    .split(".")
    .slice(2)
    .filter((token) => !WORDS.has(token) && token !== ">");
  return form?.replace(/\*/g, () => names.shift() ?? "*");
}

/** What to write instead of a subject that fits no form. */
function correction(subject: string): string | undefined {
  const open = `${subject.replace(/(?:\.\*)+$/, "")}.>`;
  const [first, ...more] = FORMS.flatMap((form) => intersection(open, form) ?? []);
  if (first !== undefined) return more.length === 0 ? first : open;
  return formOf(subject);
}

/** For a subject that fits nothing that clients publish: what to write instead, or undefined where that is not known. */
function judge(subject: string): { correction: string | undefined } | undefined {
  const [, domain = "", behind = ""] = IN_DOMAIN.exec(subject) ?? [];
  if (domain !== "") {
    const isOfApi = !behind.startsWith("$");
    const judged = judge(isOfApi ? `$JS.API.${behind}` : behind);
    const inDomain = judged?.correction?.replace(/^\$JS\.API\./, "");
    return judged && { correction: inDomain === undefined ? undefined : `${domain}${inDomain}` };
  }
  const named = subject.replace(BY_STREAM, (_, bucket?: string) => (bucket === undefined ? "$O." : "$KV."));
  if (named !== subject) return { correction: named };
  if (!JUDGED.test(subject) || FORMS.some((form) => intersection(subject, form) !== undefined)) return undefined;
  return { correction: correction(subject) };
}

export interface VoidRequest {
  rule: Field;
  entry: Field;
  isDeny: boolean;
  correction: string | undefined;
}

/** What has still to be filled in, and wildcards inside a token, for which `subject-literal-wildcard` is there. */
function isToldElsewhere(text: string): boolean {
  return unfilledRemedy(text) !== undefined || /[^.][*>]|[*>][^.]/.test(text);
}

/** Entries of `publish` that seem to be about JetStream, and fit nothing that its clients publish. */
export function voidRequests(config: Field): VoidRequest[] {
  return config.items("rules").flatMap((rule) =>
    [false, true].flatMap((isDeny) =>
      (isDeny ? deniedBy : allowedBy)(rule, "publish").flatMap(({ field: entry, text }): VoidRequest[] => {
        const judged = isToldElsewhere(text) ? undefined : judge(text);
        return judged ? [{ rule, entry, isDeny, ...judged }] : [];
      }),
    ),
  );
}
