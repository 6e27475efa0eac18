/** Go's encoding/json escapes these as well (`HTMLEscape`), so the `>` of each `orders.>` has six bytes. */
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

/** The compact JSON that Go's encoding/json makes of a value whose keys are in this order, as Kubernetes and kubectl write it. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    ESCAPED_BY_GO,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The text that istiod makes of a `pluginConfig`, byte by byte: Go's, with the keys of each object in the order of their bytes (Istio's
 * `protomarshal.ToJSON`, by jsonpb of github.com/golang/protobuf). `value` is what a manifest holds.
 */
export function istioJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(istioJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return goJson(value);
  const members = Object.entries(value).sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return `{${members.map(([key, member]) => `${goJson(key)}:${istioJson(member)}`).join(",")}}`;
}
