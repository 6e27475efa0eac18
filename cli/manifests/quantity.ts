/** What the suffixes of a quantity stand for (k8s.io/apimachinery/pkg/api/resource, `Quantity`). */
const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ...["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].map((suffix, index) => [suffix, 1000 ** (index - 3)] as const),
  ...["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].map((suffix, index) => [suffix, 1024 ** (index + 1)] as const),
]);

/** A number of bytes or CPUs as Kubernetes writes it: `1Gi`, `500m`, `1e9`, `2`. Undefined for what it does not read. */
export function quantityOf(text: string): number | undefined {
  const [, digits = "", exponent = "", suffix = ""] =
    /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([a-zA-Z]*))$/.exec(text) ?? [];
  const unit = SUFFIXES.get(suffix);
  return digits === "" || unit === undefined ? undefined : Number(digits + exponent) * unit;
}
