import { deployTools, ociImageCommand } from "../deploy-tools.ts";
import { findPrometheus } from "../prometheus.ts";
import { buildCountingFilter, buildLongFilter, buildStepCountingFilter } from "../wasm.ts";
import { istioSuite } from "./istio-suite.ts";
import { lintSuite } from "./lint-suite.ts";
import { nodeSuite } from "./node-suite.ts";
import type { RunSuite } from "./result.ts";
import { unitSuite } from "./unit-suite.ts";

export interface Suite {
  name: string;
  about: string;
  /** Suites of one stage overlap, and stages run one after the other: each has something that computes and something that waits. */
  stage: number;
  run: RunSuite;
  /** What must have the machine for itself. It runs when all stages are over. */
  tail?: RunSuite;
  /** Only `npm run test:nightly` runs it, or its own command. */
  isNightly?: boolean;
}

/** Every suite. */
export const SUITES: readonly Suite[] = [
  { name: "lint", about: "formatting, lint and types", stage: 1, run: lintSuite },
  { name: "unit", about: "assembly/ by as-pect, with coverage", stage: 1, run: unitSuite },
  { name: "tools", about: "set-up and the count of tests", stage: 1, ...nodeSuite("tools") },
  {
    name: "deploy",
    about: "manifests, chart, image, and the schema of the policy",
    stage: 1,
    ...nodeSuite("deploy", { prepare: () => Promise.all([deployTools(), ociImageCommand()]) }),
  },
  {
    name: "host",
    about: "the compiled Wasm in a small Node host",
    stage: 2,
    ...nodeSuite("host", {
      prepare: async () => {
        for (const build of [buildCountingFilter, buildStepCountingFilter, buildLongFilter]) await build();
      },
    }),
  },
  {
    name: "e2e",
    about: "real clients, real Envoys, a real nats-server",
    stage: 2,
    ...nodeSuite("e2e", { concurrency: 4 }),
  },
  { name: "cli", about: "the command istio-nats: doctor and check", stage: 3, ...nodeSuite("cli") },
  {
    name: "conformance",
    about: "sessions recorded from nats-server, through the filter",
    stage: 3,
    ...nodeSuite("conformance"),
  },
  { name: "istio", about: "Istio's own code, real Envoys, a real nats-server", stage: 4, run: istioSuite(".") },
  {
    name: "fuzz",
    about: "mutated streams and configurations, with nats-server as the oracle",
    stage: 4,
    ...nodeSuite("fuzz"),
  },
  {
    name: "pictures",
    about: "dashboards, alerts and gates, in a real Prometheus",
    stage: 4,
    ...nodeSuite("pictures", { prepare: findPrometheus }),
  },
  { name: "istiod", about: "the real pilot-discovery", stage: 5, run: istioSuite("./istiod"), isNightly: true },
];
