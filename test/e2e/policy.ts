/** What a rule says about subjects. nats-server's own `permissions` block accepts exactly the same, if `allow` is not empty. */
interface Permissions {
  publish?: { allow: string[]; deny?: string[] };
  subscribe: { allow: string[]; deny?: string[] };
  allow_responses?: { max: number; expires: string };
}

export const ORDERS_API = "spiffe://cluster.local/ns/shop/sa/orders-api";
export const WORKERS = "spiffe://cluster.local/ns/shop/sa/workers";

/** An application that asks, stores and reads. Each scenario stays below `shop.<its name>.`. */
const ordersApi: Permissions = {
  publish: {
    allow: ["shop.>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "$KV.>"],
    deny: ["shop.*.secret.>", "$JS.API.STREAM.DELETE.>"],
  },
  subscribe: { allow: ["_INBOX.>", "shop.>"], deny: ["shop.*.secret.>"] },
};

/** Services that answer, and publish nothing of their own. */
const workers: Permissions = {
  subscribe: { allow: ["shop.*.ask", "shop.*.work workers"] },
  allow_responses: { max: 1, expires: "30s" },
};

/** The policy of most tests here, as `pluginConfig`. */
export const shopPolicy = {
  mode: "ENFORCE",
  trustDomains: ["cluster.local"],
  rules: [
    { name: "orders-api", from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }], ...ordersApi },
    { name: "workers", from: [{ serviceAccounts: ["shop/workers"] }], ...workers },
  ],
};

/** The users of `nativePermissions`. Each one's password is its name. */
export const USERS = { ordersApi: "orders-api", workers: "workers", operator: "operator" };

/** The same policy in nats-server's own terms, by user instead of principal, so that nats-server itself refuses. */
export const nativePermissions = `accounts { SHOP { jetstream: enabled, users: [
  {user: ${USERS.ordersApi}, password: ${USERS.ordersApi}, permissions: ${JSON.stringify(ordersApi)}}
  {user: ${USERS.workers}, password: ${USERS.workers}, permissions: ${JSON.stringify(workers)}}
  {user: ${USERS.operator}, password: ${USERS.operator}}
] } }`;
