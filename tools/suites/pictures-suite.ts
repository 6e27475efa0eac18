import { findPrometheus } from "../prometheus.ts";
import { nodeSuite } from "./node-suite.ts";
import type { RunSuite } from "./result.ts";

/** Dashboards and alerts. Prometheus is built first, because several of the files need it and would all build it at once. */
export const picturesSuite: RunSuite = async (write, files) => {
  await findPrometheus();
  return nodeSuite("pictures")(write, files);
};
