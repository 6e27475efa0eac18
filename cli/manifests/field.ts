import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from "yaml";
import type { AliasTargets } from "./aliases.ts";
import { isMergeKey } from "./kubernetes-yaml.ts";
import type { PlaceOf, Place } from "./place.ts";

/** A key and its value. */
export type Member = readonly [key: string, value: Field];

const NONE: readonly never[] = [];

/** What the fields of one YAML document share. */
export interface Origin {
  placeOf: PlaceOf;
  lines: LineCounter;
  aliases: AliasTargets;
  text: string;
}

/** A value of a manifest together with its place. Reading a value that is missing or has another type returns undefined. */
export class Field {
  readonly node: Node | null;
  private madeElements: readonly Field[] | undefined;
  /** Lines of a text. A nats.conf of a mebibyte has a place for each of its routes. */
  private madeLines: readonly string[] | undefined;
  private madeMembers: readonly Member[] | undefined;

  constructor(
    readonly origin: Origin,
    node: unknown,
    /** The offset of the value's key, or of the value itself if it has none. */
    private readonly keyOffset: number,
  ) {
    this.node = resolved(origin, node);
  }

  /** The value's place, or that of the key if the value is absent (`key:`). */
  get place(): Place {
    return this.placeAt(this.node?.range?.[0] ?? this.keyOffset);
  }

  get keyPlace(): Place {
    return this.placeAt(this.keyOffset);
  }

  /** The value below, by keys and indexes. */
  get(...path: (string | number)[]): Field | undefined {
    return path.reduce<Field | undefined>(
      (field, step) => (typeof step === "string" ? field?.member(step) : field?.elements[step]),
      this,
    );
  }

  /** The place of the value below, or of its nearest parent that exists. */
  placeOf(...path: (string | number)[]): Place {
    for (let length = path.length; length > 0; length--) {
      const field = this.get(...path.slice(0, length));
      if (field) return length === path.length ? field.place : field.keyPlace;
    }
    return this.keyPlace;
  }

  /** A scalar as text; undefined for anything else and for null. */
  text(...path: (string | number)[]): string | undefined {
    const node = this.get(...path)?.node;
    if (!isScalar(node) || node.value === null) return undefined;
    return typeof node.value === "string" ? node.value : JSON.stringify(node.value);
  }

  /** How an unquoted word is read if that differs from what it seems to be: `no`, `0100`. */
  get misleading(): { written: string; read: string } | undefined {
    const { node } = this;
    if (!isScalar(node) || typeof node.value === "string" || node.source === undefined) return undefined;
    const read = JSON.stringify(node.value);
    return node.source === read ? undefined : { written: node.source, read };
  }

  /** What begins the text if it is on lines of its own. */
  get block(): "|" | ">" | undefined {
    const type = isScalar(this.node) ? this.node.type : undefined;
    return type === "BLOCK_LITERAL" ? "|" : type === "BLOCK_FOLDED" ? ">" : undefined;
  }

  /** Whether a text that is none of lines of its own goes on in a further line: YAML makes a blank of the line break. */
  get isContinued(): boolean {
    const { node, origin } = this;
    if (!isScalar(node) || this.block !== undefined || !node.range) return false;
    return origin.text.slice(node.range[0], node.range[1]).includes("\n");
  }

  /** A scalar that is a whole number, or a string that holds one. */
  integer(...path: (string | number)[]): number | undefined {
    const text = this.text(...path);
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  }

  /** The elements of a list; none for anything else. */
  items(...path: (string | number)[]): readonly Field[] {
    return this.get(...path)?.elements ?? NONE;
  }

  /** The members of an object in the order of the text; none for anything else. */
  members(...path: (string | number)[]): readonly Member[] {
    return this.get(...path)?.ownMembers ?? NONE;
  }

  /** An object of strings, such as labels. */
  texts(...path: (string | number)[]): Map<string, string> {
    const pairs = this.members(...path).map(([key, value]) => [key, value.text()] as const);
    return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
  }

  /** The type in the words of JSON Schema. */
  get type(): "object" | "array" | "string" | "integer" | "number" | "boolean" | "null" {
    const { node } = this;
    if (isMap(node)) return "object";
    if (isSeq(node)) return "array";
    const value: unknown = isScalar(node) ? node.value : null;
    if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
    return typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : "null";
  }

  get isObject(): boolean {
    return isMap(this.node);
  }

  /** The value without places. */
  plain(): unknown {
    return this.plainOf(this.node);
  }

  /** The place of `line` and `column`, from 0, in the text of a scalar; the scalar's own if the text was folded or quoted. */
  placeInText(line: number, column: number): Place {
    const { node, origin } = this;
    if (!isScalar(node) || node.type !== "BLOCK_LITERAL" || !node.range) return this.place;
    const lines = (this.madeLines ??= String(node.value).split("\n"));
    // Behind the line break that ends the text is a line of the manifest, but none of the text.
    const last = Math.max(0, lines.length - (lines.at(-1) === "" ? 2 : 1));
    if (line > last) return this.placeInText(last, (lines[last] ?? "").length);
    const text = origin.lines.linePos(node.range[0]).line + 1 + line;
    // The block's indent is that of its first line that is not empty; all others have at least as much.
    const start = origin.lines.lineStarts[text - 1] ?? 0;
    const written = this.sourceLine(start);
    const indent = Math.max(0, written.length - (lines[line] ?? "").length);
    return origin.placeOf(text, indent + column + 1);
  }

  private sourceLine(start: number): string {
    const source = this.origin.text;
    const end = source.indexOf("\n", start);
    return source.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
  }

  /** Made once, for the checks of a policy ask again and again, and a policy may have a hundred thousand values. */
  private get elements(): readonly Field[] {
    if (this.madeElements) return this.madeElements;
    const { node, origin } = this;
    const make = (item: unknown): Field =>
      new Field(origin, item, offsetOf(item) ?? node?.range?.[0] ?? this.keyOffset);
    return (this.madeElements = isSeq(node) ? node.items.map(make) : NONE);
  }

  private get ownMembers(): readonly Member[] {
    return (this.madeMembers ??= isMap(this.node) ? this.membersOf(this.node) : NONE);
  }

  /** The last of those that a merge repeats. */
  private member(key: string): Field | undefined {
    const members = this.ownMembers;
    for (let index = members.length - 1; index >= 0; index--) {
      const member = members[index];
      if (member?.[0] === key) return member[1];
    }
    return undefined;
  }

  /** Merged members are at the place of the merge key. In go-yaml the later of two members wins, but the first of several maps. */
  private membersOf(node: YAMLMap): Member[] {
    const members: Member[] = [];
    for (const pair of node.items) {
      const key = keyText(pair.key);
      const value = new Field(this.origin, pair.value, offsetOf(pair.key) ?? this.keyOffset);
      if (key !== undefined) members.push([key, value]);
      else
        for (const field of isSeq(value.node) ? value.elements.toReversed() : [value])
          for (const member of field.ownMembers) members.push(member);
    }
    return members;
  }

  /** By the nodes themselves: for most of them no field is ever asked for. */
  private plainOf(node: Node | null): unknown {
    if (isSeq(node)) return node.items.map((item) => this.plainOf(resolved(this.origin, item)));
    if (!isMap(node)) return isScalar(node) ? node.value : null;
    if (node.items.some(({ key }) => isMergeKey(key)))
      return Object.fromEntries(this.membersOf(node).map(([key, value]) => [key, value.plain()]));
    return Object.fromEntries(
      node.items.map(({ key, value }) => [keyText(key), this.plainOf(resolved(this.origin, value))]),
    );
  }

  private placeAt(offset: number): Place {
    const { line, col } = this.origin.lines.linePos(offset);
    return this.origin.placeOf(Math.max(line, 1), Math.max(col, 1));
  }
}

/** Undefined only for a merge key: documents with other keys that are not strings are not read. */
function keyText(key: unknown): string | undefined {
  return isScalar(key) && !isMergeKey(key) ? String(key.value) : undefined;
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}

function resolved({ aliases }: Origin, node: unknown): Node | null {
  return (isAlias(node) ? aliases.get(node) : (node as Node | null)) ?? null;
}
