import { buildCountingFilter, buildLongFilter, buildStepCountingFilter } from "../wasm.ts";
import { nodeSuite } from "./node-suite.ts";
import type { RunSuite } from "./result.ts";

const tests = nodeSuite("host");

/**
 * test/host. The builds that several of its files need are made first, because otherwise each of these would start to make them at
 * once. Files that are named make their own.
 */
export const hostSuite: RunSuite = async (write, files) => {
  if (files.length === 0)
    for (const build of [buildCountingFilter, buildStepCountingFilter, buildLongFilter]) await build();
  return tests(write, files);
};
