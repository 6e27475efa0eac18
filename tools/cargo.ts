import { basename, join } from "node:path";
import { must } from "./command.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

const NEEDS_CARGO = "Is cargo here, of Rust 1.89 or newer, and crates.io reachable?";

/**
 * Builds the Rust program in a folder, in the versions that its Cargo.lock pins. The program has the folder's name, and its path is
 * returned. What cargo downloads and makes is kept below build/cargo, so a second build is quick.
 */
export async function buildCargo(folder: string): Promise<string> {
  const target = inRoot("build", "cargo", "target");
  const env = { CARGO_HOME: process.env["CARGO_HOME"] ?? inRoot("build", "cargo", "home") };
  const args = ["build", "--locked", "--quiet", "--target-dir", target];
  await step(`${folder}, which takes minutes the first time`, () =>
    must(`${folder} could not be built. ${NEEDS_CARGO}`, "cargo", args, { cwd: inRoot(folder), env }),
  );
  return join(target, "debug", basename(folder));
}
