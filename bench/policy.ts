/** The identity that publishes and subscribes in every piece of work. */
export const PEER = "spiffe://cluster.local/ns/shop/sa/orders-api";

interface Subjects {
  allow?: string[];
  deny?: string[];
}

interface Rule {
  name: string;
  from: object[];
  publish?: Subjects;
  subscribe?: Subjects;
  allow_responses?: { max: number; expires: string };
}

const byPrincipal = [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }];
const byPrefix = [{ principals: ["cluster.local/ns/shop/*"] }];
const byNamespace = [{ namespaces: ["shop"] }];
const byServiceAccount = [{ serviceAccounts: ["shop/orders-api", "shop/orders-worker"] }];
const everyone = [{ principals: ["*"] }];

/** Twenty rules, each of which matches PEER. Some of them allow what the bench uses, and some deny it. */
export const rules: readonly Rule[] = [
  { name: "nobody-touches-system", from: everyone, publish: { deny: ["$SYS.>"] }, subscribe: { deny: ["$SYS.>"] } },
  { name: "inboxes", from: everyone, subscribe: { allow: ["_INBOX.>"] } },
  { name: "heartbeats", from: everyone, publish: { allow: ["health.*.beat"] } },
  { name: "no-audit", from: everyone, publish: { deny: ["audit.>"] }, subscribe: { deny: ["audit.*.raw"] } },
  { name: "shop-events", from: byNamespace, publish: { allow: ["shop.events.>"] }, subscribe: { allow: ["shop.>"] } },
  { name: "shop-config", from: byNamespace, subscribe: { allow: ["config.shop.*", "config.global.>"] } },
  { name: "shop-metrics", from: byNamespace, publish: { allow: ["metrics.shop.*.*"] } },
  { name: "no-config-writes", from: byNamespace, publish: { deny: ["config.>"] } },
  { name: "stock", from: byPrefix, publish: { allow: ["stock.*.reserve", "stock.*.release"] } },
  { name: "stock-news", from: byPrefix, subscribe: { allow: ["stock.*.changed", "stock.*.low"] } },
  { name: "prices", from: byPrefix, publish: { allow: ["prices.ask.>"], deny: ["prices.ask.internal.>"] } },
  {
    name: "orders",
    from: byServiceAccount,
    publish: { allow: ["orders.*.created", "orders.*.changed", "orders.*.shipped.>"] },
    subscribe: { allow: ["orders.>"] },
  },
  {
    name: "no-order-secrets",
    from: byServiceAccount,
    publish: { deny: ["orders.*.secrets", "orders.vault.>"] },
    subscribe: { deny: ["orders.*.secrets", "orders.vault.>"] },
  },
  {
    name: "work",
    from: byServiceAccount,
    publish: { allow: ["work.orders.*"] },
    subscribe: { allow: ["work.orders.* workers", "work.urgent workers"] },
  },
  { name: "answers", from: byServiceAccount, allow_responses: { max: 1, expires: "30s" } },
  { name: "payments", from: byPrincipal, publish: { allow: ["payments.*.charge", "payments.*.refund"] } },
  { name: "payment-news", from: byPrincipal, subscribe: { allow: ["payments.*.settled"], deny: ["payments.*.card"] } },
  { name: "jetstream", from: byPrincipal, publish: { allow: ["$JS.API.>", "$JS.ACK.>", "$JS.FC.>"] } },
  {
    name: "no-stream-deletes",
    from: byPrincipal,
    publish: { deny: ["$JS.API.STREAM.DELETE.>", "$JS.API.STREAM.PURGE.>"] },
  },
  { name: "keys", from: byPrincipal, publish: { allow: ["$KV.orders.>"] }, subscribe: { allow: ["$KV.orders.>"] } },
];

/** The classes of subjects in the stats. What the bench uses falls into some of them; a heartbeat, for example, is `other`. */
const subjects = [
  { name: "orders-created", patterns: ["orders.*.created"] },
  { name: "orders", patterns: ["orders.>"] },
  { name: "work", patterns: ["work.>"] },
  { name: "payments", patterns: ["payments.>", "stock.*.reserve"] },
  { name: "inboxes", patterns: ["_INBOX.>"] },
  { name: "jetstream", patterns: ["$JS.API.>", "$JS.ACK.>"] },
];

/** The policy as `pluginConfig`. */
export const pluginConfig: object = {
  mode: "ENFORCE",
  identity: "PEER",
  trustDomains: ["cluster.local"],
  rules,
  telemetry: { subjects },
};

/** The subjects of all rules in one direction. */
function union(direction: "publish" | "subscribe"): Required<Subjects> {
  const of = (list: "allow" | "deny"): string[] => rules.flatMap((rule) => rule[direction]?.[list] ?? []);
  return { allow: of("allow"), deny: of("deny") };
}

/**
 * The user that has the policy as permissions in nats-server. The password is the same as the name. Everybody else may do anything
 * there.
 */
export const NATIVE_USER = "orders-api";

/** nats-server's configuration: the same policy as permissions of NATIVE_USER, and no permissions for anonymous clients. */
export const serverConfig = `
no_auth_user: anyone
accounts { BENCH { jetstream: enabled, users: [
  {user: anyone, password: anyone}
  {user: ${NATIVE_USER}, password: ${NATIVE_USER}, permissions: ${JSON.stringify({
    publish: union("publish"),
    subscribe: union("subscribe"),
    allow_responses: rules.find((rule) => rule.allow_responses)?.allow_responses,
  })}}
] } }
`;
