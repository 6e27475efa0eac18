import { deployTools, ociImageCommand } from "../deploy-tools.ts";
import { nodeSuite } from "./node-suite.ts";
import type { RunSuite } from "./result.ts";

const tests = nodeSuite("deploy");

/** test/deploy, with helm, kustomize and crane built before: otherwise each of its files would begin to, all at once. */
export const deploySuite: RunSuite = async (write, files) => {
  await deployTools();
  await ociImageCommand();
  return tests(write, files);
};
