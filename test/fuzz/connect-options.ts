/** Fields of CONNECT by their Go type (nats-server client.go `ClientOpts`). `import` and `export` mean nothing here. */
const BOOLEANS = ["echo", "verbose", "pedantic", "tls_required", "new_account", "headers", "no_responders"];
const STRINGS = [
  ...["nkey", "jwt", "sig", "auth_token", "user", "pass", "name", "lang", "version", "account"],
  ...["remote_account", "proxy_sig"],
];
/** Go's int on a 64-bit machine, in the only form that `json.Unmarshal` accepts for one. */
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

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

/**
 * What nats-server's `processConnect` keeps of a connection's CONNECT lines if no account and no authorization is configured.
 * Written from client.go and encoding/json, independent of the filter's reader.
 */
export class ConnectOptions {
  headers = false;
  #protocol = "0";
  #noResponders = false;

  /** Reads one CONNECT. Returns false if nats-server closes the connection because of it. */
  read(argument: Uint8Array): boolean {
    const text = Buffer.from(argument.buffer, argument.byteOffset, argument.length).toString("utf8");
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return false;
    }
    if (value !== null && (typeof value !== "object" || Array.isArray(value))) return false;
    let typesFit = true;
    let account = false;
    for (const { key, value: given } of value === null ? [] : membersOf(text)) {
      const name = folded(key);
      if (given === "null") continue;
      if (BOOLEANS.includes(name)) {
        if (given !== "true" && given !== "false") typesFit = false;
        else if (name === "headers") this.headers = given === "true";
        else if (name === "no_responders") this.#noResponders = given === "true";
        else if (name === "new_account") account = given === "true";
      } else if (STRINGS.includes(name)) {
        if (!given.startsWith('"')) typesFit = false;
        else if (name === "account") account = given !== '""';
      } else if (name === "protocol") {
        if (!INTEGER.test(given) || BigInt.asIntN(64, BigInt(given)) !== BigInt(given)) typesFit = false;
        else this.#protocol = String(BigInt(given));
      }
    }
    if (!typesFit || account || (this.#protocol !== "0" && this.#protocol !== "1")) return false;
    return !this.#noResponders || this.headers;
  }
}
