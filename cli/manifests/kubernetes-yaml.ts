import {
  isScalar,
  type DocumentOptions,
  type ParseOptions,
  type Scalar,
  type ScalarTag,
  type SchemaOptions,
  type Tags,
} from "yaml";

/** Whole numbers with a base before the digits, as `strconv.ParseInt` takes them of its own accord. */
const BASED = /^(?<sign>[-+]?)0(?<base>[xX](?=[0-9a-fA-F]+$)|[bB](?=[01]+$)|[oO]?(?=[0-7]+$))(?<digits>\w+)$/;

const DECIMAL = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;

const INFINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** The number that a plain scalar is; undefined for a text. go-yaml `resolve`, the part on hints of digits, signs and dots. */
function numberOf(text: string): number | undefined {
  // Where a dot comes first Go itself takes the underscores out, and only those between digits.
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
      onError(`${text} is no number in JSON, which Kubernetes speaks: write it in quotes if it is a text`);
    return numberOf(text) ?? text;
  },
};

/** Tags of YAML 1.1 of whose scalars go-yaml makes the same: `yes`, `no`, `on`, `off`, `y` and `n` are no texts. */
const SHARED = new Set(["map", "seq", "str", "null", "bool"].map((name) => `tag:yaml.org,2002:${name}`));

/** Whether a key merges: only `<<` without quotes and tag does. The parser has a symbol for it. */
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
};
