/** The position of something in a file. Lines and columns start at 1, and columns count UTF-16 units, as editors do. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

/** Where a line and a column of a text are. The text may be a part of a file. */
export type PlaceOf = (line: number, column: number) => Place;

/** As compilers write it, so that terminals and editors find it. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** For sorting: by line, then by column. Files keep the order in which they were named. */
export function byPosition(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}
