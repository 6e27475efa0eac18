import { hexadecimal } from "./digits";

/** Why a document is not JSON. */
export const enum JsonProblem {
  NONE,
  EXPECTED_VALUE,
  EXPECTED_KEY,
  EXPECTED_COLON,
  EXPECTED_COMMA_OR_BRACE,
  EXPECTED_COMMA_OR_BRACKET,
  EXPECTED_END,
  BAD_LITERAL,
  BAD_NUMBER,
  BAD_ESCAPE,
  CONTROL_CHARACTER,
  UNFINISHED_STRING,
  TOO_DEEP,
}

/** What a JsonProblem says, before what was found instead. */
export function problemText(problem: i32): string {
  switch (problem) {
    case JsonProblem.EXPECTED_VALUE:
      return "expected a value";
    case JsonProblem.EXPECTED_KEY:
      return "expected a key in double quotes";
    case JsonProblem.EXPECTED_COLON:
      return "expected ':' after the key";
    case JsonProblem.EXPECTED_COMMA_OR_BRACE:
      return "expected ',' or '}'";
    case JsonProblem.EXPECTED_COMMA_OR_BRACKET:
      return "expected ',' or ']'";
    case JsonProblem.EXPECTED_END:
      return "expected nothing more after the document";
    case JsonProblem.BAD_LITERAL:
      return "expected true, false or null";
    case JsonProblem.BAD_NUMBER:
      return "expected a digit in the number";
    case JsonProblem.BAD_ESCAPE:
      return "expected an escape that JSON knows";
    case JsonProblem.CONTROL_CHARACTER:
      return "a control character in a string must be escaped";
    case JsonProblem.UNFINISHED_STRING:
      return "expected '\"' to end the string";
    case JsonProblem.TOO_DEEP:
      return "nested deeper than 10000 levels";
  }
  return "";
}

/** A byte as an error shows it: `'x'` when it is printable ASCII, else `0x1f`. */
export function describeByte(byte: u8): string {
  if (byte >= 0x20 && byte < 0x7f) {
    return "'" + String.fromCharCode(byte) + "'";
  }
  return "0x" + hexadecimal(byte, 2);
}
