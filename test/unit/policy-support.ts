import { PolicyReading, readPolicy } from "../../assembly/policy/config";
import { PolicyDocument } from "../../assembly/policy/document";
import {
  endOf,
  entryBehind,
  EntryList,
  entryQueue,
  entryQueueLength,
  entrySubject,
  entrySubjectLength,
  firstEntry,
} from "../../assembly/policy/entry-list";
import { Rule } from "../../assembly/policy/rules";

export const ANYONE: string = '"from":[{"principals":["*"]}]';

/** Rule by rule, which must give the same as all at once. */
export function read(text: string): PolicyDocument {
  const bytes = String.UTF8.encode(text);
  const start = changetype<usize>(bytes);
  const reading = new PolicyReading(start, bytes.byteLength);
  let pieces = 1;
  while (!reading.readOn(1)) pieces++;
  const document = reading.document;
  const whole = readPolicy(start, bytes.byteLength);
  expect(document.faults.toString()).toBe(whole.faults.toString());
  expect(document.rules.length).toBe(whole.rules.length);
  if (document.faults.isEmpty) expect(pieces).toBeGreaterThanOrEqual(document.rules.length);
  return document;
}

/** The faults of a whole configuration, one line each. */
export function faultsOf(text: string): string {
  return read(text).faults.toString();
}

/** A configuration with these keys besides a valid rule and trust domain. */
export function withKeys(keys: string): string {
  return `{"trustDomains":["cluster.local"],"rules":[{"name":"r",${ANYONE},"publish":{"allow":["a"]}}],${keys}}`;
}

/** A configuration of one rule with these keys. */
export function withRule(keys: string): string {
  return `{"trustDomains":["cluster.local"],"rules":[{${keys}}]}`;
}

/** A configuration with one rule that has a name, matches everybody and has these keys. */
export function withActs(keys: string): string {
  return withRule(`"name":"r",${ANYONE},${keys}`);
}

/** A configuration with one valid rule with this source. */
export function withSource(source: string): string {
  return withRule(`"name":"r","from":[${source}],"publish":{"allow":["a"]}`);
}

/** The rule of a configuration, which must be valid. */
export function soundRule(text: string): Rule {
  const document = read(text);
  expect(document.faults.toString()).toBe("");
  return document.rules[0];
}

/** Each as `subject` or `subject queue`. */
export function entriesOf(list: EntryList): string[] {
  const entries: string[] = [];
  const end = endOf(list);
  for (let entry = firstEntry(list); entry < end; entry = entryBehind(entry)) {
    const subject = String.UTF8.decodeUnsafe(entrySubject(entry), <usize>entrySubjectLength(entry));
    const queue = String.UTF8.decodeUnsafe(entryQueue(entry), <usize>entryQueueLength(entry));
    entries.push(queue.length == 0 ? subject : subject + " " + queue);
  }
  return entries;
}

export function textOf(bytes: StaticArray<u8>): string {
  return String.UTF8.decodeUnsafe(changetype<usize>(bytes), <usize>bytes.length);
}

/** Expects exactly this one fault, or these lines of them. */
export function expectFault(text: string, fault: string): void {
  expect(faultsOf(text)).toBe(fault);
}
