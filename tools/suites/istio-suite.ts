import { binariesEnvironment } from "../binaries.ts";
import { buildCommand } from "../cli.ts";
import { run } from "../command.ts";
import { lockImage, makeFilterImage } from "../image-build.ts";
import { ISTIO_MODULE, istioTests, pilotDiscovery, type IstioPackage } from "../istio.ts";
import { buildFilter } from "../wasm.ts";
import { noResult, type RunSuite, type SuiteResult } from "./result.ts";

/** Go's own time limit for all tests of the binary together. */
const TIMEOUT = "-test.timeout=15m";

/**
 * Counts the tests that a test binary reports with `-test.v`. A test that has subtests counts as its subtests. A test that started
 * and did not finish has failed, and so has one that a panic ended.
 */
export function goTestCounts(output: string): SuiteResult {
  const verdicts = new Map<string, string>();
  for (const [, name] of output.matchAll(/^=== RUN +(\S+)$/gm)) verdicts.set(name ?? "", "FAIL");
  for (const [, verdict, name] of output.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+) \(/gm)) {
    verdicts.set(name ?? "", verdict ?? "");
  }
  const result = noResult();
  const names = [...verdicts.keys()];
  for (const [name, verdict] of verdicts) {
    const parts = names.filter((other) => other.startsWith(`${name}/`));
    // A test whose subtests all passed can still fail itself; nothing else would report that.
    const isWhole = parts.length > 0 && (verdict !== "FAIL" || parts.some((part) => verdicts.get(part) === "FAIL"));
    if (isWhole) continue;
    if (verdict === "PASS") result.passed += 1;
    else if (verdict === "SKIP") result.skipped += 1;
    else result.failed.push(name);
  }
  return result;
}

/**
 * The tests of one package of test/istio, with the filter in its image and the real commands in its environment. Arguments on the
 * command line select tests by name, like Go's -run.
 */
export function istioSuite(folder: IstioPackage): RunSuite {
  return async (write, names) => {
    const filter = await buildFilter();
    const giveBack = lockImage();
    const image = await makeFilterImage(filter).finally(giveBack);
    const { binary, bootstrap } = await istioTests(folder);
    const env = {
      ...(await binariesEnvironment()),
      ...(folder === "./istiod" ? { PILOT_DISCOVERY: await pilotDiscovery() } : {}),
      ISTIO_BOOTSTRAP: bootstrap,
      ISTIO_NATS_COMMAND: await buildCommand(),
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
