import { cachedFolder, pinOf } from "./cached-folder.ts";
import { must, run } from "./command.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";
import { join } from "node:path";

const NEEDS_PIP =
  "Python packages come through pip. Is python3 here, with pip or venv (Debian: apt install python3-venv)?";

/** A Python that has pip: the machine's own, or a virtual environment's, because Debian's python3 comes without pip. */
async function pythonWithPip(): Promise<string> {
  const { status } = await run("python3", ["-m", "pip", "--version"]);
  if (status === 0) return "python3";
  const venv = await cachedFolder("python-pip", async (folder) => {
    await must(NEEDS_PIP, "python3", ["-m", "venv", folder]);
  });
  return join(venv, "bin", "python");
}

/**
 * Installs what `tools/python/<name>.txt` pins by hash, and returns the folder to put on PYTHONPATH. It accepts only wheels, so no
 * package's own code runs during the installation.
 */
export function pythonPackages(name: string, title: string): Promise<string> {
  const pins = inRoot("tools", "python", `${name}.txt`);
  return cachedFolder(`python-${name}-${pinOf(pins)}`, async (folder) => {
    await step(title, async () => {
      const python = await pythonWithPip();
      const fixed = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
      const args = ["-m", "pip", "install", "--quiet", ...fixed, "--target", folder, "--requirement", pins];
      await must(`${NEEDS_PIP} Is the Python Package Index reachable?`, python, args);
    });
  });
}
