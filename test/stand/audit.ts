import { schemaFaults } from "./audit-schema.ts";

/** One audit line of the filter: a JSON object. */
export type AuditRecord = Record<string, unknown>;

/**
 * A line that a Wasm module logged, as Envoy writes it (source/extensions/common/wasm/context.cc): `[…][warning][wasm] […] wasm log
 * <plugin> <root id> <vm id>: text`. The ids may be empty or contain anything but a colon and a space. The rest is the text.
 */
const WASM_LINE = /\]\[\w+\]\[wasm\].*?\bwasm log[^:]*: (.*)$/;

/**
 * What Wasm modules have logged. A line without its end is left out: Envoy is still writing it, and a reader may see half of a
 * single write.
 */
export function wasmLines(log: string): string[] {
  const lines = log.split("\n").slice(0, -1);
  return lines.flatMap((line) => WASM_LINE.exec(line)?.[1] ?? []);
}

/**
 * The audit records in an Envoy's log. Throws if a line begins like a record but is not JSON, or does not conform to the published
 * schema, because that is a fault of the filter.
 */
export function auditRecords(log: string): AuditRecord[] {
  return wasmLines(log)
    .filter((text) => text.startsWith("{"))
    .map(recordOf);
}

/** One line as a record. */
export function recordOf(text: string): AuditRecord {
  const record = JSON.parse(text) as AuditRecord;
  // Other modules of the tests also log JSON.
  const faults = "istio_nats_audit" in record ? schemaFaults(record) : "";
  if (faults !== "") throw new Error(faults);
  return record;
}
