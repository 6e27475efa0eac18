/** INFO as nats-server writes it, and as nobody should, and what a client is to read of it. */
import type { Random } from "../host/random.ts";
import { isJson } from "./is-json.ts";
import { folded, membersOf } from "./json-members.ts";

const BOOLEANS = ["true", "true", "false", "null", "1", '"true"'];
const URLS = ['["10.0.0.7:4222","[fd00::1]:4222"]', "[]", "null", '"a,}\\""', '[ "a" , {"connect_urls":["}"]} ]'];
type Fields = readonly [name: string, values: readonly string[]][];
/** Fields that may be left out, with values of their type and of others. */
const UNWANTED: Fields = [
  ["connect_urls", URLS],
  ["ws_connect_urls", URLS],
  ["tls_required", BOOLEANS],
  ["tls_available", BOOLEANS],
  ["tls_verify", BOOLEANS],
];
/** The same of others that the filter acts on. */
const FIELDS: Fields = [
  ["headers", ["true", "true", ...BOOLEANS]],
  [
    "max_payload",
    ["1024", "1024", "20", "1", "0", "-1", "null", "2e1", '"1"', "[1]", `${2n ** 63n}`, `${2n ** 63n - 1n}`],
  ],
  ["connect_info", BOOLEANS],
  ["version", ['"2.15.2"', '"2.9"', '"3.0.0"', "null", "{}"]],
  ["client_id", ["7", "-7", `${2n ** 64n}`, '"7"']],
  ["auth_required", BOOLEANS],
];
const OTHERS = ["a", "ldm", "nonce", "connect_url", "tls", "", "cluster", "\xff", "é", "connect_urls\\u0000"];
const OTHER_VALUES = [
  "1",
  "-0.5e+3",
  "[]",
  "{}",
  '"x,y"',
  '"\\\\"',
  '{"connect_urls":["kept"]}',
  '"\xff"',
  `"${"y".repeat(300)}"`,
];
const BLANKS = ["", "", "", "", " ", "\t", " \r "];

/** What may come into the text by mistake. */
const BREAKS = ["", "{", "}", "[", "]", '"', ",", ":", "\\", " ", "0", "t", "\0"];

/** A key in one of the spellings that Go's encoding/json takes for it. */
function spelled(name: string, random: Random): string {
  const at = random.below(name.length);
  const letter = name[at]!;
  const others = {
    upper: letter.toUpperCase(),
    escaped: `\\u00${letter.charCodeAt(0).toString(16)}`,
    // As UTF-8.
    folded: letter === "s" ? "\xc5\xbf" : letter === "k" ? "\xe2\x84\xaa" : letter,
  };
  const other = random.pick([letter, letter, letter, others.upper, others.escaped, others.folded]);
  return name.slice(0, at) + other + name.slice(at + 1);
}

/** An INFO, latin-1. Some are no JSON, or no object. */
export function infoLine(random: Random): string {
  const blank = (): string => random.pick(BLANKS);
  const member = (): string => {
    const fields = random.below(2) === 0 ? FIELDS : UNWANTED;
    const [name, values] = random.below(4) === 0 ? [random.pick(OTHERS), OTHER_VALUES] : random.pick(fields);
    const key = name === "" || values === OTHER_VALUES ? name : spelled(name, random);
    return `${blank()}"${key}"${blank()}:${blank()}${random.pick(values)}${blank()}`;
  };
  const members = Array.from({ length: random.pick([0, 1, 2, 3, 4, 6, 30]) }, member);
  // Without headers, a client's next HPUB ends the connection. One that nats-server sends after a PONG may have to wait.
  for (const [field, most] of [
    ['"headers":true', 4],
    ['"connect_info":true', 2],
  ] as const)
    if (random.below(most) > 0) members.splice(random.below(members.length + 1), 0, field);
  let json = `{${members.join(",")}${members.length === 0 ? blank() : ""}}`;
  if (random.below(12) === 0) {
    const at = random.below(json.length + 1);
    json = json.slice(0, at) + random.pick(BREAKS) + json.slice(at + random.below(2));
  }
  return `INFO ${json}${random.pick([" ", " ", "", " \t "])}\r\n`;
}

/** What the filter is to leave out. */
export interface Unwanted {
  urls: boolean;
  tls: boolean;
}

/** The object in the argument of an INFO, or undefined where there is none. */
export class Info {
  /** Undefined where it says nothing; Infinity for no limit. */
  maxPayload: number | undefined;
  headers = false;
  connectInfo = false;
  authRequired = false;
  /** TLS is required or offered. */
  hasTls = false;
  readonly #members: { name: string; from: number; to: number }[] = [];

  private constructor(readonly argument: string) {
    const booleans = new Map<string, boolean>();
    for (const { key, value, from, to } of membersOf(argument)) {
      const name = folded(Buffer.from(key, "latin1").toString());
      this.#members.push({ name, from, to });
      if (value === "true" || value === "false") booleans.set(name, value === "true");
      else if (name === "max_payload" && /^[-\d]/.test(value)) this.maxPayload = payloadLimit(value);
    }
    const isOn = (name: string): boolean => booleans.get(name) === true;
    this.headers = isOn("headers");
    this.connectInfo = isOn("connect_info");
    this.authRequired = isOn("auth_required");
    this.hasTls = isOn("tls_required") || isOn("tls_available");
  }

  static read(argument: string): Info | undefined {
    const isObject = argument.trimStart().startsWith("{") && isJson(Buffer.from(argument, "latin1"));
    return isObject ? new Info(argument) : undefined;
  }

  /** Its text without some members. Each goes with the comma before it, and the first with the one behind it. */
  without({ urls, tls }: Unwanted): string {
    const isKept = (name: string): boolean =>
      !(urls && /^(?:ws_)?connect_urls$/.test(name)) && !(tls && /^tls_(?:required|available|verify)$/.test(name));
    const first = this.#members[0];
    if (first === undefined) return this.argument;
    let text = this.argument.slice(0, first.from);
    const beginning = text;
    for (const [i, { name, from, to }] of this.#members.entries()) {
      if (!isKept(name)) continue;
      if (text !== beginning) text += this.argument.slice(this.#members[i - 1]!.to, from);
      text += this.argument.slice(from, to);
    }
    return text + this.argument.slice(this.#members.at(-1)!.to);
  }
}

function payloadLimit(number: string): number | undefined {
  const value = /^-?\d+$/.test(number) ? BigInt(number) : 0n;
  if (value === 0n || BigInt.asIntN(64, value) !== value) return undefined;
  return value < 0n ? Infinity : Number(value);
}
