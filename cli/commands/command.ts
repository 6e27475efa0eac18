import type { Command } from "commander";
import type { Colors } from "picocolors/types.js";
import type { ExitStatus } from "../exit-status.ts";
import type { Filter } from "../filter-host.ts";

/** What a command may touch of the world. */
export interface Context {
  /** Compiled when the first command asks for it. */
  filter(): Filter;
  write(text: string): void;
  readStandardInput(): Buffer;
  colors: Colors;
  /** To be called once, with what the process ends with. */
  end(status: ExitStatus): void;
}

/** Adds one subcommand. A new one is a file beside this and a line in `program.ts`. */
export type AddCommand = (program: Command, context: Context) => void;

export type OutputFormat = "text" | "json";

/** Options that all judging commands have. */
export interface JudgingOptions {
  output: OutputFormat;
  strict: boolean;
  namespace: string;
}
