import { deployTools, ociImageCommand } from "../deploy-tools.ts";
import { nodeSuite } from "./node-suite.ts";
import type { RunSuite } from "./result.ts";

const tests = nodeSuite("deploy");

/**
 * test/deploy. helm, kustomize and crane are built first, because otherwise each of its files would start to build them at once.
 */
export const deploySuite: RunSuite = async (write, files) => {
  await deployTools();
  await ociImageCommand();
  return tests(write, files);
};
