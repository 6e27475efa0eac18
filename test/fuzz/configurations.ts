/** Configurations, valid, changed and of noise. */
import type { Random } from "../host/random.ts";
import { pluginConfig, POLICIES } from "./policies.ts";

const VALUES = [
  ...[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e3",
    "1.5",
    "99999999999",
    '""',
    '"ALL"',
    '"a b"',
    '"foo.>"',
    '">.foo"',
    "[]",
    "{}",
  ],
  ...[
    '["foo"]',
    '[["foo"]]',
    "[null]",
    '{"allow":["foo"]}',
    '"\\ud800"',
    '"5s"',
    '"-5s"',
    '"\\u0000"',
    '[{"principals":["*"]}]',
  ],
  ...['"KEEP"', '"REMOVE"', "8388607", "8388608", "1000000001", '"2h"', '"1us"'],
  ...['[{"name":"foo","patterns":["foo.>"]}]', '[{"name":"a.b","patterns":[]}]', '{"principals":1,"requests":0}'],
];
const ODDITIES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u12",
  " ",
  "\n",
  "\t",
  "\0",
  "\xff",
  "\xc3\xa9",
  "\xef\xbb\xbf",
  "//",
  "1",
  "e",
  "-",
  ".",
];

/** Valid configurations with much content. */
function soundConfigurations(): string[] {
  const from = [
    { principals: ["*"], notNamespaces: ["bad"] },
    { namespaces: ["shop-*"], serviceAccounts: ["shop/orders"], notPrincipals: ["cluster.local/ns/x/*"] },
    { trustDomains: ["cluster.local"], notServiceAccounts: ["a/b"], notTrustDomains: ["other"] },
  ];
  const whole = {
    mode: "DRY_RUN",
    identity: "WAYPOINT",
    trustDomains: ["cluster.local", "old.local"],
    rules: [
      {
        ...{ name: "één ☃", mode: "DRY_RUN", from, replies: "ANY", rollup: "SUB" },
        publish: { allow: ["orders.>", "a.*"], deny: [] },
        subscribe: { allow: ["_INBOX.> q*", "b"], deny: ["b.*.c"] },
        allow_responses: { max: 3, expires: "250ms" },
      },
      { name: "two", from: [{ principals: ["*"] }], allow_responses: true },
    ],
    limits: {
      controlLine: 4096,
      payload: 0,
      headers: 16384,
      subscriptions: 10,
      outstandingReplies: 2048,
      responses: 5,
      memory: 64 << 20,
    },
    audit: { refusalsPerSecond: 5, burst: 10, sample: 1000 },
    connectUrls: "REMOVE",
    telemetry: {
      subjects: [
        { name: "orders", patterns: ["orders.>", "a.*"] },
        { name: "in-boxes_2", patterns: ["_INBOX.>"] },
      ],
      principals: 16,
      requests: 100,
      requestTimeout: "1m30s",
    },
  };
  return [
    ...POLICIES.map((policy) => JSON.stringify(pluginConfig(policy))),
    JSON.stringify(whole),
    JSON.stringify(whole, null, 2),
  ];
}

/** The valid ones, as UTF-8 texts. */
export const SOUND: readonly string[] = soundConfigurations();

/** A configuration as latin-1: a valid one with some things changed, or, now and then, noise made of JSON's pieces. */
export function configuration(random: Random): string {
  if (random.below(8) === 0) {
    return Array.from({ length: random.below(30) }, () => random.pick(random.below(2) === 0 ? ODDITIES : VALUES)).join(
      "",
    );
  }
  let text = Buffer.from(random.pick(SOUND), "utf8").toString("latin1");
  for (let i = random.below(4); i > 0; i--) text = changed(text, random);
  return text;
}

function changed(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at) + random.pick(ODDITIES) + text.slice(at);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + random.below(8));
    case 3:
      return text.slice(0, at);
    case 4:
      return text.slice(0, at) + text.slice(at, at + random.below(60)) + text.slice(at);
    default: {
      // A value to put in place of a string, number or empty list.
      const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+|\[\]/g)];
      if (values.length === 0) return text;
      const { 0: old, index } = random.pick(values);
      return text.slice(0, index) + random.pick(VALUES) + text.slice(index + old.length);
    }
  }
}
