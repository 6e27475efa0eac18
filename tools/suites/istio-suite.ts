import { binariesEnvironment } from "../binaries.ts";
import { run } from "../command.ts";
import { makeFilterImage } from "../image-build.ts";
import { ISTIO_MODULE, istioTests, pilotDiscovery, type IstioPackage } from "../istio.ts";
import { buildFilter } from "../wasm.ts";
import type { RunSuite, SuiteResult } from "./result.ts";

/** Go's own limit for all tests of the binary together. */
const TIMEOUT = "-test.timeout=15m";

/**
 * Counts what a test binary says with `-test.v`: tests that have parts count by their parts. A test that began and came to
 * no end has failed, as has one that was ended by a panic.
 */
export function goTestCounts(output: string): SuiteResult {
  const verdicts = new Map<string, string>();
  for (const [, name] of output.matchAll(/^=== RUN +(\S+)$/gm)) verdicts.set(name ?? "", "FAIL");
  for (const [, verdict, name] of output.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+) \(/gm)) {
    verdicts.set(name ?? "", verdict ?? "");
  }
  const result: SuiteResult = { passed: 0, failed: [], skipped: 0 };
  const names = [...verdicts.keys()];
  for (const [name, verdict] of verdicts) {
    const parts = names.filter((other) => other.startsWith(`${name}/`));
    // A fault of the whole beside its parts is nobody else's.
    const isWhole = parts.length > 0 && (verdict !== "FAIL" || parts.some((part) => verdicts.get(part) === "FAIL"));
    if (isWhole) continue;
    if (verdict === "PASS") result.passed += 1;
    else if (verdict === "SKIP") result.skipped += 1;
    else result.failed.push(name);
  }
  return result;
}

/**
 * The tests of one package of test/istio, with the filter in its image and the real commands at hand. What stands behind
 * the command line narrows the tests by their names, as Go's -run does.
 */
export function istioSuite(folder: IstioPackage): RunSuite {
  return async (write, names) => {
    const filter = await buildFilter();
    const image = await makeFilterImage(filter);
    const { binary, bootstrap } = await istioTests(folder);
    const env = {
      ...(await binariesEnvironment()),
      ...(folder === "./istiod" ? { PILOT_DISCOVERY: await pilotDiscovery() } : {}),
      ISTIO_BOOTSTRAP: bootstrap,
      ISTIO_NATS_IMAGE: image.folder,
      ISTIO_NATS_WASM: filter,
    };
    const args = ["-test.v", TIMEOUT, ...(names.length > 0 ? [`-test.run=${names.join("|")}`] : [])];
    const { status, output } = await run(binary, args, { cwd: ISTIO_MODULE, env, onOutput: write });
    const result = goTestCounts(output);
    if (status !== 0 && result.failed.length === 0) result.failed.push(`the tests ended with status ${status}`);
    return result;
  };
}
