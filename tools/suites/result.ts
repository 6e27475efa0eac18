/** How long a file of tests took. */
export interface FileTime {
  file: string;
  seconds: number;
  /** What its own process computed, in seconds, without what that started. */
  cpu: number;
}

/** The result of one suite. */
export interface SuiteResult {
  passed: number;
  /** What failed: first the name that a reader would search for, and on further lines the cause, if it is known. */
  failed: string[];
  skipped: number;
  /** How long each file took, where the suite has files of its own. */
  files: FileTime[];
}

/** The result of nothing. */
export function noResult(): SuiteResult {
  return { passed: 0, failed: [], skipped: 0, files: [] };
}

/** The result of two parts of a suite. */
export function sumOf(one: SuiteResult, other: SuiteResult): SuiteResult {
  return {
    passed: one.passed + other.passed,
    failed: [...one.failed, ...other.failed],
    skipped: one.skipped + other.skipped,
    files: [...one.files, ...other.files],
  };
}

/** Runs one suite, or a part of it. `write` gets its output as it comes; `files` narrow it to some of its files. */
export type RunSuite = (write: (chunk: string | Uint8Array) => void, files: readonly string[]) => Promise<SuiteResult>;
