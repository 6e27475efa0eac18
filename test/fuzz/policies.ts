import type { Policy } from "./naive-policy.ts";

/** nats-server's limits in these runs, which are small so that short inputs reach them. */
export const LIMITS = { controlLine: 256, payload: 1024 };

/** The filter's `limits.headers` in these runs. */
export const MOST_HEADERS = 256;

/** What a nats-server with these limits says first. */
export const INFO = `INFO {"server_id":"N","version":"2.15.2","headers":true,"max_payload":${LIMITS.payload},"client_id":7} \r\n`;

/** Policies over a small alphabet, so that mutated subjects often stay meaningful. */
export const POLICIES: readonly Policy[] = [
  {
    name: "lists on both sides",
    rules: [
      {
        publish: {
          allow: ["foo.>", "bar.*", "bar", "$JS.API.DIRECT.GET.S.>", "$JS.hub.API.DIRECT.GET.S.>"],
          deny: ["foo.secret.>", "foo.*.x", "bar.no", "$JS.API.DIRECT.GET.S.secret.a"],
        },
        subscribe: { allow: ["foo.>", "_INBOX.*", "bar.*.baz", "work.> q1", "bar"], deny: ["foo.secret.>", "foo.*.x"] },
      },
    ],
  },
  {
    name: "two rules united, queues and wildcards",
    rules: [
      { publish: { allow: ["*.a"], deny: ["b.>"] }, subscribe: { allow: ["*", "foo.* q*", "foo.bar"] } },
      { publish: { allow: ["foo.bar.>", "a.*.c"] }, subscribe: { allow: ["foo.*.*"], deny: ["foo.*.x q2", "bar"] } },
    ],
  },
  {
    name: "everything but",
    rules: [
      {
        publish: { allow: "ALL", deny: ["foo.>", "*.a"] },
        subscribe: { allow: "ALL", deny: ["foo.bar", "work.* q1"] },
      },
    ],
  },
  { name: "nothing but one subject", rules: [{ publish: { allow: ["foo"] }, subscribe: { allow: ["foo"] } }] },
  {
    name: "responses only",
    rules: [
      {
        publish: { deny: ["foo.secret.>"] },
        subscribe: { allow: ["foo.>"] },
        allow_responses: { max: 2, expires: "1m" },
      },
    ],
  },
  {
    name: "any reply, any rollup",
    rules: [
      { publish: { allow: ["foo.>"], deny: ["foo.x"] }, subscribe: { allow: ["bar"] }, replies: "ANY", rollup: "ALL" },
    ],
  },
];

/** The whole pluginConfig of a policy, for every authenticated peer. */
export function pluginConfig(
  policy: Policy,
  mode: "ENFORCE" | "DRY_RUN" = "ENFORCE",
  controlLine = LIMITS.controlLine,
): object {
  const from = [{ principals: ["*"] }];
  return {
    mode,
    trustDomains: ["cluster.local"],
    rules: policy.rules.map((rule, i) => ({ name: `rule-${i}`, from, ...rule })),
    limits: { controlLine, headers: MOST_HEADERS, outstandingReplies: 1024 },
  };
}
