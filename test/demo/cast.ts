import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";

const POLICY_FILE = new URL("policy.yaml", import.meta.url);

interface Rule {
  name: string;
  from: object[];
}

interface Policy {
  mode: string;
  trustDomains: string[];
  rules: Rule[];
}

/** The filter's configuration. */
export const policy = parse(readFileSync(POLICY_FILE, "utf8")) as Policy;

/** The same in DRY_RUN, which decides and reports but lets everything pass. */
export const trialPolicy: Policy = { ...policy, mode: "DRY_RUN" };

/** Somebody who connects. */
export interface Member {
  /** The name that the demo uses. */
  name: string;
  /** The identity in their certificate. */
  principal: string;
  /** The rule about them, or undefined if there is none. */
  rule?: string;
}

export const workers: Member = {
  name: "shop/workers",
  principal: "spiffe://cluster.local/ns/shop/sa/workers",
  rule: "workers",
};
export const auditor: Member = {
  name: "audit/auditor",
  principal: "spiffe://cluster.local/ns/audit/sa/auditor",
  rule: "auditor",
};
export const ordersApi: Member = {
  name: "shop/orders-api",
  principal: "spiffe://cluster.local/ns/shop/sa/orders-api",
  rule: "orders-api",
};
/** Has a certificate of the mesh, but no rule names it. */
export const stranger: Member = {
  name: "web/storefront",
  principal: "spiffe://cluster.local/ns/web/sa/storefront",
};
/** Names the same service account as orders-api, but in a trust domain that is not the mesh's. */
export const partner: Member = {
  name: "partner's shop/orders-api",
  principal: "spiffe://partner.example/ns/shop/sa/orders-api",
};

/** Everybody who has a sidecar of their own. */
export const members: readonly Member[] = [workers, auditor, ordersApi, stranger, partner];

const FLOW = { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 } as const;

/** What the policy grants a member, one line for each key of their rule. */
export function grantsOf({ rule: name }: Member): string[] {
  const rule = policy.rules.find((candidate) => candidate.name === name);
  if (!rule) return ["no rule"];
  return Object.entries(rule)
    .filter(([key]) => key !== "name" && key !== "from")
    .map(([key, value]) => stringify({ [key]: value as unknown }, FLOW))
    .map((line) => line.trim().slice(1, -1));
}
