import { Ascii } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { utf8 } from "../bytes/text";
import { MAX_TOKENS } from "../nats/subject";
import { beginList, writeEntry, writtenList } from "./entry-list";
import { quoted } from "./faults";
import { addDomains, DOMAIN_TOKENS } from "./jetstream-domains";
import { JsonReader, NO_MORE_KEYS } from "./json";
import { SubjectRules } from "./rules";

/** Bytes of the longest entry, a subject with its queue. No longer one ever arrives in nats-server's default control line. */
export const MAX_SUBJECT_BYTES: i32 = 4096;

/** Tokens of the longest subject or queue, so that all tokens of an entry are recorded with a domain before them too. */
const MAX_ENTRY_TOKENS: i32 = MAX_TOKENS - DOMAIN_TOKENS;

const NO_QUEUE: StaticArray<u8> = [];

const enum DirectionKey {
  ALLOW,
  DENY,
}

const DIRECTION_KEYS: StaticArray<string> = ["allow", "deny"];

/** Whether the list reads publish or subscribe subjects. */
export const enum Direction {
  PUBLISH,
  SUBSCRIBE,
}

function isBlank(unit: i32): bool {
  return unit == Ascii.SPACE || unit == Ascii.TAB;
}

/**
 * Reads the word ALL in place of the list of `allow`. Any other word is a fault that shows the brackets, and not ALL: whoever
 * forgot them must not be led to it.
 */
function readEverything(reader: JsonReader, into: SubjectRules): void {
  const word = reader.readString('a list of subjects such as ["orders.>"]');
  if (word === null) return;
  if (word == "ALL") into.allowAll = true;
  else reader.fault(`expected a list: write [${quoted(word)}]`);
}

/**
 * Why `text` cannot be a subject of a permission, with the remedy; "" when it
 * can. nats-server's rule for entries: no empty token, `>` only as the last
 * one; `foo*` and `f>` are literal tokens (sublist.go, IsValidSubject).
 */
export function subjectProblem(text: string): string {
  let tokenStart = 0;
  let tokens = 0;
  for (let i = 0, length = text.length; i <= length; i++) {
    const unit = i < length ? text.charCodeAt(i) : Ascii.DOT;
    if (unit < Ascii.SPACE || unit == Ascii.DELETE) {
      return "a control character can be in no subject: remove it";
    }
    if (unit != Ascii.DOT) continue;
    if (i == tokenStart) {
      return "a token is empty: write something on both sides of each '.'";
    }
    const isTail = i == tokenStart + 1 && text.charCodeAt(tokenStart) == Ascii.GREATER;
    if (++tokens > MAX_ENTRY_TOKENS) return `more than ${decimal(MAX_ENTRY_TOKENS)} tokens: shorten it`;
    if (isTail && i < length) return "'>' must be the last token";
    tokenStart = i + 1;
  }
  return "";
}

function firstBlank(text: string): i32 {
  for (let i = 0, length = text.length; i < length; i++) {
    if (isBlank(text.charCodeAt(i))) return i;
  }
  return -1;
}

/** Writes the entry. Answers why it is none, with the remedy, or "" when it has been written. */
function addEntry(text: string, direction: Direction): string {
  const blank = firstBlank(text);
  const subject = blank < 0 ? text : text.substring(0, blank);
  let queueStart = blank;
  while (queueStart >= 0 && queueStart < text.length && isBlank(text.charCodeAt(queueStart))) {
    queueStart++;
  }
  if (blank == 0 || queueStart == text.length) {
    return "blanks at its beginning or end: remove them";
  }
  if (blank > 0 && direction == Direction.PUBLISH) {
    return "a publish subject has no blank: queue groups belong to subscribe";
  }
  const problem = subjectProblem(subject);
  if (problem.length > 0) return problem;
  if (blank < 0) {
    writeTexts(utf8(subject), NO_QUEUE);
    return "";
  }
  const queue = text.substring(queueStart);
  if (firstBlank(queue) >= 0) {
    return "more than two words: write SUBJECT or SUBJECT QUEUE";
  }
  const queueProblem = subjectProblem(queue);
  if (queueProblem.length > 0) return "in the queue group " + queueProblem;
  writeTexts(utf8(subject), utf8(queue));
  return "";
}

/**
 * Is this a subject without a queue and with nothing wrong? Nearly all entries of a large policy are, and then no string is
 * made.
 */
function isPlainSubject(start: usize, end: usize): bool {
  if (end - start > <usize>MAX_SUBJECT_BYTES) return false;
  let tokenStart = start;
  let tokens = 0;
  for (let at = start; at <= end; at++) {
    const byte: i32 = at < end ? load<u8>(at) : Ascii.DOT;
    if (byte <= Ascii.SPACE || byte == Ascii.DELETE) return false;
    if (byte != Ascii.DOT) continue;
    const isTail = at == tokenStart + 1 && load<u8>(tokenStart) == Ascii.GREATER;
    if (at == tokenStart || ++tokens > MAX_ENTRY_TOKENS || (isTail && at < end)) return false;
    tokenStart = at + 1;
  }
  return true;
}

function writeTexts(subject: StaticArray<u8>, queue: StaticArray<u8>): void {
  writeEntry(changetype<usize>(subject), subject.length, changetype<usize>(queue), queue.length);
}

function readEntry(reader: JsonReader, direction: Direction): void {
  if (reader.atText && isPlainSubject(reader.textStart, reader.textEnd)) {
    reader.skip();
    writeEntry(reader.textStart, <i32>(reader.textEnd - reader.textStart), 0, 0);
    return;
  }
  const text = reader.readString("a subject such as orders.>");
  if (text !== null) addText(reader, text, direction);
}

function addText(reader: JsonReader, text: string, direction: Direction): void {
  if (String.UTF8.byteLength(text) > MAX_SUBJECT_BYTES) {
    reader.fault(`${quoted(text)}: more than ${decimal(MAX_SUBJECT_BYTES)} bytes: shorten it`);
    return;
  }
  const problem = addEntry(text, direction);
  if (problem.length > 0) reader.fault(`${quoted(text)}: ${problem}`);
}

/**
 * Reads `publish` or `subscribe` of a rule. Answers how many entries were
 * written, faulty ones included: a rule that says something wrong does not
 * also say nothing.
 */
export function readSubjectRules(reader: JsonReader, direction: Direction, into: SubjectRules): i32 {
  if (!reader.beginObject('an object such as {"allow": ["orders.>"], "deny": []}')) {
    return 1;
  }
  let entries = 0;
  for (let key = reader.nextKey(DIRECTION_KEYS); key != NO_MORE_KEYS; key = reader.nextKey(DIRECTION_KEYS)) {
    if (key == DirectionKey.ALLOW && reader.atString) {
      readEverything(reader, into);
      entries++;
      continue;
    }
    if (!reader.beginArray('a list of subjects such as ["orders.>"]')) {
      entries++;
      continue;
    }
    beginList();
    while (reader.nextElement() >= 0) {
      entries++;
      readEntry(reader, direction);
    }
    if (key == DirectionKey.ALLOW) into.allow = writtenList();
    else {
      if (direction == Direction.PUBLISH) addDomains();
      into.deny = writtenList();
    }
  }
  return entries;
}
