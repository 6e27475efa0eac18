import { istioSuite } from "./istio-suite.ts";
import { deploySuite } from "./deploy-suite.ts";
import { hostSuite } from "./host-suite.ts";
import { lintSuite } from "./lint-suite.ts";
import { nodeSuite } from "./node-suite.ts";
import { picturesSuite } from "./pictures-suite.ts";
import type { RunSuite } from "./result.ts";
import { unitSuite } from "./unit-suite.ts";

export interface Suite {
  name: string;
  about: string;
  /**
   * Suites of one stage overlap, and stages run one after the other. A suite that measures time or loads the machine has a stage of
   * its own.
   */
  stage: number;
  run: RunSuite;
}

/** Every suite of `npm test`. */
export const SUITES: readonly Suite[] = [
  { name: "lint", about: "formatting, lint and types", stage: 1, run: lintSuite },
  { name: "tools", about: "set-up and the count of tests", stage: 1, run: nodeSuite("tools") },
  { name: "unit", about: "assembly/ by as-pect, with coverage", stage: 1, run: unitSuite },
  { name: "host", about: "the compiled Wasm in a small Node host", stage: 2, run: hostSuite },
  { name: "cli", about: "the command istio-nats: doctor and check", stage: 2, run: nodeSuite("cli") },
  {
    name: "deploy",
    about: "manifests, chart, image, and the schema of the policy",
    stage: 2,
    run: deploySuite,
  },
  {
    name: "conformance",
    about: "sessions recorded from nats-server, through the filter",
    stage: 3,
    run: nodeSuite("conformance"),
  },
  {
    name: "fuzz",
    about: "mutated streams and configurations, with nats-server as the oracle",
    stage: 4,
    run: nodeSuite("fuzz"),
  },
  { name: "e2e", about: "real clients, real Envoys, a real nats-server", stage: 5, run: nodeSuite("e2e") },
  { name: "istio", about: "Istio's own code, real Envoys, a real nats-server", stage: 6, run: istioSuite(".") },
  { name: "istiod", about: "the real pilot-discovery", stage: 7, run: istioSuite("./istiod") },
  { name: "pictures", about: "dashboards, alerts and gates, in a real Prometheus", stage: 8, run: picturesSuite },
];
