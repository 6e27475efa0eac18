import { ruleOfPermissions } from "./nats-permissions.ts";
import type { Session } from "./session.ts";

/** The trust domain and namespace of every client here. */
const TRUST_DOMAIN = "conformance.test";

export const ACCOUNT_PREFIX = `spiffe://${TRUST_DOMAIN}/ns/clients/sa/`;

export interface SessionsPolicy {
  /** The filter's configuration. */
  config: object;
  /** The service account that has a session's permissions. */
  accountOf: (session: Session) => string;
}

/**
 * One policy for many sessions: a rule for each distinct `permissions` block, with a service account of its own, which `nameOf`
 * derives from the rule's number.
 */
export function policyOf(sessions: readonly Session[], nameOf: (rule: number) => string, limits = {}): SessionsPolicy {
  const accounts = new Map<string, string>();
  const rules: object[] = [];
  for (const { permissions } of sessions) {
    const block = JSON.stringify(permissions);
    if (accounts.has(block)) continue;
    const number = accounts.size + 1;
    const account = nameOf(number);
    accounts.set(block, account);
    const from = [{ principals: [`${TRUST_DOMAIN}/ns/clients/sa/${account}`] }];
    rules.push({ name: `block-${number}`, from, ...ruleOfPermissions(permissions) });
  }
  return {
    config: { mode: "ENFORCE", trustDomains: [TRUST_DOMAIN], rules, limits },
    accountOf: ({ permissions }) => accounts.get(JSON.stringify(permissions)) ?? "",
  };
}
