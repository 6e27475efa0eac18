/** The result of one suite. */
export interface SuiteResult {
  passed: number;
  /** What failed: first the name that a reader would search for, and on further lines the cause, if it is known. */
  failed: string[];
  skipped: number;
}

/** Runs one suite. `write` gets its output as it comes. */
export type RunSuite = (write: (chunk: string | Uint8Array) => void, files: readonly string[]) => Promise<SuiteResult>;
