/** The meanings of the command's exit status, for pipelines. */
export const ExitStatus = {
  /** Nothing of severity error was found; with --strict no warning either. */
  FINE: 0,
  FINDINGS: 1,
  /** Wrong usage, a file that cannot be read, or files with nothing to judge. */
  USAGE: 2,
} as const;

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];
