import type { Colors } from "picocolors/types.js";
import { placeText } from "../manifests/place.ts";
import type { Finding, Severity } from "../doctor/finding.ts";

/** Texts of manifests reach a terminal here: no control character of theirs may. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
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
    .map(([severity, count]) => `${count} ${severity === "info" || count === 1 ? severity : `${severity}s`}`);
  return parts.length === 0 ? "nothing found" : parts.join(", ");
}
