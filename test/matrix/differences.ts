/** How a nats-server of another version than the recorded one differs, and what follows for the filter. */
export interface VersionDifference {
  why: string;
  sessions: string[];
}

export interface VersionDifferences {
  /** Sessions in which the filter means what 2.15 means, and this broker, restricting the client itself, means something else. */
  as215: VersionDifference[];
  /** Of these, and of those that differ from both: sessions in which the broker refuses what 2.15 and the filter grant. */
  brokerStricter: VersionDifference[];
  /**
   * Sessions in which something came through that 2.15 would not have sent, because this broker itself does it whatever the policy.
   */
  brokerItself: VersionDifference[];
}

const NONE: VersionDifferences = { as215: [], brokerStricter: [], brokerItself: [] };

const GR_PREFIX: VersionDifference = {
  why: "Subjects below `$GR.` are refused to clients since 2.14.",
  sessions: ["resv-003-no-perms-PUB-GR-a", "resv-069-reply-GR-a"],
};

const NRG_PREFIX: VersionDifference = {
  why: "Subjects below `$NRG.` are refused to clients since 2.11.",
  sessions: ["resv-006-no-perms-PUB-NRG-a", "resv-007-no-perms-PUB-NRG", "resv-026-allow-PUB-NRG-a"],
};

const REFUSED_TWICE = "resv-106-Nats-Trace-Dest-denied-on-a-denied-subje";

const TRACE_DESTINATION: VersionDifference = {
  why: "`Nats-Trace-Dest` came with 2.11: 2.10 neither acts on it nor judges the subject that it names.",
  sessions: [
    "resv-102-Nats-Trace-Dest-not-permitted-trace-only",
    REFUSED_TWICE,
    "resv-108-Nats-Trace-Dest-allow-responses-do-not-c",
  ],
};

const SUBJECT_BEFORE_TRACE: VersionDifference = {
  why: "Of a publish whose subject and `Nats-Trace-Dest` are both refused, 2.11 names the subject, and later versions the latter.",
  sessions: [REFUSED_TWICE],
};

const NO_RESPONDERS_UNNAMED: VersionDifference = {
  why: "The 503 for a request without a responder names the subject since 2.12.",
  sessions: ["deny-009-no-responders-requester-gets-503-when-th", "mode-117-no-responders-filtered-by-own-deny"],
};

const PARTIAL_OVERLAP: VersionDifference = {
  why: "2.10 does not filter deliveries where a SUB's wildcards and a deny entry's overlap without one containing the other.",
  sessions: [
    "sub-295-deny-foo-bar",
    "sub-318-deny-foo",
    "sub-469-deny-baz-foo-bar",
    "sub-565-allow-deny-foo-baz-admin-foo-bar",
  ],
};

const QUEUE_ENTRIES_ALONE: VersionDifference = {
  why: "2.10 judges a queue SUB by the entries with a queue alone, where a plain deny entry matches too.",
  sessions: ["rand-179-session-179", "rand-253-session-253"],
};

const LAST_WILDCARD = {
  why: "2.10 overlooks an entry that ends in `*` where a longer entry begins with the subject's tokens.",
  ofDenies: ["rand-110-session-110", "rand-266-session-266", "rand-361-session-361"],
  ofAllows: ["rand-164-session-164", "rand-204-session-204"],
};

/**
 * By version of the broker behind the filter: by its patch where that is listed, else by its minor. The suite fails if a session
 * differs that is not listed, and if a listed one no longer does.
 */
export const VERSION_DIFFERENCES: Readonly<Record<string, VersionDifferences>> = {
  "2.15.3": NONE,
  "2.15": NONE,
  "2.14": NONE,
  "2.12": { ...NONE, as215: [GR_PREFIX] },
  "2.11": { ...NONE, as215: [GR_PREFIX, SUBJECT_BEFORE_TRACE], brokerItself: [NO_RESPONDERS_UNNAMED] },
  "2.10": {
    as215: [
      GR_PREFIX,
      NRG_PREFIX,
      TRACE_DESTINATION,
      PARTIAL_OVERLAP,
      QUEUE_ENTRIES_ALONE,
      { why: LAST_WILDCARD.why, sessions: [...LAST_WILDCARD.ofDenies, ...LAST_WILDCARD.ofAllows] },
    ],
    brokerStricter: [{ why: LAST_WILDCARD.why, sessions: LAST_WILDCARD.ofAllows }],
    brokerItself: [
      NO_RESPONDERS_UNNAMED,
      {
        why: "2.10 keeps the subscriptions over a second CONNECT, and delivers to them what the permissions admit.",
        sessions: [
          "conn-039-second-CONNECT-drops-subscriptions",
          "version-second-connect-under-a-deny",
          "version-second-connect-with-a-queue-and-a-max",
        ],
      },
    ],
  },
};
