import type { Outcome } from "../conformance/session.ts";

/**
 * What the filtered outcome has and an oracle's does not, counted as often as it occurs. The filter is no looser than an oracle
 * exactly if in a session
 * - nobody received a message through the filter that nobody received at the oracle: what observer, client and peer
 *   were delivered are subsets of what they were at the oracle, each message with its subject, reply, headers, payload;
 * - no operation was granted that the oracle refused: the client's `+OK`s are no more than at the oracle, and its
 *   `-ERR`s no fewer (one operation may be refused for another reason), unless the filter ended the connection;
 * - a connection that the oracle ended has ended.
 */
export function looserThan(oracle: Outcome, filtered: Outcome): string[] {
  const found: string[] = [];
  const compare = (what: string, more: readonly string[], allowed: readonly string[]): void => {
    found.push(...beyond(more, allowed).map((one) => `${what}: ${JSON.stringify(one)}`));
  };
  compare("the observer received", deliveries(filtered), deliveries(oracle));
  compare("the client received", messages(filtered.client), messages(oracle.client));
  compare("the peer received", messages(filtered.peer ?? []), messages(oracle.peer ?? []));
  const granted = count(filtered, "+OK") - count(oracle, "+OK");
  if (granted > 0) found.push(`granted: ${granted} more`);
  const refused = count(filtered, "-ERR") - count(oracle, "-ERR");
  if (refused < 0 && !filtered.closed) found.push(`refused: ${-refused} fewer`);
  if (oracle.closed && !filtered.closed) found.push("the connection is still open");
  return found;
}

/** The elements of `list` that `other` does not have, or has less often. */
function beyond(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of other) left.set(one, (left.get(one) ?? 0) + 1);
  return list.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

function deliveries({ delivered }: Outcome): string[] {
  return delivered.map(({ sub, subject, reply, hdr, payload }) => JSON.stringify([sub, subject, reply, hdr, payload]));
}

function messages(frames: readonly string[]): string[] {
  return frames.filter((frame) => /^H?MSG /.test(frame));
}

function count({ client }: Outcome, verb: "+OK" | "-ERR"): number {
  return client.filter((frame) => frame.startsWith(verb)).length;
}
