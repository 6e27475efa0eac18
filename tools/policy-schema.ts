import { readFileSync } from "node:fs";
import { tableUnder } from "./docs-table.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";
import { sourceConstant } from "./source-constant.ts";

/** A JSON Schema or a part of one. Editors, ajv and Helm all read draft 07. */
export type Schema = Record<string, unknown>;

// JavaScript and Go's RE2 (Helm) must read the patterns alike, so there is no look-ahead, and control characters are literal.
const CONTROL = "\u0000-\u001f\u007f";
const NAME = "[A-Za-z0-9._-]";
// A token of a subject. It cannot be `>` alone, which may only come last.
const TOKEN = `(?:[^.> ${CONTROL}]|[^. ${CONTROL}]{2,})`;
const SUBJECT = `(?:${TOKEN}\\.)*(?:${TOKEN}|>)`;
const SHORT_UNITS = "ns|us|µs|μs";
const UNIT = `(?:${SHORT_UNITS}|ms|s|m|h)`;
const FRACTION = "(?:\\.[0-9]*)?";
const DURATION = `^[-+]?(?:0|(?:(?:[0-9]+${FRACTION}|\\.[0-9]+)${UNIT})+)$`;

const MODE: Schema = { enum: ["ENFORCE", "DRY_RUN"] };

function text(pattern: string, most: number, more: Schema = {}): Schema {
  return { type: "string", minLength: 1, maxLength: most, pattern, ...more };
}

function list(items: Schema, more: Schema = {}): Schema {
  return { type: "array", items, minItems: 1, ...more };
}

function refer(name: string): Schema {
  return { $ref: `#/definitions/${name}` };
}

// Bounds that come from the filter's own source. The bounds of numbers are in the reference.
const MAX_TEXT = sourceConstant("policy/json.ts", "MAX_STRING_BYTES");
const MAX_SUBJECT = sourceConstant("policy/rules-entry.ts", "MAX_SUBJECT_BYTES");
const MAX_RULE_NAME = sourceConstant("policy/rules-read.ts", "MAX_NAME_BYTES");
const MAX_RULES = sourceConstant("policy/rules-read.ts", "MAX_RULES");
const MAX_URI = sourceConstant("policy/principal.ts", "MAX_URI_LENGTH");
const MAX_TRUST_DOMAINS = sourceConstant("policy/config-trust-domains.ts", "MAX_TRUST_DOMAINS");
const MAX_TRUST_DOMAIN = sourceConstant("policy/config-trust-domains.ts", "MAX_TRUST_DOMAIN_LENGTH");
const MAX_CLASSES = sourceConstant("policy/config-telemetry.ts", "MAX_CLASSES");
const MAX_TIMEOUT = sourceConstant("policy/config-telemetry.ts", "MAX_TIMEOUT");
const MAX_CLASS_NAME = sourceConstant("policy/config-telemetry.ts", "MAX_CLASS_NAME");

/** The whole numbers from 0 to `most` as a pattern: those of fewer digits, those that are less at some digit, and itself. */
function upTo(most: number): string {
  const digits = String(most);
  const less = Array.from(digits).flatMap((digit, i) => {
    const others = digits.length - 1 - i;
    return digit === "0"
      ? []
      : [`${digits.slice(0, i)}[0-${Number(digit) - 1}]${others > 0 ? `[0-9]{${others}}` : ""}`];
  });
  const shorter = digits.length > 1 ? [`[0-9]{1,${digits.length - 1}}`] : [];
  return `0*(?:${[...shorter, ...less, digits].join("|")})`;
}

/** A duration of which no part alone is longer than `most` milliseconds. A pattern cannot add parts up. */
function durationUpTo(most: number): string {
  const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  const parts = Object.entries(units).map(([unit, length]) => `${upTo(most / length)}${FRACTION}${unit}`);
  return `^[+]?(?:${[...parts, `[0-9]+${FRACTION}(?:${SHORT_UNITS})`, `\\.[0-9]+${UNIT}`].join("|")})+$`;
}

const PRINCIPAL = text(`^(?:[*]?[^* \u00a0${CONTROL}-\u009f]*|[^* \u00a0${CONTROL}-\u009f]+[*])$`, MAX_URI, {
  not: { pattern: "^[Ss][Pp][Ii][Ff][Ff][Ee]://" },
});
const NAMESPACE = text("^[A-Za-z0-9.*_-]+$", MAX_TEXT);
const SERVICE_ACCOUNT = text(`^${NAME}+/${NAME}+$`, MAX_TEXT);
const TRUST_DOMAIN_PATTERN = text(`^${NAME}*[*]?${NAME}*$`, MAX_TEXT);

function directions(entry: Schema): Record<string, Schema> {
  const entries: Schema = { type: "array", items: entry };
  return { allow: { anyOf: [{ const: "ALL" }, entries] }, deny: entries };
}

/** A whole number. Its bounds are in the reference. */
const NUMBER: Schema = { type: "integer" };

interface Shape {
  /** The heading of the reference's table with the keys' defaults, bounds and meanings. */
  heading: string;
  keys: Record<string, Schema>;
  /** What holds for the object besides its keys. */
  more?: Schema;
}

/** Every object of a pluginConfig. docs/reference/policy.md adds the meanings of keys and the bounds of numbers. */
const SHAPES: Record<string, Shape> = {
  policy: {
    heading: "## Top-level keys",
    keys: {
      mode: MODE,
      identity: { enum: ["PEER", "WAYPOINT", "WORKLOAD"] },
      trustDomains: list(text(`^${NAME}+$`, MAX_TRUST_DOMAIN), { maxItems: MAX_TRUST_DOMAINS, uniqueItems: true }),
      rules: list(refer("rule"), { maxItems: MAX_RULES }),
      limits: refer("limits"),
      audit: refer("audit"),
      connectUrls: { enum: ["KEEP", "REMOVE"] },
      telemetry: refer("telemetry"),
    },
    more: { required: ["trustDomains", "rules"] },
  },
  telemetry: {
    heading: "## `telemetry`",
    keys: {
      subjects: { type: "array", items: refer("subjectClass"), maxItems: MAX_CLASSES },
      principals: NUMBER,
      requests: NUMBER,
      requestTimeout: text(durationUpTo(MAX_TIMEOUT), MAX_TEXT),
    },
  },
  subjectClass: {
    heading: "### `telemetry.subjects[]`",
    keys: { name: text("^[A-Za-z0-9_-]+$", MAX_CLASS_NAME), patterns: list(text(`^${SUBJECT}$`, MAX_TEXT)) },
    more: { required: ["name", "patterns"] },
  },
  rule: {
    heading: "## `rules[]`",
    keys: {
      name: text(`^[^${CONTROL}-\u009f]+$`, MAX_RULE_NAME, { not: { pattern: ";[.];|=[.]=" } }),
      mode: MODE,
      from: list(refer("source")),
      publish: refer("publish"),
      subscribe: refer("subscribe"),
      allow_responses: { anyOf: [{ type: "boolean" }, refer("responses")] },
      replies: { enum: ["OWN", "ANY"] },
      rollup: { enum: ["SUB", "ALL"] },
    },
    more: {
      required: ["name", "from"],
      anyOf: [{ required: ["publish"] }, { required: ["subscribe"] }, { required: ["allow_responses"] }],
    },
  },
  source: {
    heading: "### `rules[].from[]`",
    keys: {
      principals: list(PRINCIPAL),
      namespaces: list(NAMESPACE),
      serviceAccounts: list(SERVICE_ACCOUNT),
      trustDomains: list(TRUST_DOMAIN_PATTERN),
      notPrincipals: list(PRINCIPAL),
      notNamespaces: list(NAMESPACE),
      notServiceAccounts: list(SERVICE_ACCOUNT),
      notTrustDomains: list(TRUST_DOMAIN_PATTERN),
    },
    more: { minProperties: 1 },
  },
  publish: { heading: "### `rules[].publish`", keys: directions(text(`^${SUBJECT}$`, MAX_SUBJECT)) },
  subscribe: {
    heading: "### `rules[].subscribe`",
    keys: directions(text(`^${SUBJECT}(?:[ \t]+${SUBJECT})?$`, MAX_SUBJECT)),
  },
  responses: {
    heading: "### `rules[].allow_responses`",
    keys: {
      max: { type: "integer", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
      expires: text(DURATION, MAX_TEXT),
    },
  },
  limits: {
    heading: "## `limits`",
    keys: {
      controlLine: NUMBER,
      payload: NUMBER,
      headers: NUMBER,
      subscriptions: NUMBER,
      outstandingReplies: NUMBER,
      responses: NUMBER,
      memory: NUMBER,
    },
  },
  audit: { heading: "## `audit`", keys: { refusalsPerSecond: NUMBER, burst: NUMBER, sample: NUMBER } },
};

/** The rows of the table under a heading of the reference. Each row gives a cell by its column's title. */
function rowsUnder(reference: string, heading: string): Map<string, Map<string, string>> {
  const [titles = [], , ...rows] = tableUnder(reference, heading);
  return new Map(
    rows.map((row) => [(row[0] ?? "").replaceAll("`", ""), new Map(titles.map((t, i) => [t, row[i] ?? ""]))]),
  );
}

function described(key: string, schema: Schema, row: Map<string, string>): Schema {
  const code = (column: string): string | undefined => /^`([^`]+)`$/.exec(row.get(column) ?? "")?.[1];
  const [least, most, standard] = [code("least"), code("most"), code("default")];
  if (schema === NUMBER && (least === undefined || most === undefined)) {
    throw new Fault(`docs/reference/policy.md gives no bounds for ${key}.`);
  }
  const whole = {
    description: (row.get("") ?? "").replaceAll("`", ""),
    ...schema,
    ...(schema === NUMBER ? { minimum: Number(least), maximum: Number(most) } : {}),
    ...(standard === undefined ? {} : { default: /^\d+$/.test(standard) ? Number(standard) : standard }),
  };
  // Draft 07 ignores everything beside a $ref.
  return "$ref" in schema ? { description: whole.description, allOf: [schema] } : whole;
}

function objectOf(name: string, { heading, keys, more }: Shape, reference: string): Schema {
  const rows = rowsUnder(reference, heading);
  const undone = [...rows.keys()].filter((key) => !(key in keys));
  if (undone.length > 0) {
    throw new Fault(
      `docs/reference/policy.md has ${undone.join(", ")} under "${heading}": add it to tools/policy-schema.ts`,
    );
  }
  const properties = Object.entries(keys).map(([key, schema]) => {
    const row = rows.get(key);
    if (!row) throw new Fault(`docs/reference/policy.md has no row for ${name}.${key} under "${heading}".`);
    return [key, described(key, schema, row)] as const;
  });
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties), ...more };
}

/**
 * The definitions of all objects of a pluginConfig, where `policy` is the whole. They are made from the table above and
 * docs/reference/policy.md.
 */
export function policyDefinitions(): Record<string, Schema> {
  const reference = readFileSync(inRoot("docs", "reference", "policy.md"), "utf8");
  return Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, objectOf(name, shape, reference)]));
}
