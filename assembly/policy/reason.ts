/** Why an operation was let through or refused. The numbers index the names below and the stats. */
export const enum Reason {
  ALLOWED = 0,
  /** No allow entry of any matching rule contains the subject. */
  NOT_ALLOWED = 1,
  /** A deny entry matches. */
  DENIED = 2,
  /** A subject of nats-server's own (`_GR_.`, `$GR.`, `$NRG.`, `$LDS.`, queue `_sys_`). */
  RESERVED = 3,
  /** The reply subject lies outside the peer's own subscribe permissions (`replies: OWN`). */
  REPLY_NOT_OWN = 4,
  /** A reply subject that nats-server keeps for itself. */
  REPLY_RESERVED = 5,
  /** A header names a subject without permission (nats/headers.ts). */
  HEADER = 6,
  /** A header about a whole stream, or more than one subject, without `rollup: ALL`. */
  ROLLUP = 7,
  /** The header block is larger than `limits.headers`. */
  HEADERS_TOO_LARGE = 8,
  /** A queue subscription that overlaps a deny: a filtered member would swallow the group's messages. */
  QUEUE_OVER_DENY = 9,
  /** The connection has as many subscriptions as `limits.subscriptions` says. */
  TOO_MANY_SUBSCRIPTIONS = 10,
  /** No certificate, or one of a trust domain that is not ours. */
  UNAUTHENTICATED = 11,
  /** No rule that allows anything matches the peer. */
  NO_RULE = 12,
  /** A delivery that was under way to a subscription when a newer policy ended it. */
  REVOKED = 13,
}

/** How stats (`reason`) and audit records call them. */
export const REASON_NAMES: StaticArray<string> = [
  "allowed",
  "not_allowed",
  "denied",
  "reserved",
  "reply_not_own",
  "reply_reserved",
  "header",
  "rollup",
  "headers_too_large",
  "queue_over_deny",
  "too_many_subscriptions",
  "unauthenticated",
  "no_rule",
  "revoked",
];
