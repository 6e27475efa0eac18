/** What one suite came to. */
export interface SuiteResult {
  passed: number;
  /** Names of what failed, as somebody would look for them. */
  failed: string[];
  skipped: number;
}

/** Runs one suite; `write` takes its output as it comes. */
export type RunSuite = (write: (chunk: string | Uint8Array) => void, files: readonly string[]) => Promise<SuiteResult>;
