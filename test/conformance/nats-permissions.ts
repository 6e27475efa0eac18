/** nats-server's `permissions` block (NATS docs, "Authorization"): absent or empty lists allow everything. */
export interface NatsPermissions {
  publish?: NatsSubjects | null;
  subscribe?: NatsSubjects | null;
  allow_responses?: boolean | NatsResponses | null;
}

export type NatsSubjects = string | string[] | { allow?: string | string[]; deny?: string | string[] };

export interface NatsResponses {
  max?: number;
  expires?: string;
}

/** The parts of a policy rule that say what is allowed. */
export interface RulePermissions {
  publish: RuleSubjects;
  subscribe: RuleSubjects;
  allow_responses?: boolean | NatsResponses;
  replies: "ANY";
  rollup: "ALL";
}

export interface RuleSubjects {
  /** `ALL` is what an absent list means to nats-server: everything, even subjects that no pattern matches. */
  allow: string[] | "ALL";
  deny: string[];
}

/**
 * The rule that permits what nats-server's own block permits. The two languages differ in one thing: an absent or
 * empty `allow` means everything to nats-server and nothing in a rule. With `allow_responses` an absent publish list means
 * nothing to nats-server too. nats-server does not judge reply subjects and rollups, hence `replies: ANY` and
 * `rollup: ALL`.
 */
export function ruleOfPermissions(permissions: NatsPermissions | null): RulePermissions {
  const responses = permissions?.allow_responses;
  const grants = responses !== undefined && responses !== null && responses !== false;
  const publish = listsOf(permissions?.publish);
  const subscribe = listsOf(permissions?.subscribe);
  const rule: RulePermissions = {
    publish: { allow: publish.allow ?? (grants ? [] : "ALL"), deny: publish.deny ?? [] },
    subscribe: { allow: subscribe.allow ?? "ALL", deny: subscribe.deny ?? [] },
    replies: "ANY",
    rollup: "ALL",
  };
  if (grants) rule.allow_responses = responses;
  return rule;
}

function listsOf(subjects: NatsSubjects | null | undefined): { allow?: string[]; deny?: string[] } {
  if (subjects === null || subjects === undefined) return {};
  if (typeof subjects === "string" || Array.isArray(subjects)) return { allow: listOf(subjects) };
  return { allow: listOf(subjects.allow), deny: listOf(subjects.deny) };
}

/** Undefined for an absent or empty list. */
function listOf(list: string | string[] | undefined): string[] | undefined {
  if (list === undefined) return undefined;
  const entries = typeof list === "string" ? [list] : list;
  return entries.length === 0 ? undefined : entries;
}
