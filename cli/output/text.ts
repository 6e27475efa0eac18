import type { Colors } from "picocolors/types.js";
import { placeText } from "../manifests/place.ts";
import type { Finding, Severity } from "../doctor/finding.ts";

/**
 * Texts of manifests and file names reach a terminal here. This escapes their control characters, characters that reverse the
 * order of a line (U+202E), and invisible ones.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
  });
}

/** `1 file`, `2 files`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

const PAINT: Record<Severity, keyof Colors & ("red" | "yellow" | "cyan")> = {
  error: "red",
  warning: "yellow",
  info: "cyan",
};

/** `file:line:column: severity: message [id]`, the remedy on a line below. */
export function findingText({ id, severity, place, message, remedy }: Finding, colors: Colors): string {
  const where = colors.bold(printable(placeText(place)));
  const what = `${colors[PAINT[severity]](severity)}: ${printable(message)} ${colors.dim(`[${id}]`)}`;
  return `${where}: ${what}\n    ${printable(remedy)}\n`;
}

/** `2 errors, 1 warning`; "nothing found" where there is nothing. */
export function countsText(counts: Record<Severity, number>): string {
  const parts = (Object.entries(counts) as [Severity, number][])
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => (severity === "info" ? `${count} info` : counted(count, severity)));
  return parts.length === 0 ? "nothing found" : parts.join(", ");
}
