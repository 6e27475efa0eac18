import { istioNats } from "./support.ts";

export const RULE = { name: "r", from: [{ principals: ["*"] }], publish: { allow: ["orders.>"] } };
export const SOUND = { trustDomains: ["cluster.local"], rules: [RULE] };

interface Finding {
  id: string;
  line: number;
  column: number;
  message: string;
}

export interface Policy {
  line: number;
  accepted: boolean;
  rules: number;
  bytes: number;
  object_bytes?: number;
  fingerprint?: string;
  load_milliseconds: number;
  memory_bytes: number;
}

interface Report {
  findings: Finding[];
  policies: Policy[];
  counts: object;
}

/** What `check` reports of a text as JSON. */
export function check(text: string): Report & { status: number } {
  const { status, output } = istioNats(["check", "--output", "json", "-"], text);
  return { status, ...(JSON.parse(output) as Report) };
}
