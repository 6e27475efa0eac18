import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cachedFolder, removeUnused } from "./cached-folder.ts";
import { must } from "./command.ts";
import { goCommands, NEEDS_GO, REPEATABLE } from "./go.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

/** The Go module of the tests that use Istio's own code. */
export const ISTIO_MODULE = inRoot("test", "istio");

/** The packages of the module that hold tests: some run Istio's code in the process, the others run Istio's binary. */
export type IstioPackage = "." | "./istiod";

/** How many test binaries of one package stay in the cache. Each is 190 MiB. */
const KEPT = 3;

const REMEDY = `Istio's code could not be built. ${NEEDS_GO}`;

/** A hash that changes whenever a test binary of the module may change. */
function hashOfModule(): string {
  const hash = createHash("sha256");
  const files = readdirSync(ISTIO_MODULE, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((file) => /\.go$|^go\.(mod|sum)$/.test(file)).sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ISTIO_MODULE, file)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 12);
}

/** What the tests run with. */
export interface IstioTests {
  /** The compiled tests. They must run in `ISTIO_MODULE`. */
  binary: string;
  /** Istio's template of Envoy's bootstrap. It is in Istio's proxy image, but in none of its Go packages. */
  bootstrap: string;
}

/**
 * Compiles the tests of a package, once for a machine and a state of their sources. With an empty Go cache that compiles most of
 * Istio's control plane: seven minutes of CPU (measured), about four minutes on two idle cores. With a full cache it takes ten
 * seconds.
 */
export async function istioTests(folder: IstioPackage): Promise<IstioTests> {
  const prefix = folder === "." ? "istio-tests-" : "istiod-tests-";
  const made = await cachedFolder(`${prefix}${hashOfModule()}`, async (unfinished) => {
    await step(`the tests of test/istio, with Istio's code (about four minutes the first time)`, async () => {
      // No vet, which would also read all of Istio's dependencies.
      const options = ["-c", "-vet=off", ...REPEATABLE, "-ldflags=-s -w"];
      const binary = join(unfinished, "tests");
      await must(REMEDY, "go", ["test", ...options, "-o", binary, folder], { cwd: ISTIO_MODULE });
      const list = ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"];
      const istio = (await must(REMEDY, "go", list, { cwd: ISTIO_MODULE })).trim();
      const template = join(istio, "tools", "packaging", "common", "envoy_bootstrap.json");
      copyFileSync(template, join(unfinished, "envoy_bootstrap.json"));
    });
  });
  removeUnused(prefix, made, KEPT);
  return { binary: join(made, "tests"), bootstrap: join(made, "envoy_bootstrap.json") };
}

/**
 * The command pilot-discovery, which is istiod itself, in the version that test/istio/go.mod pins. It is built once per machine.
 */
export async function pilotDiscovery(): Promise<string> {
  const folder = await goCommands({
    commands: "pilot-discovery",
    about: "from Istio's Go module (up to four minutes)",
    name: "pilot-discovery",
    module: ISTIO_MODULE,
    options: ["-ldflags=-s -w"],
  });
  return join(folder, "pilot-discovery");
}
