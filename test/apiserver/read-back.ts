import assert from "node:assert/strict";
import { doctor } from "../cli/support.ts";
import type { Manifest } from "../deploy/manifests.ts";

/**
 * What doctor says of a text, without what changes by itself when the text comes from a cluster: places, the order, and how many
 * bytes an object has. By its uids doctor would know that it does, and of a few objects that their cluster has more.
 */
export function saidOf(text: string): string[] {
  const said = doctor(text.replace(/^ +uid: .*\n/gm, "")).map(
    ({ severity, id, message }) => `${severity} ${id}: ${message}`,
  );
  return said.map((one) => one.replace(/a\.yaml:\d+:\d+/g, "PLACE").replace(/\d+ bytes/g, "BYTES")).sort();
}

/** Of a cluster that gave back nothing, doctor would find nothing wrong. */
export function assertHolds(back: string, manifests: readonly Manifest[]): void {
  const names = new Set([...back.matchAll(/^ +name: (.*)$/gm)].map(([, name]) => name));
  for (const { kind, metadata } of manifests) assert.ok(names.has(metadata.name), `${kind} ${metadata.name}`);
}
