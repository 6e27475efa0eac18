import { isWordCharacter } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { utf8 } from "../bytes/text";
import { INVALID_DURATION, MILLISECOND, readDuration } from "./durations";
import { quoted } from "./faults";
import { JsonReader, NO_INTEGER, NO_MORE_KEYS } from "./json";
import { subjectProblem } from "./rules-entry";
import { SubjectClass } from "./subject-classes";

/** What is counted apart, and how many of it. */
export class TelemetrySettings {
  /** Principals that get series of their own, for each worker. */
  principals: i32 = 512;
  /** Requests that wait for their answer, for each worker; 0: none is timed. */
  requests: i32 = 16_384;
  /** Milliseconds after which a request counts as unanswered. */
  requestTimeout: i64 = 10_000;
  /** In order: the first that matches names the class of a subject. */
  readonly subjects: SubjectClass[] = [];
}

/** Classes of a configuration. Each name is a label's value in every series that has a subject, kept until the proxy ends. */
export const MAX_CLASSES: i32 = 64;
/** Patterns of all classes together. */
const MAX_PATTERNS: i32 = 1024;
/** UTF-16 units of a class's name. */
const MAX_CLASS_NAME: i32 = 64;
/** Milliseconds of the longest `requestTimeout`: an hour. */
const MAX_TIMEOUT: i64 = 3_600_000;

const MOST_PRINCIPALS: i64 = 4096;
const MOST_REQUESTS: i64 = 1 << 20;

const enum Key {
  SUBJECTS,
  PRINCIPALS,
  REQUESTS,
  REQUEST_TIMEOUT,
}

const KEYS: StaticArray<string> = ["subjects", "principals", "requests", "requestTimeout"];

const enum SubjectKey {
  NAME,
  PATTERNS,
}

const SUBJECT_KEYS: StaticArray<string> = ["name", "patterns"];

/** Why `name` cannot name a class, with the remedy; "" when it can. */
function nameProblem(name: string): string {
  if (name.length > MAX_CLASS_NAME)
    return `is ${decimal(name.length)} characters long: use at most ${decimal(MAX_CLASS_NAME)}`;
  for (let i = 0; i < name.length; i++) {
    // A dot could make one of Istio's own expressions for labels match, `cache\.(.+?)\.` for instance.
    if (!isWordCharacter(name.charCodeAt(i))) {
      return "is no label's value here: use letters, digits, '-' and '_'";
    }
  }
  return "";
}

class SubjectsReader {
  private readonly placeOfName: Map<string, i32> = new Map<string, i32>();
  private readonly placeOfPattern: Map<string, i32> = new Map<string, i32>();

  constructor(private reader: JsonReader) {}

  /** Reads the list, which the reader stands before. */
  read(into: SubjectClass[]): void {
    const reader = this.reader;
    if (!reader.beginArray('a list such as [{"name": "orders", "patterns": ["orders.>"]}]')) return;
    for (let place = reader.nextElement(); place >= 0; place = reader.nextElement()) {
      if (place >= MAX_CLASSES) {
        reader.fault(`one class too many: keep at most ${decimal(MAX_CLASSES)}`);
        reader.skipElements();
        return;
      }
      into.push(this.readClass(place));
    }
  }

  private readClass(place: i32): SubjectClass {
    const reader = this.reader;
    const subject = new SubjectClass();
    if (!reader.beginObject('an object such as {"name": "orders", "patterns": ["orders.>"]}')) return subject;
    let keysRead: u32 = 0;
    for (let key = reader.nextKey(SUBJECT_KEYS); key != NO_MORE_KEYS; key = reader.nextKey(SUBJECT_KEYS)) {
      keysRead |= 1 << key;
      if (key == SubjectKey.NAME) this.readName(place, subject);
      else this.readPatterns(place, subject);
    }
    if (reader.broken) return subject;
    if ((keysRead & (1 << SubjectKey.NAME)) == 0) {
      reader.faultOf("name", "is missing: write what stats shall call the class");
    }
    if ((keysRead & (1 << SubjectKey.PATTERNS)) == 0) {
      reader.faultOf("patterns", 'is missing: write subjects such as ["orders.>"]');
    }
    return subject;
  }

  private readName(place: i32, subject: SubjectClass): void {
    const reader = this.reader;
    const name = reader.readString("a name such as orders");
    if (name === null) return;
    const problem = nameProblem(name);
    if (problem.length > 0) reader.fault(`${quoted(name)} ${problem}`);
    else if (this.placeOfName.has(name)) {
      const other = this.placeOfName.get(name);
      reader.fault(`${quoted(name)} is the name of subjects[${decimal(other)}] already: write its patterns there`);
    } else {
      this.placeOfName.set(name, place);
      subject.name = name;
    }
  }

  private readPatterns(place: i32, subject: SubjectClass): void {
    const reader = this.reader;
    if (!reader.beginArray('a list of subjects such as ["orders.>"]')) return;
    let elements = 0;
    while (reader.nextElement() >= 0) {
      elements++;
      const pattern = reader.readString("a subject such as orders.>");
      if (pattern === null) continue;
      const problem = this.patternProblem(pattern);
      if (problem.length > 0) reader.fault(`${quoted(pattern)}: ${problem}`);
      else {
        this.placeOfPattern.set(pattern, place);
        subject.patterns.push(utf8(pattern));
      }
    }
    if (elements == 0 && !reader.broken) reader.fault('is empty: write subjects such as ["orders.>"]');
  }

  private patternProblem(pattern: string): string {
    if (pattern.includes(" ")) return "a subject has no blank: remove it";
    const problem = subjectProblem(pattern);
    if (problem.length > 0) return problem;
    if (this.placeOfPattern.has(pattern)) {
      return `is in subjects[${decimal(this.placeOfPattern.get(pattern))}] already, which counts: remove one of them`;
    }
    return this.placeOfPattern.size < MAX_PATTERNS ? "" : `one pattern too many: keep at most ${decimal(MAX_PATTERNS)}`;
  }
}

/** In milliseconds, 0 after a fault. */
function readTimeout(reader: JsonReader): i64 {
  const text = reader.readString("a duration such as 10s");
  if (text === null) return 0;
  const nanoseconds = readDuration(reader, text);
  if (nanoseconds == INVALID_DURATION) return 0;
  if (nanoseconds >= MILLISECOND && nanoseconds <= MAX_TIMEOUT * MILLISECOND) return nanoseconds / MILLISECOND;
  reader.fault(`${quoted(text)} is outside of 1ms to 1h: write a duration within them`);
  return 0;
}

/** Reads `telemetry`; what it leaves out keeps its default. */
export function readTelemetry(reader: JsonReader, into: TelemetrySettings): void {
  if (!reader.beginObject('an object such as {"subjects": [{"name": "orders", "patterns": ["orders.>"]}]}')) return;
  for (let key = reader.nextKey(KEYS); key != NO_MORE_KEYS; key = reader.nextKey(KEYS)) {
    if (key == Key.SUBJECTS) new SubjectsReader(reader).read(into.subjects);
    else if (key == Key.REQUEST_TIMEOUT) into.requestTimeout = readTimeout(reader);
    else {
      const isPrincipals = key == Key.PRINCIPALS;
      const value = reader.readInteger(
        isPrincipals ? 1 : 0,
        isPrincipals ? MOST_PRINCIPALS : MOST_REQUESTS,
        isPrincipals ? "a whole number of principals" : "a whole number of requests",
      );
      if (value == NO_INTEGER) continue;
      if (isPrincipals) into.principals = <i32>value;
      else into.requests = <i32>value;
    }
  }
}
