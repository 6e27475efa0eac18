/** The cells of the table under a heading of a page, row by row: the titles first, then the rule below them. */
export function tableUnder(page: string, heading: string): string[][] {
  const [, section = ""] = page.split(`\n${heading}\n`);
  const lines = (section.split(/\n#+ /)[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
