/** Objects of JSON as Go reads them, which `JSON.parse` does not show. */

/** One member of an object: the texts of its key and of its value, and where in the object it begins and ends. */
export interface Member {
  key: string;
  value: string;
  from: number;
  to: number;
}

/** The index after the string whose opening quote is at `at`. The text is known to be valid. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end + 1;
}

/** Where the value that begins at `from` ends: at the comma or bracket after it. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ;) {
    const char = text[at]!;
    if (char === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (depth === 0 && (char === "," || char === "}" || char === "]")) return at;
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    at++;
  }
}

/** The members of a valid object in the order of the text, including repeated keys, which `JSON.parse` would lose. */
export function membersOf(object: string): Member[] {
  const members: Member[] = [];
  let at = object.indexOf('"');
  while (at >= 0) {
    const keyEnd = endOfString(object, at);
    const valueFrom = object.indexOf(":", keyEnd) + 1;
    const valueTo = endOfValue(object, valueFrom);
    const value = object.slice(valueFrom, valueTo).trim();
    const to = object.slice(0, valueTo).trimEnd().length;
    members.push({ key: object.slice(at, keyEnd), value, from: at, to });
    at = object.indexOf('"', valueTo);
  }
  return members;
}

/** The key that this text is, as encoding/json compares it, by Unicode's simple folding: ſ is an s, the Kelvin sign a k. */
export function folded(text: string): string {
  return (JSON.parse(text) as string)
    .replaceAll("\u017f", "s")
    .replaceAll("\u212a", "k")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
