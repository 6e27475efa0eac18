import { JsonScanner, JsonToken } from "../../assembly/bytes/json";

const LETTERS = ".!{}[]KSNTFZ";

/** The tokens of `text`, one letter each in the order of JsonToken: `.` is END, `!` is ERROR. */
export function tokensOf(text: string): string {
  return tokensOfBytes(String.UTF8.encode(text));
}

export function tokensOfBytes(bytes: ArrayBuffer): string {
  const scanner = new JsonScanner();
  const start = changetype<usize>(bytes);
  scanner.reset(start, start + <usize>bytes.byteLength);
  let letters = "";
  let token = JsonToken.KEY;
  while (token != JsonToken.END && token != JsonToken.ERROR) {
    token = scanner.next();
    letters += LETTERS.charAt(token);
  }
  // What has ended stays ended.
  expect(scanner.next()).toBe(token);
  expect(scanner.errorOffset >= 0).toBe(token == JsonToken.ERROR);
  return letters;
}

/** Whether the whole text is JSON. */
export function isJson(text: string): bool {
  return tokensOf(text).endsWith(".");
}

/** What the scanner says about a text that is not JSON. */
export function errorOf(text: string): string {
  const bytes = String.UTF8.encode(text);
  const scanner = new JsonScanner();
  const start = changetype<usize>(bytes);
  scanner.reset(start, start + <usize>bytes.byteLength);
  let token = scanner.next();
  while (token != JsonToken.END && token != JsonToken.ERROR) token = scanner.next();
  return scanner.errorText();
}
