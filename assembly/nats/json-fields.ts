import { JsonScanner, JsonToken } from "../bytes/json";
import { FieldNames, placeOf } from "./field-names";

/**
 * The fields of one JSON object, by name. Both documents of a connection, INFO and CONNECT, go through the one loop here: a worker
 * that has slept waits for each line of code that it has not met since, and waited longer than it computed.
 */

/** One scanner serves the VM: a document is read to its end before the next begins. */
const scanner: JsonScanner = new JsonScanner();

/** What `nextField` answers besides the place of a name. */
export const enum Field {
  /** Its key is none of the names: NO_NAME. */
  OTHER = -1,
  /** There is no more, and nothing behind the object. */
  END = -2,
  /** The text is no JSON object. */
  BROKEN = -3,
}

/** Where the last field begins, its key's quote, and where its value ends. */
export let fieldStart: usize = 0;
export let fieldEnd: usize = 0;

/** The token that its value is, or with which it begins. Of a string, a number or a boolean the bytes are from `valueStart` on. */
export let fieldToken: i32 = JsonToken.ERROR;
export let valueStart: usize = 0;
export let valueEnd: usize = 0;

/** Where the document ends. */
let documentEnd: usize = 0;

/** Begins with another document. Answers its first token: `nextField` goes on only behind OBJECT_START. */
export function beginFields(pointer: usize, length: i32): i32 {
  documentEnd = pointer + <usize>length;
  scanner.reset(pointer, documentEnd);
  return scanner.next();
}

/** Is there nothing behind what was read? */
export function atEnd(): bool {
  return scanner.next() == JsonToken.END;
}

/** Reads the next field, its whole value included. Answers the place of its name, or a `Field`. */
export function nextField(names: FieldNames): i32 {
  const key = scanner.next();
  if (key == JsonToken.OBJECT_END) return atEnd() ? Field.END : Field.BROKEN;
  if (key != JsonToken.KEY) return Field.BROKEN;
  const start = scanner.tokenStart;
  const end = scanner.tokenEnd;
  const hasEscapes = scanner.hasEscapes;
  fieldToken = scanner.next();
  if (fieldToken == JsonToken.ERROR) return Field.BROKEN;
  valueStart = scanner.tokenStart;
  valueEnd = scanner.tokenEnd;
  const isContainer = fieldToken == JsonToken.OBJECT_START || fieldToken == JsonToken.ARRAY_START;
  if (isContainer && !scanner.skipContainer()) return Field.BROKEN;
  fieldStart = start - 1;
  fieldEnd = scanner.position;
  return placeOf(names, start, end, hasEscapes, documentEnd);
}
