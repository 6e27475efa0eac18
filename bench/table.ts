export interface Table {
  /** Column titles. A title that ends with `>` belongs to a right-aligned column; the sign is not shown. */
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** The table without the columns in which no row has anything. */
export function withoutEmpty({ columns, rows }: Table): Table {
  const isFilled = columns.map((_, i) => i === 0 || rows.some((row) => (row[i] ?? "") !== ""));
  const kept = <T>(cells: readonly T[]): T[] => cells.filter((_, i) => isFilled[i]);
  return { columns: kept(columns), rows: rows.map(kept) };
}

/** The table as lines for a terminal, with columns two blanks apart. */
export function toTerminal({ columns, rows }: Table): string {
  const titles = columns.map((column) => column.replace(/>$/, ""));
  const widths = titles.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i] ?? "")].map((c) => c.length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => {
        const [cell, width] = [cells[i] ?? "", widths[i] ?? 0];
        return column.endsWith(">") ? cell.padStart(width) : cell.padEnd(width);
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
