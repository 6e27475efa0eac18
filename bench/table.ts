import { stripVTControlCharacters } from "node:util";

export interface Table {
  /** Column titles. A title that ends with `>` belongs to a right-aligned column; the sign is not shown. */
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** The table as lines for a terminal, with columns two blanks apart. Cells may contain colours. */
export function toTerminal({ columns, rows }: Table): string {
  const titles = columns.map((column) => column.replace(/>$/, ""));
  const widths = titles.map((title, i) => Math.max(...[title, ...rows.map((row) => row[i] ?? "")].map(widthOf)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const blanks = " ".repeat((widths[i] ?? 0) - widthOf(cell));
        return columns[i]?.endsWith(">") ? blanks + cell : cell + blanks;
      })
      .join("  ")
      .trimEnd();
  return [titles, ...rows].map((cells) => `${line(cells)}\n`).join("");
}

/** The table in Markdown. */
export function toMarkdown({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  const titles = columns.map((column) => column.replace(/>$/, ""));
  const rule = columns.map((column) => (column.endsWith(">") ? "---:" : "---"));
  return [titles, rule, ...rows].map(line).join("");
}
