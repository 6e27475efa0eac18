import type { Command } from "commander";
import type { Colors } from "picocolors/types.js";
import type { ExitStatus } from "../exit-status.ts";
import type { Filter } from "../filter-host.ts";

/** The parts of the outside world that a command may use. */
export interface Context {
  /** Compiled when the first command asks for it. */
  filter(): Filter;
  write(text: string): void;
  readStandardInput(): Buffer;
  colors: Colors;
  /** To be called once, with the exit status of the process. */
  end(status: ExitStatus): void;
}

/** Adds one subcommand. A new one is a file beside this and a line in `program.ts`. */
export type AddCommand = (program: Command, context: Context) => void;

export type OutputFormat = "text" | "json";

/** Options that both commands have. */
export interface JudgingOptions {
  output: OutputFormat;
  strict: boolean;
  namespace: string;
}
