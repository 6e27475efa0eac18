// Who is in the soak, and what each may do.

export const ORDERS_API = "spiffe://cluster.local/ns/shop/sa/orders-api";
export const AUDITOR = "spiffe://cluster.local/ns/audit/sa/auditor";
/** It subscribes and does not read. */
export const SLEEPER = "spiffe://cluster.local/ns/audit/sa/sleeper";
export const STOREFRONT = "spiffe://cluster.local/ns/web/sa/storefront";
export const PRICING = "spiffe://cluster.local/ns/shop/sa/pricing";
export const LEDGER = "spiffe://cluster.local/ns/shop/sa/ledger";
export const READER = "spiffe://cluster.local/ns/web/sa/reader";

/** What READER may subscribe to under every second policy. */
export const NEWS = "news.>";

const by = (...serviceAccounts: string[]): object[] => [{ serviceAccounts }];
const inboxes = { allow: ["_INBOX.>"] };
const jetStream = ["$JS.API.>", "$JS.ACK.>"];

/** The stats' classes of subjects, so that what one kind of traffic sends is told from everything else. */
const subjects = [
  { name: "secrets", patterns: ["orders.*.secret"] },
  { name: "orders", patterns: ["orders.>"] },
  { name: "quotes", patterns: ["quotes.>"] },
  { name: "events", patterns: ["events.>"] },
  { name: "vault", patterns: ["vault.>"] },
  { name: "inboxes", patterns: ["_INBOX.>"] },
  { name: "news", patterns: [NEWS] },
  { name: "comers", patterns: ["comers.>"] },
];

export type Identity = "PEER" | "WAYPOINT";

/** The `change`-th policy as `pluginConfig`. No two are alike, and READER may subscribe to NEWS where `hasNews`. */
export function policyOf(identity: Identity, change: number, hasNews: boolean): object {
  const rules = [
    { name: "orders", from: by("shop/orders-api"), publish: { allow: ["orders.>"] }, subscribe: inboxes },
    {
      name: "audit",
      from: by("audit/auditor", "audit/sleeper"),
      subscribe: { allow: ["orders.>"], deny: ["orders.*.secret"] },
    },
    { name: "shop-window", from: by("web/storefront"), publish: { allow: ["quotes.*.ask"] }, subscribe: inboxes },
    {
      name: "pricing",
      from: by("shop/pricing"),
      subscribe: { allow: ["quotes.*.ask pricing"] },
      allow_responses: { max: 1, expires: "30s" },
    },
    { name: "ledger", from: by("shop/ledger"), publish: { allow: ["events.>", ...jetStream] }, subscribe: inboxes },
    { name: "news", from: by("web/reader"), subscribe: { allow: [hasNews ? NEWS : "weather.>"] } },
    {
      name: "comers",
      from: [{ namespaces: ["clients"] }],
      publish: { allow: ["comers.>"] },
      subscribe: { allow: ["comers.>"] },
    },
    { name: "change", from: by("web/reader"), publish: { allow: [`changes.${change}`] } },
  ];
  return { mode: "ENFORCE", identity, trustDomains: ["cluster.local"], rules, telemetry: { subjects } };
}
