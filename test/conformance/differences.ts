/** Why a session ends differently through the filter than at a nats-server that restricts the client itself. */
export interface Difference {
  /** A short name; docs/parity.md explains it. */
  why: string;
  /** Which side refuses more. */
  stricter: "filter" | "nats-server" | "neither";
  sessions: string[];
}

/**
 * Every recorded session that differs. The suite fails when one more differs, and when one of these no longer does.
 * docs/parity.md is made from this list.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'A SUB with wildcards must lie inside an allow entry: nats-server takes the SUB\'s own wildcards for literal tokens, so `allow: ["foo.*"]` admits `SUB foo.>` and `allow: ["*"]` admits `SUB >`, which reads everything.',
    stricter: "filter",
    sessions: ["sub-182-allow-admin", "queue-206-allow-foo-q-foo-q", "rand-019-session-19", "rand-150-session-150"],
  },
  {
    why: "A queue SUB whose wildcards overlap a deny is refused: nats-server leaves the message to another member of the group, but before an unrestricted nats-server a filtered member would swallow it.",
    stricter: "filter",
    sessions: [
      "queue-312-deny-foo-q-q",
      "queue-396-deny-foo-bar-q-q",
      "queue-417-deny-foo-q-q",
      "queue-498-allow-foo-deny-foo-bar-q-foo-baz-foo-q",
      "queue-500-allow-foo-deny-foo-bar-q-foo-baz-foo-q",
      "deny-007-queue-routed-around-denied-member",
      "deny-012-literal-queue-sub-is-refused-wildcard-qu",
      "deny-023-max-2-with-a-queue-sub",
      "deny-024-max-3-with-a-queue-sub",
      "rand-020-session-20",
      "rand-245-session-245",
    ],
  },
  {
    why: "A CR inside a control line is refused: nats-server reads it differently depending on how the bytes were cut into reads.",
    stricter: "filter",
    sessions: ["gram-029-double-CR-before-LF"],
  },
  {
    why: "A LF right after a verb is refused: nats-server takes it for the first byte of the subject, and publishes line breaks into other clients' MSG lines.",
    stricter: "filter",
    sessions: ["gram-031-PUB-space-LF-continues-on-the-next-line", "gram-033-SUB-space-LF-continues-on-the-next-line"],
  },
  {
    why: "The bytes that nats-server ignores behind PING count against the control line's limit: they are held back until the LF.",
    stricter: "filter",
    sessions: ["gram-051-PING-long-junk"],
  },
  {
    why: "Account mappings rewrite a subject behind the filter, which sees the unmapped one: do not combine them with a policy (docs/parity.md).",
    stricter: "neither",
    sessions: [
      "map-002-allow-a-sub-PUB-sub-x",
      "map-006-allow-b-dst-PUB-sub-x",
      "map-012-deny-b-dst-x-PUB-a",
      "map-014-deny-b-dst-x-PUB-sub-x",
      "map-016-GR-prefix-escapes-through-a-mapping",
    ],
  },
];

const BY_SESSION = new Map(DIFFERENCES.flatMap(({ why, sessions }) => sessions.map((id) => [id, why] as const)));

/** Why this session is expected to differ; undefined for all that must not. */
export function expectedDifference(id: string): string | undefined {
  return BY_SESSION.get(id);
}

export function differingSessions(): Iterable<string> {
  return BY_SESSION.keys();
}
