/** Where the line of an offset begins. */
export function lineStart(offset: number, text: string): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

/** The line of an offset, without its comment. */
export function lineAt(offset: number, text: string): string {
  const [line = ""] = text.slice(lineStart(offset, text)).split("\n", 1);
  return withoutComment(line);
}

/** A line of YAML without its comment. */
export function withoutComment(line: string): string {
  return line.replace(/(?:^|[ \t])#.*/, "");
}
