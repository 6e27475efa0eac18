import { stripVTControlCharacters } from "node:util";

export interface Table {
  /** Column titles. A title that ends with `>` belongs to a right-aligned column; the sign is not shown. */
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Blanks between two columns. */
const GAP = 2;

/** Where a table is too wide, a column of text gets no more than this share of the terminal, but so much that a word fits. */
const TEXT_SHARE = 1 / 3;
const LEAST_TEXT = 16;

const isOfNumbers = (column: string): boolean => column.endsWith(">");

/** Breaks a text between words, so that no line is wider than `width`, except for a longer word. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The columns by their numbers, in parts that fit into `width`. Each part begins with the first column, which names the rows. */
function partsOf(widths: readonly number[], width: number): number[][] {
  const parts: number[][] = [[0]];
  let used = widths[0] ?? 0;
  for (const [i, wide] of [...widths.entries()].slice(1)) {
    const part = parts.at(-1) ?? [];
    if (part.length > 1 && used + GAP + wide > width) {
      parts.push([0]);
      used = widths[0] ?? 0;
    }
    parts.at(-1)?.push(i);
    used += GAP + wide;
  }
  return parts;
}

/**
 * The table as lines for a terminal, with columns two blanks apart. Cells may contain colours. A table that is wider than `width`
 * breaks its texts, and comes in parts, one below the other, if that is not enough: lines that the terminal breaks nobody can read.
 */
export function toTerminal({ columns, rows }: Table, width = Infinity): string {
  const titles = columns.map((column) => column.replace(/>$/, ""));
  const natural = titles.map((title, i) => Math.max(...[title, ...rows.map((row) => row[i] ?? "")].map(widthOf)));
  const isWide = natural.reduce((sum, each) => sum + GAP + each, -GAP) > width;
  const most = isWide ? Math.max(LEAST_TEXT, Math.floor(width * TEXT_SHARE)) : Infinity;
  const cells = [titles, ...rows].map((row) =>
    columns.map((column, i) => (isOfNumbers(column) ? [row[i] ?? ""] : wrapped(row[i] ?? "", most))),
  );
  const widths = columns.map((_, i) => Math.max(...cells.flatMap((row) => (row[i] ?? []).map(widthOf))));
  const line = (row: readonly string[][], part: readonly number[], at: number): string =>
    part
      .map((i) => {
        const cell = row[i]?.[at] ?? "";
        const blanks = " ".repeat((widths[i] ?? 0) - widthOf(cell));
        return isOfNumbers(columns[i] ?? "") ? blanks + cell : cell + blanks;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  return partsOf(widths, width)
    .map((part) =>
      cells
        .flatMap((row) =>
          Array.from({ length: Math.max(...part.map((i) => row[i]?.length ?? 0)) }, (_, at) => line(row, part, at)),
        )
        .map((text) => `${text}\n`)
        .join(""),
    )
    .join("\n");
}

/** How wide the terminal is, or Infinity where the output goes into a file or a pipe. */
export function terminalWidth(): number {
  const { isTTY, columns } = process.stdout;
  // A pseudo-terminal that nobody has told its size has 0 columns.
  return isTTY && columns > 0 ? columns : Infinity;
}

/** The table in Markdown. */
export function toMarkdown({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  const titles = columns.map((column) => column.replace(/>$/, ""));
  const rule = columns.map((column) => (column.endsWith(">") ? "---:" : "---"));
  return [titles, rule, ...rows].map(line).join("");
}
