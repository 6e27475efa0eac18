/** A key of nats-server's configuration. */
export interface ConfEntry {
  /** The blocks around it and the key itself, in lower case: `["websocket", "tls"]`. nats-server's keys are case-insensitive. */
  path: string[];
  /** The value as written if it is one word or string; undefined for a block or a list. A list's words follow as entries of its key. */
  value: string | undefined;
  /** From 0. */
  line: number;
  column: number;
}

interface Token {
  text: string;
  kind: "word" | "open" | "close";
  line: number;
  column: number;
}

/** Deeper blocks are ignored: nats-server's own configuration has four levels. */
const MAX_DEPTH = 32;

/**
 * The keys of a nats.conf (nats-server `conf/lex.go`: `key: value`, `key = value`, `key value`, blocks in braces, lists in
 * brackets, comments after `#` and `//`). It reads only keys and plain values, and ignores what follows no rule.
 */
export function readNatsConf(text: string): ConfEntry[] {
  const entries: ConfEntry[] = [];
  const tokens = tokensOf(text);
  const path: string[] = [];
  // Brackets hold no keys, but may hold blocks. Of what is inside one of those only one key is of interest.
  let brackets = 0;
  let braces = 0;
  let list: Token | undefined;
  let key: Token | undefined;
  for (const [index, token] of tokens.entries()) {
    brackets = Math.max(0, brackets + bracketOf(token));
    if (brackets > 0 || bracketOf(token) < 0) {
      if (bracketOf(token) > 0 && key) entries.push(entryOf(path, (list = key), undefined));
      else if (token.kind === "word" && brackets === 1 && braces === 0 && list)
        entries.push({ ...entryOf(path, list, token.text), line: token.line, column: token.column });
      else if (list && braces > 0 && isLatency(token, tokens[index + 1]))
        entries.push(entryOf([...path, list.text.toLowerCase()], { ...token, text: "latency" }, undefined));
      braces = brackets > 0 ? braces + braceOf(token) : 0;
      key = undefined;
    } else if (token.kind === "open") {
      if (key) entries.push(entryOf(path, key, undefined));
      if (path.length < MAX_DEPTH) path.push(key?.text.toLowerCase() ?? "");
      key = undefined;
    } else if (token.kind === "close") {
      path.pop();
      key = undefined;
    } else {
      // A key without a value on its line is ignored: one fault must not swap keys and values in all that follows.
      const value = key?.line === token.line;
      if (key && value) entries.push(entryOf(path, key, token.text));
      key = value ? undefined : token;
    }
  }
  return entries;
}

/** Whether it is the key by which an export has its latency measured. Where values are read, a separator may be a part of the word. */
function isLatency({ kind, text }: Token, next: Token | undefined): boolean {
  return kind === "word" && (/^latency[:=]/i.test(text) || (/^latency$/i.test(text) && next?.text === "{"));
}

/** 1 for a bracket that opens a list, -1 for one that closes it. A string may hold one, and opens nothing. */
function bracketOf({ kind, text }: Token): number {
  return kind !== "word" && "[]".includes(text) ? (kind === "open" ? 1 : -1) : 0;
}

function braceOf(token: Token): number {
  return token.kind === "word" || bracketOf(token) !== 0 ? 0 : token.kind === "open" ? 1 : -1;
}

/** A brace without a key is not a level: nats-server's lexer ignores it, and NATS's own chart puts everything into one pair. */
function entryOf(path: string[], { text, line, column }: Token, value: string | undefined): ConfEntry {
  return { path: [...path.filter((step) => step !== ""), text.toLowerCase()], value, line, column };
}

const KEY = /"((?:\\.|[^"\\])*)"|'([^']*)'|([{[])|([}\]])|[:=,;]|((?:[^\s{}[\]:=,;"'#/]|\/(?!\/))+)/y;
/** A value may contain what ends a key: `0.0.0.0:4222`, `nats://host`. */
const VALUE = /"((?:\\.|[^"\\])*)"|'([^']*)'|([{[])|([}\]])|[:=,;]|((?:[^\s{}[\]:=,;"'#][^\s{}[\],;"'#]*))/y;

function tokensOf(text: string): Token[] {
  let brackets = 0;
  return text.split("\n").flatMap((content, line) => {
    const tokens = tokensOfLine(content, line, brackets);
    brackets = tokens.reduce((depth, token) => Math.max(0, depth + bracketOf(token)), brackets);
    return tokens;
  });
}

/** `brackets` is the number of lists that are open where the line begins. They have values alone. */
function tokensOfLine(content: string, line: number, brackets: number): Token[] {
  const tokens: Token[] = [];
  let afterKey = brackets > 0;
  for (let column = 0; column < content.length;) {
    if (content[column] === "#" || content.startsWith("//", column)) break;
    const pattern: RegExp = afterKey ? VALUE : KEY;
    pattern.lastIndex = column;
    const match: RegExpExecArray | null = pattern.exec(content);
    if (!match) {
      // An unclosed quote. Trying again from each later quote would make a long line take for ever.
      if (content[column] === '"' || content[column] === "'") break;
      column++;
      continue;
    }
    const [whole, double, single, open, close, plain] = match;
    const word = double ?? single ?? plain;
    column += whole.length;
    // A separator changes nothing.
    if (word === undefined && open === undefined && close === undefined) continue;
    const kind = word !== undefined ? "word" : open !== undefined ? "open" : "close";
    const token: Token = { text: word ?? whole, kind, line, column: column - whole.length };
    tokens.push(token);
    brackets = Math.max(0, brackets + bracketOf(token));
    afterKey = brackets > 0 || (word !== undefined && !afterKey);
  }
  return tokens;
}

/** The factors of number suffixes (nats-server `conf/parse.go`). */
const FACTORS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1000],
  ...["kb", "ki", "kib"].map((suffix) => [suffix, 1024] as const),
  ["m", 1_000_000],
  ...["mb", "mi", "mib"].map((suffix) => [suffix, 1_048_576] as const),
]);

/** A number of bytes as written in nats.conf: `8192`, `8KB`; undefined for anything else. */
export function bytesOf(value: string | undefined): number | undefined {
  const [, digits, suffix = ""] = /^(\d{1,9})([a-z]*)$/i.exec(value ?? "") ?? [];
  const factor = FACTORS.get(suffix.toLowerCase());
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
