import {
  isScalar,
  parseAllDocuments,
  type Document,
  type DocumentOptions,
  type ParseOptions,
  type Scalar,
  type ScalarTag,
  type SchemaOptions,
  type Tags,
} from "yaml";

/** Whole numbers with a base prefix, as `strconv.ParseInt` accepts them by itself. */
const BASED = /^(?<sign>[-+]?)0(?<base>[xX](?=[0-9a-fA-F]+$)|[bB](?=[01]+$)|[oO]?(?=[0-7]+$))(?<digits>\w+)$/;

const DECIMAL = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;

const INFINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** The number that a plain scalar is; undefined for a string. go-yaml `resolve`, the part on hints of digits, signs and dots. */
function numberOf(text: string): number | undefined {
  // If a dot comes first, Go itself removes the underscores, and only those between digits.
  const plain = text.startsWith(".") ? text.replace(/(?<=\d)_(?=\d)/g, "") : text.replaceAll("_", "");
  const { sign, base = "", digits } = BASED.exec(plain)?.groups ?? {};
  if (digits !== undefined) {
    const size = BigInt(`0${base === "" ? "o" : base.toLowerCase()}${digits}`);
    const most = sign === "" ? 2n ** 64n - 1n : sign === "-" ? 2n ** 63n : 2n ** 63n - 1n;
    if (size <= most) return Number(sign === "-" ? -size : size);
  }
  if (!DECIMAL.test(plain)) return undefined;
  const number = Number(plain);
  return Number.isFinite(number) ? number : undefined;
}

const NUMBER: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^[-+.\d]/,
  resolve: (text, onError) => {
    if (INFINITE.test(text))
      onError(`JSON, which Kubernetes uses, has no number ${text}: write it in quotes if you mean a string`);
    return numberOf(text) ?? text;
  },
};

/** Tags of YAML 1.1 whose scalars go-yaml reads the same way: `yes`, `no`, `on`, `off`, `y` and `n` are not strings. */
const SHARED = new Set(["map", "seq", "str", "null", "bool"].map((name) => `tag:yaml.org,2002:${name}`));

/** Whether a key merges: only `<<` without quotes or a tag does. The parser represents it by a symbol. */
export function isMergeKey(key: unknown): key is Scalar<symbol> {
  return isScalar(key) && typeof key.value === "symbol";
}

/**
 * YAML as kubectl, Helm and Istio read it: sigs.k8s.io/yaml, which is go-yaml v2. Its scalars are those of YAML 1.1 with
 * octal `0o17`, and without times of day and dates.
 */
export const KUBERNETES_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  schema: "yaml-1.1",
  customTags: (tags: Tags): Tags => [...tags.filter((tag) => typeof tag !== "string" && SHARED.has(tag.tag)), NUMBER],
  merge: true,
  // The parser's own search for repeated keys is quadratic: a map with 100,000 keys takes it minutes.
  uniqueKeys: false,
  // Its warnings would go to stderr.
  logLevel: "error",
};

/**
 * The documents of a text. Its faults have no stack traces: the parser makes an error for each, hundreds of thousands for a text of
 * nothing but braces, and their traces took most of the time and of the memory.
 */
export function documentsOf(text: string): readonly Document.Parsed[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const documents = parseAllDocuments(text, { ...KUBERNETES_YAML, prettyErrors: false });
    // For a text without any document the parser returns an empty list of a special type.
    return "empty" in documents ? [] : documents;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The value of a text's first document, as Go's Unmarshal reads it; what follows is not looked at. Throws where it is not YAML. */
export function parseFirst(text: string): unknown {
  const [first] = parseAllDocuments(text, KUBERNETES_YAML);
  const [error] = first?.errors ?? [];
  if (error) throw error;
  return first?.toJS() ?? null;
}
