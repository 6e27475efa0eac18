import { join } from "node:path";
import { run } from "./command.ts";
import { Fault } from "./fault.ts";
import { goCommands } from "./go.ts";
import { namedCommand } from "./named-command.ts";
import { inRoot } from "./paths.ts";
import { notice } from "./progress.ts";
import { onPath } from "./search-path.ts";

/** The oldest nats-server whose behaviour the tests expect, as [major, minor]. */
const LOWEST_SERVER = [2, 15] as const;

/** nats-server and nats in the versions that tools/go/go.mod pins, built once per machine. */
function builtTools(): Promise<string> {
  return goCommands({
    commands: "nats-server and nats",
    about: "from their Go modules (about a minute)",
    name: "go",
    module: inRoot("tools", "go"),
  });
}

/** [2, 15] from `nats-server: v2.15.2`. Undefined if the file is not a nats-server. */
async function serverVersion(server: string): Promise<[number, number] | undefined> {
  const { output } = await run(server, ["--version"]);
  const found = /nats-server: v(\d+)\.(\d+)/.exec(output);
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}

function isRecent([major, minor]: [number, number]): boolean {
  return major > LOWEST_SERVER[0] || (major === LOWEST_SERVER[0] && minor >= LOWEST_SERVER[1]);
}

/** The nats-server to use: $NATS_SERVER if set, else the one in PATH if it is recent enough, else the pinned one. */
export async function findNatsServer(): Promise<string> {
  const lowest = LOWEST_SERVER.join(".");
  const named = process.env["NATS_SERVER"];
  if (named) {
    const version = await serverVersion(named);
    if (!version)
      throw new Fault(`$NATS_SERVER is ${named}, which is not a nats-server. Unset it, or let it name one.`);
    if (!isRecent(version)) {
      notice(`$NATS_SERVER is nats-server ${version.join(".")}; the tests are written against ${lowest}.`);
    }
    return named;
  }

  const installed = onPath("nats-server");
  if (installed) {
    const version = await serverVersion(installed);
    if (version && isRecent(version)) return installed;
    const was = version ? version.join(".") : "of unknown version";
    notice(`${installed} is nats-server ${was}, older than ${lowest}: not used. NATS_SERVER=${installed} insists.`);
  }
  return join(await builtTools(), "nats-server");
}

/** The `nats` command to use: $NATS if set, else the one in PATH, else the pinned one. */
export async function findNats(): Promise<string> {
  return (await namedCommand("NATS", "the nats command")) ?? onPath("nats") ?? join(await builtTools(), "nats");
}
