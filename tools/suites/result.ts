/** What one suite came to. */
export interface SuiteResult {
  passed: number;
  /** What failed: the name that somebody would look for, and on further lines why, where that is known. */
  failed: string[];
  skipped: number;
}

/** Runs one suite; `write` takes its output as it comes. */
export type RunSuite = (write: (chunk: string | Uint8Array) => void, files: readonly string[]) => Promise<SuiteResult>;
